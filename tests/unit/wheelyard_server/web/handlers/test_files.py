import asyncio
import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from aiohttp import ClientError

from support import distributions
from support.access import NOBODY, PUBLISHER, READER
from support.attestations import GITHUB_PUBLISHER, attestation, statement
from support.http import Client, auth, form
from support.memory_storage import MemoryStorage
from wheelyard_server.app import CATALOG
from wheelyard_server.catalog.contents.content import SmallObjects
from wheelyard_server.settings import Cache, Settings
from wheelyard_server.storage.folder import FolderStorage
from wheelyard_server.web.http.sending import MAX_SMALL_BYTES

JSON = "application/vnd.pypi.simple.v1+json"


PLACES = ["storage", "cache", "folder"]
ELSEWHERE = pytest.mark.parametrize("place", ["storage", "cache"], indirect=True)


@pytest.fixture(params=PLACES)
def place(request: pytest.FixtureRequest) -> str:
    """Say where the file is served from: a storage elsewhere, a cache of it, a folder of this machine."""
    made: str = request.param
    return made


@pytest.fixture
def storage(place: str, tmp_path: Path) -> MemoryStorage | FolderStorage:
    return FolderStorage(tmp_path / "data") if place == "folder" else MemoryStorage()


@pytest.fixture
def settings(settings: Settings, place: str, tmp_path: Path) -> Settings:
    return msgspec.structs.replace(settings, cache=Cache(folder=tmp_path / "cache") if place == "cache" else None)


@pytest.fixture(params=[500, 2 * MAX_SMALL_BYTES], ids=["small", "large"])
def body(tmp_path: Path, request: pytest.FixtureRequest) -> bytes:
    source = hashlib.shake_128(b"seed").hexdigest(request.param)
    return distributions.wheel(tmp_path, "secret_a", module=f"x = {source!r}").read_bytes()


@pytest.fixture
async def url(client: Client, tmp_path: Path, body: bytes) -> str:
    path = tmp_path / "secret_a-1.0-py3-none-any.whl"
    await client.post("/legacy/", data=form(path), headers=auth(PUBLISHER))
    return f"/files/secret-a/{hashlib.sha256(body).hexdigest()}/{path.name}"


@pytest.fixture
async def known_url(client: Client, url: str) -> str:
    """Return the URL of a file that was served before."""
    await (await client.get(url, headers=auth(READER))).read()
    return url


async def fetch(client: Client, url: str) -> bytes:
    return await (await client.get(url, headers=auth(READER))).read()


async def test_a_whole_file_may_be_cached_forever(client: Client, url: str, body: bytes) -> None:
    answer = await client.get(url, headers=auth(READER))
    assert (answer.status, await answer.read()) == (200, body)
    assert answer.headers["Content-Type"] == "application/octet-stream"
    assert answer.headers["Cache-Control"] == "private, max-age=365000000, immutable"
    assert answer.headers["ETag"] == f'"{hashlib.sha256(body).hexdigest()}"'
    assert "Content-Encoding" not in answer.headers


async def test_a_file_that_was_served_comes_again(client: Client, known_url: str, body: bytes) -> None:
    for _ in range(2):
        answer = await client.get(known_url, headers=auth(READER))
        assert (answer.status, await answer.read()) == (200, body)
        assert answer.headers["Content-Length"] == str(len(body))


@ELSEWHERE
async def test_the_storage_is_read_once_if_there_is_a_cache(
    client: Client, known_url: str, place: str, storage: MemoryStorage
) -> None:
    before = len(storage.calls)
    await asyncio.gather(*[fetch(client, known_url) for _ in range(10)])
    opens = sum(call.startswith("open ") for call in storage.calls[before:])
    assert opens == (0 if place == "cache" else 10)


