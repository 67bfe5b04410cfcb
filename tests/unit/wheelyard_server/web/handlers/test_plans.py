"""A policy file is compared with the one in force, for files that are in use."""

import hashlib
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest
import yaml

from support import distributions
from support.access import NOBODY, OWNER, PUBLISHER, READER
from support.http import Client, auth, form
from support.memory_storage import MemoryStorage
from support.mirrored_projects import mirror, never_asked
from wheelyard_server.app import CATALOG
from wheelyard_server.catalog import plans
from wheelyard_server.settings import Settings
from wheelyard_server.settings.policy import parse_policy
from wheelyard_server.web.handlers.openapi import document

OFF = {"cooldown": {"action": "Off"}, "malware": {"action": "Off"}}


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return msgspec.structs.replace(settings, upstreams=(never_asked("open-up"),))


@pytest.fixture
async def client(client: Client, storage: MemoryStorage, tmp_path: Path) -> Client:
    """Return an index without rules, with two projects of its own and one of an upstream. demo 1.0 was fetched."""
    for name, version in (("demo", "1.0"), ("demo", "2.0"), ("secret_a", "1.0")):
        path = distributions.wheel(tmp_path, name, version)
        assert (await client.post("/legacy/", data=form(path), headers=auth(PUBLISHER))).status == 200
    await mirror(storage, "open-up", distributions.wheel(tmp_path, "open_up"))
    count(client, "demo", "demo-1.0-py3-none-any.whl", times=3)
    count(client, "secret-a", "secret_a-1.0-py3-none-any.whl")
    return client


def count(client: Client, project: str, filename: str, times: int = 1) -> None:
    catalog = client.server.app[CATALOG]  # type: ignore[attr-defined]
    for _ in range(times):
        login = ("", "none", "")
        catalog.fetches.counter.count((project, filename, "a" * 64, "1.0"), login, "192.0.2.7", "pip")


async def plan(
    client: Client, policy: Any, *releases: tuple[str, str], token: str = OWNER, **more: Any
) -> tuple[int, Any]:
    """Return the status and the answer, which is as the server's own description says."""
    text = policy if isinstance(policy, str) else yaml.safe_dump({"policy": policy})
    body = {"policy": text, "releases": [{"project": name, "version": each} for name, each in releases], **more}
    answer = await client.post("/api/v1/policy/plan", json=body, headers=auth(token) if token else {})
    content = await answer.json(content_type=None)
    described = document()["paths"]["/api/v1/policy/plan"]["post"]["responses"]
    ((_, schema),) = described["200" if answer.status == 200 else "default"]["content"].items()
    jsonschema.validate(content, {**schema["schema"], "components": document()["components"]})
    return answer.status, content


def changes(answer: Any) -> dict[str, tuple[bool, str | None]]:
    return {
        each["filename"] or each["project"]: (each["isBlocked"], each["after"]["rule"])
        for each in answer["changes"]
    }


OLD_DEMO = {"packages": ["demo"], "versions": "<2", "reason": "use demo 2"}
DENIED = {**OFF, "deny": [OLD_DEMO]}


async def test_a_fetched_file_that_would_be_refused_is_blocked_and_others_are_not_named(client: Client) -> None:
    status, answer = await plan(client, DENIED)
    assert (status, answer["blocked"], answer["checked"]) == (200, 1, 1)
    (change,) = answer["changes"]
    assert (change["project"], change["version"], change["filename"]) == (
        "demo",
        "1.0",
        "demo-1.0-py3-none-any.whl",
    )
    assert (change["fetches"], change["isBlocked"], change["isLocked"]) == (3, True, False)
    assert (change["before"]["isServed"], change["after"]["isServed"]) == (True, False)
    assert "use demo 2" in change["after"]["reason"]
    assert answer["coverage"]["days"] == 30


async def test_a_rule_that_reports_changes_something_and_blocks_nothing(client: Client) -> None:
    _, answer = await plan(client, {**OFF, "deny": [{**OLD_DEMO, "action": "Report"}]})
    assert answer["blocked"] == 0
    (change,) = answer["changes"]
    assert (change["isBlocked"], change["after"]["reported"], change["after"]["isServed"]) == (
        False,
        ["deny"],
        True,
    )


async def test_a_policy_that_changes_nothing_has_an_empty_plan_and_is_not_put_in_force(client: Client) -> None:
    basis = client.server.app[CATALOG].basis.value  # type: ignore[attr-defined]
    assert (await plan(client, OFF))[1]["changes"] == []
    assert (await plan(client, DENIED))[1]["blocked"] == 1
    assert client.server.app[CATALOG].basis.value is basis  # type: ignore[attr-defined]


