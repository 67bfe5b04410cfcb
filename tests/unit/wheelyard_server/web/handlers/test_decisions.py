"""`GET /api/v1/projects/P/decisions`: the same verdicts as everywhere, with all objections and their ends."""

import asyncio
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest

from support import distributions
from support.access import NOBODY, OWNER, READER
from support.http import Client, auth
from support.memory_storage import MemoryStorage
from support.mirrored_projects import mirror, never_asked, path_of
from wheelyard_server.app import CATALOG
from wheelyard_server.catalog.documents import Documents
from wheelyard_server.commands.why import shown
from wheelyard_server.names import parse_project_name
from wheelyard_server.settings import Settings
from wheelyard_server.settings.policy import parse_policy

NAME = parse_project_name("open-up")
DENY = "{packages: [open-up], versions: ==1.0, reason: use 2}"


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return msgspec.structs.replace(settings, upstreams=(never_asked("open-*"),), index="team/pypi")


@pytest.fixture
async def wheel(storage: MemoryStorage, tmp_path: Path) -> Path:
    """Return the only file of open-up, which its upstream published two days ago."""
    wheel = distributions.wheel(tmp_path, "open_up")
    await mirror(storage, "open-up", wheel)
    published = datetime.now(UTC) - timedelta(days=2)

    def with_time(project: Any) -> Any:
        files = tuple(each.replace(upload_time=published) for each in project.mirror.files)
        return project.replace(mirror=project.mirror.replace(files=files))

    await Documents(storage).change(NAME, with_time)
    return wheel


def put(client: Client, text: str) -> None:
    assert client.app is not None
    client.app[CATALOG].basis.put_file(parse_policy(f"policy: {text}".encode()))


async def ask(client: Client, query: str = "", *, project: str = "open-up", token: str = OWNER) -> Any:
    answer = await client.get(f"/api/v1/projects/{project}/decisions{query}", headers=auth(token))
    return await answer.json(content_type=None) | {"status": answer.status}


async def test_a_file_that_no_rule_concerns_is_offered(client: Client, wheel: Path) -> None:
    answer = await ask(client)
    (file,) = answer["files"]
    assert (file["filename"], file["objections"], answer["upstream"]) == (wheel.name, [], "pypi")
    assert (file["verdict"]["listed"], file["verdict"]["served"], answer["notes"]) == (True, True, [])
    assert shown(answer).splitlines() == [
        "open-up, mirrored from pypi",
        "1 file is offered, and no rule objects to it.",
    ]


async def test_every_objection_is_shown_with_its_end_and_its_exception(client: Client, wheel: Path) -> None:
    put(
        client,
        f"{{cooldown: {{age: 7d}}, deny: [{DENY}], exceptions: [{{packages: [open-up], from: [deny],"
        " until: 2099-12-31, reason: SEC-1, approvedBy: ann}]}",
    )
    answer = await ask(client)
    (file,) = answer["files"]
    assert [each["rule"] for each in file["objections"]] == ["deny", "cooldown"]
    assert (file["verdict"]["served"], file["verdict"]["rule"]) == (False, "cooldown")
    denied, waits = file["objections"]
    assert denied["exception"] == {
        "reason": "SEC-1",
        "until": "2100-01-01T00:00:00Z",
        "approvedBy": "ann",
        "source": None,
    }
    assert waits["until"] == file["verdict"]["until"]
    assert waits["reason"].endswith("Ask for an exception from cooldown: policy.exceptions of the index team/pypi")
    text = shown(answer)
    assert f"{wheel.name}: refused by cooldown until {waits['until']}" in text
    assert "excepted until 2100-01-01T00:00:00Z: SEC-1, approved by ann" in text
    (refused, served) = (await client.get(path_of(wheel))).status, file["verdict"]["served"]
    assert (refused, served) == (403, False), "the URL says the same"


async def test_a_rule_that_only_reports_is_shown_as_one(client: Client, wheel: Path) -> None:
    put(client, "{cooldown: {age: 7d, action: Report}}")
    answer = await ask(client)
    assert answer["files"][0]["verdict"]["served"]
    assert "cooldown (only reported): " in shown(answer)
    assert (await client.get(path_of(wheel))).status == 200


@pytest.mark.parametrize("project", ["open-up", "open-never-asked"])
async def test_a_refused_name_is_explained_whether_it_was_asked_for_or_not(
    client: Client, wheel: Path, project: str
) -> None:
    put(client, "{deny: [{packages: [open-*], reason: no}]}")
    answer = await ask(client, project=project)
    assert (answer["status"], answer["onName"]["served"], answer["onName"]["rule"]) == (200, False, "deny")
    assert answer["onName"]["reason"].startswith(f"{project} is denied: no")
    assert [each["filename"] for each in answer["files"]] == ([wheel.name] if project == "open-up" else [])
    assert "The name has no page. " in shown(answer)


async def test_one_version_can_be_asked_for_in_any_spelling(client: Client, wheel: Path) -> None:
    assert [each["filename"] for each in (await ask(client, "?version=1"))["files"]] == [wheel.name]
    nothing = await ask(client, "?version=9")
    assert (nothing["files"], shown(nothing).splitlines()[-1]) == ([], "No file is known.")
    assert (await ask(client, "?version=new"))["status"] == 404


async def test_without_advisories_it_says_that_malware_is_not_known(client: Client, wheel: Path) -> None:
    put(client, "{}")
    assert wheel.name in str(await ask(client))
    assert (await ask(client))["notes"] == [
        "There are no advisories yet, so the rule malware cannot refuse a file."
    ]


async def test_a_long_list_comes_in_pages(client: Client, storage: MemoryStorage, tmp_path: Path) -> None:
    wheels = [distributions.wheel(tmp_path, "open_many", f"{number}.0") for number in range(3)]
    await mirror(storage, "open-many", *wheels)
    first = await ask(client, "?limit=2", project="open-many")
    second = await ask(client, f"?limit=2&after={first['next']}", project="open-many")
    found = [each["filename"] for each in (*first["files"], *second["files"])]
    assert (found, second["next"]) == ([wheel.name for wheel in wheels], None)


async def test_only_readers_of_the_project_get_an_answer(client: Client, wheel: Path) -> None:
    put(client, "{deny: [{packages: ['*']}]}")
    assert [(await ask(client, token=token))["status"] for token in (READER, NOBODY)] == [200, 200]
    assert [(await ask(client, project="secret-x", token=token))["status"] for token in (READER, NOBODY)] == [
        200,
        404,
    ]
    assert wheel.exists()


async def test_asking_why_is_no_refusal(client: Client, wheel: Path) -> None:
    assert client.app is not None
    put(client, "{deny: [{packages: [open-*]}]}")
    await ask(client)
    await ask(client, project="open-never-asked")
    assert client.app[CATALOG].counts.decisions.by_rule == {}
    await asyncio.gather(*(partial(client.get, path)() for path in ("/simple/open-up/", path_of(wheel))))
    assert client.app[CATALOG].counts.decisions.by_rule == {("deny", "Block"): 2}