@pytest.mark.parametrize("known", ['"{}"', 'W/"{}"', '"other", "{}"', "*"])
async def test_a_matching_etag_of_a_file_gets_304(client: Client, url: str, body: bytes, known: str) -> None:
    etag = known.format(hashlib.sha256(body).hexdigest())
    answer = await client.get(url, headers={**auth(READER), "If-None-Match": etag})
    assert (answer.status, await answer.read()) == (304, b"")
    assert answer.headers["ETag"] == f'"{hashlib.sha256(body).hexdigest()}"'
    assert answer.headers["Cache-Control"] == "private, max-age=365000000, immutable"


async def test_another_etag_gets_the_file(client: Client, url: str, body: bytes) -> None:
    answer = await client.get(url, headers={**auth(READER), "If-None-Match": '"other"'})
    assert (answer.status, await answer.read()) == (200, body)


async def test_head_has_the_size_and_no_body(client: Client, url: str, body: bytes) -> None:
    answer = await client.head(url, headers=auth(READER))
    assert (answer.status, await answer.read()) == (200, b"")
    assert answer.headers["Content-Length"] == str(len(body))
    assert answer.headers["Accept-Ranges"] == "bytes"


@pytest.mark.parametrize(
    ("wanted", "part"),
    [("bytes=0-9", slice(0, 10)), ("bytes=10-", slice(10, None)), ("bytes=-7", slice(-7, None))],
)
async def test_a_range_is_partial_content(
    client: Client, known_url: str, body: bytes, wanted: str, part: slice
) -> None:
    answer = await client.get(known_url, headers={**auth(READER), "Range": wanted})
    start, end, _ = part.indices(len(body))
    assert (answer.status, await answer.read()) == (206, body[part])
    assert answer.headers["Content-Range"] == f"bytes {start}-{end - 1}/{len(body)}"


async def test_a_range_beyond_the_end_is_416_with_the_size(client: Client, url: str, body: bytes) -> None:
    answer = await client.get(url, headers={**auth(READER), "Range": "bytes=999999-"})
    assert (answer.status, answer.headers["Content-Range"]) == (416, f"bytes */{len(body)}")


@pytest.mark.parametrize("headers", [{"Range": "bytes=0-1,3-4"}, {"Range": "bytes=0-1", "If-Range": '"old"'}])
async def test_a_range_that_is_not_served_is_the_whole(
    client: Client, url: str, body: bytes, headers: dict[str, str]
) -> None:
    answer = await client.get(url, headers={**auth(READER), **headers})
    assert (answer.status, await answer.read()) == (200, body)


async def test_the_metadata_of_a_wheel_is_served_byte_for_byte(client: Client, url: str) -> None:
    answer = await client.get(f"{url}.metadata", headers=auth(READER))
    expected = distributions.metadata("secret_a", "1.0").encode()
    assert (answer.status, await answer.read()) == (200, expected)


@pytest.mark.parametrize(
    ("change", "token", "status"),
    [
        (("", ""), None, 401),
        (("", ""), NOBODY, 404),
        (("secret-a", "demo"), None, 404),  # a file is only found under the project that it belongs to
        (("secret-a", "Secret_A"), READER, 200),
        (("-1.0-", "-1.1-"), READER, 404),
        (("/files/secret-a/", "/files/secret-a/0"), READER, 404),
    ],
)
async def test_read_grants_decide_about_a_file(
    client: Client, url: str, change: tuple[str, str], token: str | None, status: int
) -> None:
    answer = await client.get(url.replace(*change), headers=auth(token) if token else {})
    assert answer.status == status


async def test_the_metadata_of_an_sdist_is_kept_but_not_announced(client: Client, tmp_path: Path) -> None:
    path = distributions.sdist(tmp_path)
    await client.post("/legacy/", data=form(path), headers=auth(PUBLISHER))
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    answer = await client.get(f"/files/demo/{digest}/{path.name}.metadata")
    assert (await answer.read()).startswith(b"Metadata-Version")
    page = await (await client.get("/simple/demo/", headers={"Accept": JSON})).json(content_type=None)
    announced = {file["filename"]: "core-metadata" in file for file in page["files"]}
    assert announced == {path.name: False}


