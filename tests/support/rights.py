"""The rights that roles grant, compared with the operator's requests in the API server's audit log."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import zip_longest
from pathlib import Path
from typing import Any, NamedTuple, Self


class Right(NamedTuple):
    """One verb on one resource, or on one path of the API server's own."""

    verb: str
    resource: str
    """Such as `secrets`, `deployments.apps`, `packageindexes/status.wheelyard.dev` or `/openid/v1/jwks`."""

    def __str__(self) -> str:
        return f"{self.verb} {self.resource}"


@dataclass(frozen=True)
class Install:
    """The operator was installed for these namespaces (or for all), or taken away: from `begin` to `end`."""

    begin: datetime
    end: datetime
    namespaces: tuple[str, ...]

    @property
    def packed(self) -> tuple[str, str, tuple[str, ...]]:
        """Return this in types that another process of the tests can be sent."""
        return self.begin.isoformat(), self.end.isoformat(), self.namespaces

    @classmethod
    def unpacked(cls, packed: tuple[str, str, Iterable[str]]) -> Self:
        """Return what was packed, also if it was JSON in between."""
        begin, end, namespaces = packed
        return cls(datetime.fromisoformat(begin), datetime.fromisoformat(end), tuple(namespaces))


@dataclass(frozen=True)
class Request:
    """What one pod of the operator asked of the API server."""

    time: datetime
    pod: str
    rights: tuple[Right, ...]
    """More than one where a patch has created its object."""
    refused: bool
    where: str
    """The path, for people."""


def granted(roles: Iterable[Any]) -> set[Right]:
    """Return what Roles and ClusterRoles grant. A wildcard is an error: the used part of it would be unknown."""
    rules = [rule for role in roles if role["kind"] in {"Role", "ClusterRole"} for rule in role["rules"]]
    found = set()
    for rule in rules:
        resources = [
            _named(name, group) for group in rule.get("apiGroups", ()) for name in rule.get("resources", ())
        ]
        found |= {
            Right(verb, name) for verb in rule["verbs"] for name in (*resources, *rule.get("nonResourceURLs", ()))
        }
    if wild := [str(right) for right in found if "*" in str(right)]:
        raise AssertionError(f"a role grants {', '.join(wild)}: name what is meant")
    return found


def requests(log: Path, since: datetime) -> list[Request]:
    """Read the log, also what was moved aside because it had grown."""
    found = [each for path in sorted(log.parent.glob(f"{log.stem}*{log.suffix}")) for each in _read(path)]
    return sorted((each for each in found if each.time >= since), key=lambda each: each.time)


def of_installs(found: list[Request], installs: list[Install]) -> Iterator[tuple[Install, Request]]:
    """Return each request with the install that it was made under.

    While one install replaces another, or a release is taken away, the operator that is on its way
    out loses its rights: that is left out.
    """
    for install, following in zip_longest(installs, installs[1:]):
        before = {each.pod for each in found if each.time < install.begin}
        for each in found:
            since = install.end if each.pod in before else install.begin
            if since <= each.time and (following is None or each.time < following.begin):
                yield install, each


@dataclass(frozen=True)
class Verdict:
    """What came of holding roles against requests."""

    wrong: tuple[str, ...]
    summary: str


def verdict(
    found: list[Request],
    installs: list[Install],
    grants: Mapping[tuple[str, ...], set[Right]],
    *,
    whole_suite: bool,
) -> Verdict:
    """Look for refused requests, and, if all tests have run, for granted rights that were never used.

    `grants` are those of the chart, by its namespaces. The same code runs with all of them: what it
    has used with one, it needs with the others.
    """
    counted = list(of_installs(found, installs))
    refused = {(install.namespaces, each.where) for install, each in counted if each.refused}
    used = {right for _, each in counted if not each.refused for right in each.rights}
    wrong = [f"refused to the operator of {_places(names)}: {where}" for names, where in sorted(refused)]
    if whole_suite:
        for namespaces, rights in grants.items():
            unused = ", ".join(sorted(str(each) for each in rights - used))
            wrong += (
                [f"granted to the operator of {_places(namespaces)}, and no test has used it: {unused}"]
                if unused
                else []
            )
    what = "nothing it asks for may be refused"
    if whole_suite:
        what += ", and nothing it never asks for may be granted"
    else:
        what += "; unused grants were not checked: only the whole suite can, if it passes"
    return Verdict(
        tuple(wrong), f"the operator's rights, by {len(counted)} requests: {what}: {'WRONG' if wrong else 'ok'}"
    )


def _places(namespaces: tuple[str, ...]) -> str:
    return "single namespaces" if namespaces else "all namespaces"


def _read(path: Path) -> Iterator[Request]:
    for line in path.read_text().splitlines():
        try:
            event = json.loads(line)
        except ValueError:
            continue  # the last one may just be on its way
        yield _request(event)


def _request(event: Any) -> Request:
    annotations = event.get("annotations", {})
    extra = event["user"].get("extra", {})
    return Request(
        time=datetime.fromisoformat(event["requestReceivedTimestamp"]),
        pod=next(iter(extra.get("authentication.kubernetes.io/pod-name", ())), ""),
        rights=tuple(_rights(event)),
        refused=annotations.get("authorization.k8s.io/decision") == "forbid",
        where=f"{event['verb']} {event['requestURI'].partition('?')[0]}",
    )


def _rights(event: Any) -> Iterator[Right]:
    target = event.get("objectRef")
    if target is None:
        yield Right(event["verb"], event["requestURI"].partition("?")[0])
        return
    subresource = f"/{target['subresource']}" if target.get("subresource") else ""
    name = _named(target["resource"] + subresource, target.get("apiGroup", ""))
    yield Right(event["verb"], name)
    if event["verb"] == "patch" and event.get("responseStatus", {}).get("code") == 201:
        # Server-side apply of a missing object: that needed the right to create it, too.
        yield Right("create", name)


def _named(resource: str, group: str) -> str:
    return f"{resource}.{group}" if group else resource