async def test_the_default_cooldown_concerns_upstreams_files_alone(client: Client) -> None:
    count(client, "open-up", "open_up-1.0-py3-none-any.whl")
    _, answer = await plan(client, {})
    assert changes(answer) == {"open_up-1.0-py3-none-any.whl": (True, "cooldown")}


async def test_a_locked_release_is_blocked_if_none_of_its_files_is_left(client: Client, tmp_path: Path) -> None:
    sdist = distributions.sdist(tmp_path)
    assert (await client.post("/legacy/", data=form(sdist), headers=auth(PUBLISHER))).status == 200
    digest = hashlib.sha256(sdist.read_bytes()).hexdigest()
    only_sdist = {**OFF, "deny": [{"sha256": [digest]}]}
    _, answer = await plan(client, only_sdist, ("demo", "1.0"))
    assert changes(answer) == {sdist.name: (False, "deny")}, "the wheel is left"
    _, answer = await plan(client, {**OFF, "deny": [{"packages": ["demo"]}]}, ("Demo", "2"))
    assert changes(answer) == {
        "demo-1.0-py3-none-any.whl": (True, "deny"),
        "demo-2.0-py3-none-any.whl": (True, "deny"),
    }
    assert [each["isLocked"] for each in answer["changes"]] == [False, True]


async def test_of_a_release_that_is_not_known_only_its_name_is_judged(client: Client) -> None:
    _, answer = await plan(
        client, {**OFF, "deny": [{"packages": ["open-evil"]}]}, ("open-evil", "1.0"), ("open-x", "2")
    )
    assert changes(answer) == {"open-evil": (True, "deny")}
    assert answer["unknown"] == [{"project": "open-evil", "version": "1.0"}, {"project": "open-x", "version": "2"}]


async def test_exceptions_that_teams_asked_for_stay(client: Client) -> None:
    catalog = client.server.app[CATALOG]  # type: ignore[attr-defined]
    asked_for = {
        "packages": ["demo"], "from": ["deny"], "until": "2099-01-01", "reason": "SEC-1", "source": "team/demo",
    }  # fmt: skip
    catalog.basis.put_file(parse_policy(yaml.safe_dump({"policy": {**OFF, "exceptions": [asked_for]}}).encode()))
    assert (await plan(client, DENIED))[1]["blocked"] == 0
    _, answer = await plan(
        client, {**DENIED, "exceptions": [{**asked_for, "source": "made/up", "packages": ["x"]}]}
    )
    assert answer["blocked"] == 0


async def test_only_managers_may_plan_and_see_their_own_projects(client: Client) -> None:
    for token, status in (("", 401), (NOBODY, 403), (READER, 403), (PUBLISHER, 403)):
        assert (await plan(client, DENIED, token=token))[0] == status
    everything = {**OFF, "deny": [{"packages": ["*"]}]}
    _, answer = await plan(client, everything, ("secret-a", "1.0"))
    assert {each["project"] for each in answer["changes"]} == {"demo"}
    assert answer["unknown"] == []


async def test_anonymous_is_refused_before_its_body_is_read(client: Client) -> None:
    answer = await client.post("/api/v1/policy/plan", data=b"x" * 10, headers={"Content-Type": "application/json"})
    assert answer.status == 401


@pytest.mark.parametrize(("days", "status"), [(0, 400), (1, 200), (3661, 200), (3662, 400)])
async def test_the_days_of_a_plan_are_those_that_a_log_can_have(client: Client, days: int, status: int) -> None:
    assert (await plan(client, "{}", days=days))[0] == status


@pytest.mark.parametrize(
    ("policy", "releases", "says"),
    [
        ("policy: {cooldown: {age: 7}}", [], "policy.yaml: "),
        ("policy: {unknown: 1}", [], "unknown"),
        ("[", [], "policy.yaml: "),
        ("{}", [("demo", "not a version")], "'demo not a version' is not a project and a version"),
        ("{}", [("-", "1")], "is not a project and a version"),
    ],
)
async def test_an_invalid_policy_or_release_is_refused_with_the_reason(
    client: Client, policy: str, releases: list[tuple[str, str]], says: str
) -> None:
    status, answer = await plan(client, policy, *releases)
    assert status == 400
    assert says in answer["detail"]


async def test_a_plan_is_bounded_and_says_what_it_leaves_out(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plans, "MAX_PROJECTS", 1)
    monkeypatch.setattr(plans, "MAX_CHANGES", 1)
    _, answer = await plan(client, {**OFF, "deny": [{"packages": ["*"]}]}, ("demo", "2.0"), ("open-x", "1"))
    assert (len(answer["changes"]), answer["omittedChanges"], answer["omittedProjects"]) == (1, 1, 1)
    assert answer["changes"][0]["isBlocked"]
