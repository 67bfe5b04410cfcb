"""The history of a project on its page."""

import re
from pathlib import Path

import msgspec
import pytest

from support import distributions
from support.access import OWNER, PUBLISHER
from support.http import Client, auth, form
from support.memory_storage import MemoryStorage
from support.mirrored_projects import mirror, never_asked
from wheelyard_server.settings import Settings


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return msgspec.structs.replace(settings, upstreams=(never_asked("open-*"),))


async def rows(client: Client, project: str = "demo") -> list[str]:
    """Return the events as texts, without their times."""
    answer = await client.get(f"/project/{project}/history/")
    assert answer.status == 200
    found = re.findall(r"<li>\n<div>(.*?)</li>", await answer.text(), re.DOTALL)
    texts = [" ".join(re.sub("<.*?>", " ", each).split()) for each in found]
    return [re.sub(r" \d{4}-\d\d-\d\d \d\d:\d\d UTC", "", each) for each in texts]


async def test_what_happened_is_shown_with_its_author_and_reason(client: Client, tmp_path: Path) -> None:
    for version in ("1.0", "2.0"):
        data = form(distributions.wheel(tmp_path, version=version))
        assert (await client.post("/legacy/", data=data, headers=auth(PUBLISHER))).status == 200
    for method, path, body in (
        ("PUT", "versions/1.0/yank", {"reason": "<b>broken"}),
        ("DELETE", "versions/2.0", {}),
        ("PUT", "status", {"status": "archived", "reason": "done"}),
    ):
        answer = await client.request(method, f"/api/v1/projects/demo/{path}", json=body, headers=auth(OWNER))
        assert answer.status == 200
    first, second = (f"demo-{version}-py3-none-any.whl" for version in ("1.0", "2.0"))
    assert sorted(await rows(client)) == [
        f"deleted {second} by team.owner",
        f"published {first} by ci.publisher",
        f"published {second}",
        "status demo by team.owner archived: done",
        f"yanked {first} by team.owner &lt;b&gt;broken",
    ]


async def test_a_mirrored_project_is_known_since_it_was_first_seen(
    client: Client, storage: MemoryStorage, tmp_path: Path
) -> None:
    await mirror(storage, "open-up", distributions.wheel(tmp_path, "open_up"))
    assert await rows(client, "open-up") == ["mirrored open-up from the upstream pypi"]


async def test_a_missing_project_has_no_history(client: Client) -> None:
    assert (await client.get("/project/open-nothing/history/")).status == 404
