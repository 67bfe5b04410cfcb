"""The condition UpstreamsReady: whether servers reach the upstreams, and what to do about each."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import NamedTuple

from wheelyard_operator.condition_types import UPSTREAMS_READY
from wheelyard_operator.problems import Problem
from wheelyard_operator.resource import Grant, PackageIndex, Upstream
from wheelyard_operator.resource.globs import includes
from wheelyard_operator.status.conditions import Condition, truncate
from wheelyard_operator.times import rfc3339
from wheelyard_operator.upstream_states import UpstreamsAnswer, UpstreamState

_MAX_REASON_LENGTH = 200
_MAX_COMPARISONS = 2_000_000
"""Comparisons of a character of one glob with one of another: about 50 ms (2-core VM, 30 November
2026)."""
_STILL_SERVED = (
    "Known pages and kept files are still served, and other names are 503. Mend the upstream, the way to it, or its"
    " settings: nothing needs a restart."
)
_PUBLIC = (
    " Anonymous clients of the external listener may read projects of upstreams: if they should not, write packages"
    " in the grants of anonymous in spec.access.externalGrants."
)


class _Finding(NamedTuple):
    """One sentence of the message, and the reason of the condition if it deserves an event."""

    text: str
    reason: str = ""
    needs_action: bool = True


def upstreams_condition(
    index: PackageIndex, problems: Mapping[str, Problem], answers: Mapping[str, UpstreamsAnswer | None]
) -> Condition:
    """Return UpstreamsReady of an index with upstreams.

    `problems` says why upstreams cannot be used, by their names. `answers` has the answer of each
    ready pod, by name; None did not answer.
    """
    given = [answer for _, answer in sorted(answers.items()) if answer]
    found = [finding for each in index.upstreams for finding in _of(each, problems, given)]
    found += _bound(index, given)
    message = " ".join(each.text for each in found) + (_PUBLIC if _is_public(index) else "")
    reasons = [each.reason for each in found if each.reason and each.needs_action]
    if reasons:
        return Condition(UPSTREAMS_READY, "False", reasons[0], message)
    if not given:
        return Condition(UPSTREAMS_READY, "Unknown", "NotKnown", f"No index server has reported yet. {message}")
    news = [each.reason for each in found if each.reason]
    return Condition(UPSTREAMS_READY, "True", news[0] if news else "Reachable", message)


def _of(
    upstream: Upstream, problems: Mapping[str, Problem], answers: Iterable[UpstreamsAnswer]
) -> Iterator[_Finding]:
    name, problem = upstream.name, problems.get(upstream.name)
    states = [state for answer in answers for state in answer.upstreams if state.name == name]
    if upstream.offline:
        yield _Finding(f"{name}: offline, as spec.upstreams says.")
    elif problem:
        yield _Finding(f"{name}: {problem.message}", problem.reason)
    else:
        yield _reach(name, states)
    yield from _events(name, states)


def _events(name: str, states: list[UpstreamState]) -> Iterator[_Finding]:
    """Yield what has happened since the servers started. Each event is counted by one of them."""
    if conflicts := sum(each.conflicts for each in states):
        yield _Finding(
            f"{name}: {conflicts} {'file has' if conflicts == 1 else 'files have'} another digest than before: the"
            " index keeps what it had and refuses the others. Ask the owner of the upstream, or claim the project.",
            "DigestConflicts",
        )
    if moved := sum(each.owners_changed for each in states):
        what = "name of another upstream now belongs" if moved == 1 else "names of other upstreams now belong"
        yield _Finding(
            f"{name}: {moved} {what} to it, as spec.upstreams says. The logs of the servers have the names.",
            "OwnersChanged",
            needs_action=False,
        )


def _reach(name: str, states: list[UpstreamState]) -> _Finding:
    silent = [each for each in states if not each.is_reachable]
    if silent:
        since = rfc3339(datetime.fromtimestamp(min(each.since for each in silent), UTC))
        reason = truncate(silent[0].reason, _MAX_REASON_LENGTH).rstrip(".")
        count = f"{len(silent)} of {len(states)} index servers"
        return _Finding(f"{name}: not reachable by {count} since {since}: {reason}. {_STILL_SERVED}", "Unreachable")
    return _Finding(f"{name}: reachable." if states else f"{name}: not known yet.")


def _bound(index: PackageIndex, answers: Iterable[UpstreamsAnswer]) -> list[_Finding]:
    """Return a finding if files are not kept: only then is the bound in the way."""
    if index.serving.mirrored_bytes is None or not any(each.unkept for each in answers):
        return []
    text = "Files of upstreams are served without being kept: raise spec.limits.mirroredSize to keep them."
    return [_Finding(text, "MirroredSizeReached")]


def _is_public(index: PackageIndex) -> bool:
    """Return whether anonymous clients of the external listener may read names that upstreams may have.

    A tenant writes the globs, and all indexes wait: too many are not compared, and count as public.
    """
    private, read = index.private_names, {glob for each in index.external_grants for glob in _read_by_all(each)}
    if sum(map(len, private)) * sum(map(len, read)) > _MAX_COMPARISONS:
        return True
    return not all(any(includes(outer, glob) for outer in private) for glob in read)


def _read_by_all(grant: Grant) -> tuple[str, ...]:
    return grant.packages if "anonymous" in grant.subjects and "read" in grant.verbs else ()
