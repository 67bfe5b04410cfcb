"""The list of versions: offered or not, and why not."""

import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from support import distributions
from support.access import OWNER, PUBLISHER
from support.http import Client, auth, form
from support.memory_storage import MemoryStorage
from support.mirrored_projects import mirror, never_asked
from wheelyard_server.app import CATALOG
from wheelyard_server.catalog.documents import Documents
from wheelyard_server.names import parse_project_name
from wheelyard_server.settings import Settings
from wheelyard_server.settings.policy import parse_policy


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return msgspec.structs.replace(settings, upstreams=(never_asked("open-*"),))


async def publish(client: Client, folder: Path, *versions: str) -> None:
    for version in versions:
        data = form(distributions.wheel(folder, version=version))
        assert (await client.post("/legacy/", data=data, headers=auth(PUBLISHER))).status == 200


async def rows(client: Client, query: str = "", project: str = "demo") -> list[str]:
    """Return the rows as texts."""
    answer = await client.get(f"/project/{project}/versions/{query}")
    assert answer.status == 200
    found = re.findall(r"<li>\n<div>(.*?)</li>", await answer.text(), re.DOTALL)
    return [" ".join(re.sub("<.*?>", " ", each).split()) for each in found]


async def test_versions_are_in_order_with_their_states(client: Client, tmp_path: Path) -> None:
    await publish(client, tmp_path, "1.9", "1.10", "2.0rc1")
    yank = {"reason": "<b>broken"}
    answer = await client.put("/api/v1/projects/demo/versions/1.9/yank", json=yank, headers=auth(OWNER))
    assert answer.status == 200
    found = [re.sub(r"\d{4}-\d\d-\d\d", "DAY", each) for each in await rows(client)]
    assert found == [
        "2.0rc1 1 file pre-release DAY",
        "1.10 1 file latest DAY",
        "1.9 1 file yanked DAY &lt;b&gt;broken",
    ]


async def test_a_refused_version_says_why(client: Client, tmp_path: Path) -> None:
    await publish(client, tmp_path, "1.0", "2.0")
    assert client.app is not None
    policy = b"policy: {deny: [{packages: [demo], versions: ==2.0, reason: bad}]}"
    client.app[CATALOG].basis.put_file(parse_policy(policy))
    refused, offered = await rows(client)
    assert refused.startswith("2.0 0 files refused ")
    assert "bad" in refused
    assert "latest" in offered


async def test_the_versions_of_a_mirrored_project_are_those_that_are_known(
    client: Client, storage: MemoryStorage, tmp_path: Path
) -> None:
    await mirror(storage, "open-up", distributions.wheel(tmp_path, "open_up"))
    assert await rows(client, project="open-up") == ["1.0 1 file latest"]


async def test_a_list_has_pages_of_a_hundred(client: Client, storage: MemoryStorage, tmp_path: Path) -> None:
    await publish(client, tmp_path, "1.0")

    def with_more(found: Any) -> Any:
        (file,) = found.files
        more = tuple(
            file.replace(filename=f"demo-2.{number}-py3-none-any.whl", version=f"2.{number}")
            for number in range(149)
        )
        return found.replace(files=(*more, file))

    await Documents(storage).change(parse_project_name("demo"), with_more)
    first, second = await rows(client), await rows(client, "?page=2")
    assert (len(first), len(second)) == (100, 50)
    assert first[0].startswith("2.148 ")
    assert second[-1].startswith("1.0 ")