DAMAGE = pytest.mark.parametrize("damage", [lambda body: body[:-1], lambda body: body[:50] + b"\x00" + body[51:]])


@ELSEWHERE
@DAMAGE
async def test_damaged_bytes_never_arrive_as_a_whole_file(
    client: Client, url: str, storage: MemoryStorage, damage: Callable[[bytes], bytes]
) -> None:
    (key,) = (key for key in storage.objects if key.endswith(".whl"))
    storage.objects[key] = damage(storage.objects[key])
    with pytest.raises(ClientError):
        await fetch(client, url)


@DAMAGE
@pytest.mark.parametrize("place", ["folder"], indirect=True)
async def test_damaged_bytes_of_a_folder_are_an_error(
    client: Client,
    known_url: str,
    tmp_path: Path,
    damage: Callable[[bytes], bytes],
    caplog: pytest.LogCaptureFixture,
) -> None:
    (path,) = (tmp_path / "data").rglob("*.whl")
    path.write_bytes(damage(path.read_bytes()))
    assert client.app is not None
    # The content in memory is right, whatever becomes of the disk.
    client.app[CATALOG]._contents.small = SmallObjects()
    answer = await client.get(known_url, headers=auth(READER))
    assert answer.status == 503
    assert "the SHA-256" in caplog.text


async def test_a_file_is_published_with_attestations_and_shown_with_its_provenance(
    client: Client, tmp_path: Path
) -> None:
    path = distributions.wheel(tmp_path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    signed = json.dumps([attestation(statement(path.name, digest))])
    answer = await client.post("/legacy/", data=form(path, attestations=signed), headers=auth(PUBLISHER))
    assert answer.status == 200, await answer.text()
    for host in ("one.example", "two.example:8443"):
        headers = {"Accept": JSON, "Host": host, "X-Forwarded-Proto": "https"}
        (file,) = (await (await client.get("/simple/demo/", headers=headers)).json(content_type=None))["files"]
        assert file["provenance"] == f"https://{host}/files/demo/{digest}/{path.name}.provenance"
        html = await (await client.get("/simple/demo/", headers={"Host": host})).text()
        assert f'data-provenance="http://{host}/files/demo/{digest}/{path.name}.provenance"' in html
    answer = await client.get(f"/files/demo/{digest}/{path.name}.provenance")
    assert answer.content_type == "application/vnd.pypi.integrity.v1+json"
    (bundle,) = (await answer.json(content_type=None))["attestation_bundles"]
    assert bundle["publisher"] == GITHUB_PUBLISHER
    assert bundle["attestations"] == json.loads(signed)


async def test_attestations_of_another_file_are_refused_with_the_file(client: Client, tmp_path: Path) -> None:
    path = distributions.wheel(tmp_path)
    signed = json.dumps([attestation(statement(path.name, "0" * 64))])
    answer = await client.post("/legacy/", data=form(path, attestations=signed), headers=auth(PUBLISHER))
    assert answer.status == 400
    assert "about a different file" in (answer.reason or "")
    assert (await client.get("/simple/demo/")).status == 404


async def test_a_file_without_attestations_has_no_provenance(client: Client, url: str) -> None:
    assert (await client.get(f"{url}.provenance", headers=auth(READER))).status == 404


@pytest.mark.parametrize("suffix", ["", ".metadata"])
async def test_head_has_the_same_headers_and_a_matching_etag_gets_304(
    client: Client, url: str, suffix: str
) -> None:
    whole = await client.get(url + suffix, headers=auth(READER))
    head = await client.head(url + suffix, headers=auth(READER))
    assert head.status == 200
    for name in ("ETag", "Content-Length", "Content-Type", "Cache-Control"):
        assert head.headers[name] == whole.headers[name]
    known = {**auth(READER), "If-None-Match": whole.headers["ETag"]}
    assert (await client.get(url + suffix, headers=known)).status == 304
