"""The page about the policy of a project says what the API says."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from support import distributions
from support.access import OWNER
from support.http import Client, auth
from support.memory_storage import MemoryStorage
from support.mirrored_projects import mirror, never_asked
from wheelyard_server.app import CATALOG
from wheelyard_server.catalog.documents import Documents
from wheelyard_server.names import parse_project_name
from wheelyard_server.policy.verdict import Rule
from wheelyard_server.settings import Settings
from wheelyard_server.settings.policy import Action, parse_policy
from wheelyard_server.web.handlers.decisions import ObjectionDetails
from wheelyard_server.web.site.policy import _rule

NAME = parse_project_name("open-up")
PAGE = "/project/open-up/policy/"


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return msgspec.structs.replace(settings, upstreams=(never_asked("open-*"),))


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


async def page(client: Client) -> str:
    answer = await client.get(PAGE)
    assert answer.status == 200
    return await answer.text()


async def test_a_project_that_no_rule_concerns_says_so(client: Client, wheel: Path) -> None:
    text = await page(client)
    assert "No rule objects to a file of this project" in text
    assert wheel.name not in text


async def test_a_file_shows_every_rule_with_its_end_and_its_exception(client: Client, wheel: Path) -> None:
    put(
        client,
        "{cooldown: {age: 7d}, deny: [{packages: [open-up], reason: <b>use 2}], exceptions: [{packages: [open-up],"
        " from: [deny], until: 2099-12-31, reason: <i>SEC-1, approvedBy: ann}]}",
    )
    answer = await client.get("/api/v1/projects/open-up/decisions", headers=auth(OWNER))
    (file,) = (await answer.json(content_type=None))["files"]
    text = await page(client)
    assert re.findall(r"The rule <strong>(\w+)</strong> (refuses|only reports)", text) == [
        ("deny", "refuses"),
        ("cooldown", "refuses"),
    ]
    until = datetime.fromisoformat(file["verdict"]["until"]).strftime("refused until %Y-%m-%d %H:%M UTC")
    assert until in text
    assert wheel.name in text
    assert "&lt;b&gt;use 2" in text
    assert re.search(r"An exception lets it in: <bdi>&lt;i&gt;SEC-1 \(until 2\d{3}-[^)]*, approved by ann\)", text)


@pytest.mark.usefixtures("wheel")
async def test_a_file_that_an_exception_lets_in_is_offered(client: Client) -> None:
    put(
        client,
        "{cooldown: {age: 1d}, deny: [{packages: [open-up], reason: no}], exceptions: [{packages: [open-up],"
        " from: [deny], until: 2099-12-31, reason: SEC-1}]}",
    )
    assert re.search(r'<span class="tag good">offered until 2\d{3}', await page(client))


@pytest.mark.usefixtures("wheel")
async def test_a_refused_name_is_said_first(client: Client) -> None:
    put(client, "{deny: [{packages: [open-*], reason: no}]}")
    text = await page(client)
    assert text.index('class="notice bad"') < text.index("<h2>")


@pytest.mark.usefixtures("wheel")
async def test_rules_that_cannot_decide_are_named(client: Client) -> None:
    put(client, "{malware: {}}")
    assert "There are no advisories yet" in await page(client)


def test_advisories_are_links_if_their_ids_are_those_of_public_databases() -> None:
    details = ObjectionDetails(
        rule=Rule.MALWARE,
        action=Action.BLOCK,
        reason="",
        since=None,
        until=None,
        advisories=("MAL-2026-1", "GHSA-ab12-cd34-ef56", '"><script>', "../x"),
        exception=None,
    )
    assert [(each.id, bool(each.url)) for each in _rule(details).advisories] == [
        ("MAL-2026-1", True),
        ("GHSA-ab12-cd34-ef56", True),
        ('"><script>', False),
        ("../x", False),
    ]
