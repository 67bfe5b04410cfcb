"""The downloads of pages: as for installers, but with the rights of the visitor."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from support import distributions
from support.access import PUBLISHER, READER
from support.attestations import attested
from support.http import Client, auth, form
from support.memory_storage import MemoryStorage
from support.mirrored_projects import METADATA, PROVENANCE, mirror, never_asked
from wheelyard_server.app import CATALOG
from wheelyard_server.catalog.fetches.answers import FetchFilter
from wheelyard_server.settings import Settings
from wheelyard_server.settings.policy import parse_policy


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return msgspec.structs.replace(settings, upstreams=(never_asked("open-*"),))


@pytest.fixture
async def wheel(client: Client, tmp_path: Path) -> Path:
    """Return a published file of demo."""
    path = distributions.wheel(tmp_path)
    answer = await client.post("/legacy/", data=form(path, attestations=attested(path)), headers=auth(PUBLISHER))
    assert answer.status == 200
    return path


def path_of(storage: MemoryStorage, wheel: Path, project: str = "demo") -> str:
    document = json.loads(storage.objects[f"projects/{project}.json"])
    (file,) = document.get("files") or document["mirror"]["files"]
    return f"/project/{project}/download/{file['sha256']}/{wheel.name}"


async def fetched(client: Client, project: str) -> list[Any]:
    """Return the fetches of a project in the log: client, whole files and parts."""
    assert client.app is not None
    log = client.app[CATALOG].fetches
    answer, _ = await log.who(FetchFilter(project=project), 1)
    return [(each.fetcher.client, each.uses.fetches, each.uses.parts) for each in answer.rows()]


async def test_a_download_is_the_file_and_counts_as_every_download(
    client: Client, storage: MemoryStorage, wheel: Path
) -> None:
    answer = await client.get(path_of(storage, wheel), headers={"User-Agent": "Mozilla/5.0"})
    assert (answer.status, await answer.read()) == (200, wheel.read_bytes())
    assert answer.headers["Content-Disposition"] == "attachment"
    assert answer.headers["Cache-Control"] == "private, no-cache"
    assert answer.headers["Vary"] == "Cookie"
    assert "sandbox" in answer.headers["Content-Security-Policy"]
    assert await fetched(client, "demo") == [("browser", 1, 0)]


async def test_ranges_heads_and_etags_are_as_for_installers(
    client: Client, storage: MemoryStorage, wheel: Path
) -> None:
    path, body = path_of(storage, wheel), wheel.read_bytes()
    part = await client.get(path, headers={"Range": "bytes=5-9"})
    assert (part.status, await part.read()) == (206, body[5:10])
    head = await client.head(path)
    assert (head.status, head.headers["Content-Length"]) == (200, str(len(body)))
    known = await client.get(path, headers={"If-None-Match": head.headers["ETag"]})
    assert known.status == 304
    assert await fetched(client, "demo") == [("other", 1, 1)]


@pytest.mark.parametrize("suffix", ["", ".metadata", ".provenance"])
async def test_the_digest_must_be_that_of_the_file(
    client: Client, storage: MemoryStorage, wheel: Path, suffix: str
) -> None:
    assert (await client.get(path_of(storage, wheel) + suffix)).status == 200
    wrong = await client.get(f"/project/demo/download/{'0' * 64}/{wheel.name}{suffix}")
    assert wrong.status == 404
    assert "text/html" in wrong.headers["Content-Type"]


async def test_a_refused_file_is_refused(client: Client, storage: MemoryStorage, wheel: Path) -> None:
    assert client.app is not None
    client.app[CATALOG].basis.put_file(parse_policy(b"policy: {deny: [{packages: [demo], reason: bad}]}"))
    for suffix in ("", ".metadata", ".provenance"):
        answer = await client.get(path_of(storage, wheel) + suffix)
        assert answer.status == 403
        assert "bad" in await answer.text()
    assert await fetched(client, "demo") == []


async def test_a_login_of_http_gives_no_rights(client: Client, storage: MemoryStorage, tmp_path: Path) -> None:
    path = distributions.wheel(tmp_path, "secret_x")
    assert (await client.post("/legacy/", data=form(path), headers=auth(PUBLISHER))).status == 200
    answer = await client.get(path_of(storage, path, "secret-x"), headers=auth(READER), allow_redirects=False)
    assert answer.status == 303


async def test_mirrored_files_are_sent_with_their_metadata_and_provenance(
    client: Client, storage: MemoryStorage, tmp_path: Path
) -> None:
    wheel = distributions.wheel(tmp_path, "open_up")
    await mirror(storage, "open-up", wheel)
    path = path_of(storage, wheel, "open-up")
    for suffix, body in {"": wheel.read_bytes(), ".metadata": METADATA, ".provenance": PROVENANCE}.items():
        answer = await client.get(path + suffix)
        assert (answer.status, await answer.read()) == (200, body)
        assert (answer.headers["Cache-Control"], answer.headers["Vary"]) == ("private, no-cache", "Cookie")
    assert (await client.get(f"/project/open-up/download/-/{wheel.name}")).status == 200
    assert (await client.get(f"/project/open-up/download/{'0' * 64}/{wheel.name}")).status == 404
    assert await fetched(client, "open-up") == [("other", 2, 0)]


async def test_a_refused_mirrored_file_is_refused(client: Client, storage: MemoryStorage, tmp_path: Path) -> None:
    wheel = distributions.wheel(tmp_path, "open_up")
    await mirror(storage, "open-up", wheel)
    assert client.app is not None
    client.app[CATALOG].basis.put_file(parse_policy(b"policy: {deny: [{packages: [open-*], reason: bad}]}"))
    for suffix in ("", ".metadata", ".provenance"):
        assert (await client.get(path_of(storage, wheel, "open-up") + suffix)).status == 403
