"""The pages of files: everything that is known of each, and of refused ones only why."""

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from support import distributions
from support.access import OWNER, PUBLISHER
from support.attestations import attested
from support.http import Client, auth, form
from support.memory_storage import MemoryStorage
from support.mirrored_projects import mirror, never_asked
from wheelyard_server.app import CATALOG
from wheelyard_server.catalog.documents import Documents
from wheelyard_server.model import Finding, Promotion
from wheelyard_server.names import parse_project_name
from wheelyard_server.settings import Settings
from wheelyard_server.settings.policy import parse_policy


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return msgspec.structs.replace(settings, upstreams=(never_asked("open-*"),))


async def publish(client: Client, path: Path) -> None:
    answer = await client.post("/legacy/", data=form(path, attestations=attested(path)), headers=auth(PUBLISHER))
    assert answer.status == 200, await answer.text()


async def page(client: Client, path: str, status: int = 200) -> str:
    answer = await client.get(path)
    text = await answer.text()
    assert answer.status == status, text
    return text


async def change(storage: MemoryStorage, project: str, **changed: Any) -> None:
    """Change all files of a project."""

    def with_changes(found: Any) -> Any:
        if found.mirror is None:
            return found.replace(files=tuple(each.replace(**changed) for each in found.files))
        files = tuple(each.replace(**changed) for each in found.mirror.files)
        return found.replace(mirror=found.mirror.replace(files=files))

    await Documents(storage).change(parse_project_name(project), with_changes)


def facts(text: str) -> dict[str, str]:
    """Return the facts of the last file on a page."""
    found = re.findall(r"<dt>(.*?)</dt><dd>(.*?)</dd>", text)
    return {name: re.sub("<.*?>", "", value) for name, value in found}


async def test_all_of_a_file_is_shown(client: Client, storage: MemoryStorage, tmp_path: Path) -> None:
    wheel = distributions.wheel(tmp_path, extra="Requires-Python: >=3.10\n")
    await publish(client, wheel)
    at = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    await change(
        storage,
        "demo",
        upload_time=at,
        added=at,
        promoted=Promotion(source="team/stage", by="ann", at=at),
        findings=(Finding("record", "RECORD lacks <b>a</b> file"),),
        yanked="broken <i>",
    )
    text = await page(client, "/project/demo/files/")
    shown = facts(text)
    assert shown["Size"] == f"{wheel.stat().st_size} bytes"
    assert shown["Published"] == shown["Received"] == "2026-01-02 03:04 UTC"
    assert (shown["Requires Python"], shown["Uploaded by"]) == ("&gt;=3.10", "ci.publisher")
    assert shown["Promoted"] == "from team/stage by ann on 2026-01-02 03:04 UTC"
    assert shown["Accepted although"] == "RECORD lacks &lt;b&gt;a&lt;/b&gt; file"
    assert len(shown["SHA-256"]) == 64
    assert "broken &lt;i&gt;" in text
    assert facts(await page(client, "/project/demo/1.0/files/")) == shown


async def test_every_link_of_a_file_works(client: Client, tmp_path: Path) -> None:
    await publish(client, distributions.wheel(tmp_path))
    for path in ("/project/demo/files/", "/project/demo/1.0/files/"):
        answer = await client.get(path)
        links = re.findall(r'href="([^"]*download[^"]*)"', await answer.text())
        assert len(links) == 3
        for link in links:
            found = await client.get(str(answer.url.join(type(answer.url)(link)).path))
            assert (found.status, found.headers["Content-Disposition"]) == (200, "attachment")


async def test_files_of_the_newest_version_come_first(client: Client, tmp_path: Path) -> None:
    for version in ("1.9", "1.10", "1.2"):
        await publish(client, distributions.wheel(tmp_path, version=version))
    names = re.findall(r"<bdi>(demo-.*?)</bdi>", await page(client, "/project/demo/files/"))
    assert [each.split("-")[1] for each in names] == ["1.10", "1.9", "1.2"]
    assert "demo-1.10" not in await page(client, "/project/demo/1.9/files/")


async def test_of_a_refused_file_only_the_reason_is_shown(client: Client, tmp_path: Path) -> None:
    wheel = distributions.wheel(tmp_path, extra="Requires-Python: >=3.10\n")
    await publish(client, wheel)
    assert client.app is not None
    client.app[CATALOG].basis.put_file(parse_policy(b"policy: {deny: [{packages: [demo], reason: bad}]}"))
    text = await page(client, "/project/demo/1.0/files/")
    assert "bad" in text
    assert wheel.name in text
    assert "download" not in text
    assert "3.10" not in text


async def test_a_mirrored_file_says_from_which_upstream_and_what_is_known(
    client: Client, storage: MemoryStorage, tmp_path: Path
) -> None:
    await mirror(storage, "open-up", distributions.wheel(tmp_path, "open_up"))
    await change(storage, "open-up", publisher="GitHub acme/app release.yml", pinned=True)
    text = await page(client, "/project/open-up/files/")
    shown = facts(text)
    assert shown["Upstream"] == "pypi"
    assert shown["Provenance"].startswith("built by GitHub Actions from the repository acme/app")
    assert "fetched first" in shown["Digest"]
    assert "Mirrored from the upstream pypi" in text


async def test_a_filename_that_no_path_can_have_is_no_link(
    client: Client, storage: MemoryStorage, tmp_path: Path
) -> None:
    await mirror(storage, "open-up", distributions.wheel(tmp_path, "open_up"))
    await change(storage, "open-up", filename='open up"<b>\u202e-1.0.zip')
    text = await page(client, "/project/open-up/files/")
    assert "download" not in text
    assert "open up&#34;&lt;b&gt;\ufffd-1.0.zip" in text


async def test_a_list_has_pages_of_a_hundred(client: Client, storage: MemoryStorage, tmp_path: Path) -> None:
    await publish(client, distributions.wheel(tmp_path))

    def with_more(found: Any) -> Any:
        (file,) = found.files
        more = tuple(file.replace(filename=f"demo-1.0-{number}-py3-none-any.whl") for number in range(149))
        return found.replace(files=(*more, file))

    await Documents(storage).change(parse_project_name("demo"), with_more)
    first, second = await page(client, "/project/demo/files/"), await page(client, "/project/demo/files/?page=2")
    assert [each.count("<section>") for each in (first, second)] == [100, 50]
    assert "150 files" in first
    assert 'href="?page=2"' in first
    await page(client, "/project/demo/files/?page=0", 400)


async def test_a_version_that_is_not_there_has_no_files(client: Client, tmp_path: Path) -> None:
    await publish(client, distributions.wheel(tmp_path))
    assert "demo 2.0 is not here" in await page(client, "/project/demo/2.0/files/", 404)


async def test_hidden_files_are_not_found(client: Client, tmp_path: Path) -> None:
    await publish(client, distributions.wheel(tmp_path, "secret_x"))
    answer = await client.get("/project/secret-x/files/", headers=auth(OWNER), allow_redirects=False)
    assert answer.status == 303
