"""Downloads that are answered with a presigned URL: who gets one, of which files, and what it says."""

import asyncio
import hashlib
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest
from aiohttp import ClientResponse
from aiohttp.test_utils import TestClient

from support import distributions
from support.access import NOBODY, OWNER, PUBLISHER, READER
from support.catalogs import upload
from support.http import Client, auth, form
from support.lane import Noted
from support.memory_storage import MemoryStorage
from support.serving import LimitedServer
from wheelyard_server import app
from wheelyard_server.app import CATALOG
from wheelyard_server.catalog.counts import Source
from wheelyard_server.names import NormalizedName
from wheelyard_server.settings import (
    S3,
    ListenAddress,
    Listener,
    Listeners,
    Redirect,
    Redirects,
    Settings,
    StorageSettings,
)
from wheelyard_server.web.front.fast_lane import LANE, FastLane
from wheelyard_server.web.front.request_groups import LaneClient
from wheelyard_server.web.http.lifecycle import LIFECYCLE

INSIDE, OUTSIDE = "https://s3.inside.example", "https://s3.example:9000"


@pytest.fixture
def redirects() -> Redirects:
    return Redirects(min_bytes=1, cluster=Redirect())


@pytest.fixture
def settings(settings: Settings, redirects: Redirects, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "only the server has this")
    bucket = S3(bucket="acme", prefix="team/", region="eu-west-1", endpoint=INSIDE)
    two = Listeners(external=ListenAddress(port=1))
    return msgspec.structs.replace(settings, storage=StorageSettings(s3=bucket), listeners=two, redirects=redirects)


@pytest.fixture
async def client(
    request: pytest.FixtureRequest, settings: Settings, storage: MemoryStorage
) -> AsyncIterator[Client]:
    """Return a client of the cluster's listener, or of the one that a test names."""
    application = app.build(settings, storage)
    application[LIFECYCLE].started = True
    listener = Listener(getattr(request, "param", "cluster"))
    server = LimitedServer(application, settings.limits, listener=listener)
    async with TestClient(server, auto_decompress=False) as test_client:
        yield test_client


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    return distributions.wheel(tmp_path, "secret_a", "1.0+local")


@pytest.fixture
async def url(client: Client, wheel: Path) -> str:
    assert client.app is not None
    await client.app[CATALOG].publish(upload(wheel))
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    return f"/files/secret-a/{digest}/{wheel.name.replace('+', '%2B')}"


async def get(client: Client, url: str, token: str | None = READER, **headers: str) -> ClientResponse:
    login = auth(token) if token else {}
    return await client.get(url, headers={**login, **headers}, allow_redirects=False)


async def test_a_redirect_is_a_five_minute_url_of_the_object_that_no_cache_stores(
    client: Client, url: str, wheel: Path, storage: MemoryStorage
) -> None:
    before = len(storage.calls)
    answer = await get(client, url)
    assert (answer.status, await answer.read()) == (302, b"")
    assert answer.headers["Cache-Control"] == "no-store"
    assert not {"ETag", "Content-Disposition"} & set(answer.headers)
    location = urlsplit(answer.headers["Location"])
    (key,) = (key for key in storage.objects if key.endswith(".whl"))
    assert f"{location.scheme}://{location.netloc}" == INSIDE
    assert location.path == f"/acme/team/{key.replace('+', '%2B')}"
    assert location.path.endswith(f"/{wheel.name.replace('+', '%2B')}")
    said = {name: value for name, [value] in parse_qs(location.query).items()}
    assert said["X-Amz-Expires"] == "300"
    assert said["X-Amz-Credential"].startswith("AKIAEXAMPLE/")
    assert said["X-Amz-Credential"].endswith("/eu-west-1/s3/aws4_request")
    # Rights are looked up in a current document; the file itself is not asked for.
    assert not any(call.startswith("open ") for call in storage.calls[before:])


@pytest.mark.parametrize(("token", "status"), [(None, 401), (NOBODY, 404), (OWNER, 404), (READER, 302)])
async def test_rights_are_asked_at_every_request(client: Client, url: str, token: str | None, status: int) -> None:
    for _ in range(2):
        answer = await get(client, url, token)
        assert answer.status == status
        assert ("Location" in answer.headers) is (status == 302)


async def test_a_cached_answer_is_not_given_to_users_without_read(client: Client, url: str) -> None:
    wanted = [(READER, 302), (READER, 302), (None, 401), (NOBODY, 404), (OWNER, 404), (READER, 302)]
    found = [await get(client, url, token) for token, _ in wanted]
    assert [each.status for each in found] == [status for _, status in wanted]
    assert ["Location" in each.headers for each in found] == [True, True, False, False, False, True]


@pytest.mark.parametrize("path", ["/api/v1/projects/demo/status", "/api/v1/projects/demo"])
async def test_quarantined_and_deleted_files_have_no_url(client: Client, tmp_path: Path, path: str) -> None:
    wheel = distributions.wheel(tmp_path, "demo")
    await client.post("/legacy/", data=form(wheel), headers=auth(PUBLISHER))
    url = f"/files/demo/{hashlib.sha256(wheel.read_bytes()).hexdigest()}/{wheel.name}"
    assert (await get(client, url, None)).status == 302
    # The fast lane would not take the next request of this connection, since this one has a body.
    owner = {**auth(OWNER), "Connection": "close"}
    if path.endswith("/status"):
        change = await client.put(path, json={"status": "quarantined"}, headers=owner)
    else:
        change = await client.delete(path, headers=owner)
    assert change.status == 200, await change.text()
    answer = await get(client, url, None)
    assert answer.status == (403 if path.endswith("/status") else 404)
    assert "Location" not in answer.headers


async def test_head_304_416_and_metadata_are_not_redirected(client: Client, url: str, wheel: Path) -> None:
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    head = await client.head(url, headers=auth(READER), allow_redirects=False)
    assert (head.status, head.headers["Content-Length"]) == (200, str(wheel.stat().st_size))
    assert head.headers["Accept-Ranges"] == "bytes"
    assert (await get(client, url, **{"If-None-Match": f'"{digest}"'})).status == 304
    assert (await get(client, url, Range="bytes=99999999-")).status == 416
    assert (await get(client, url, Range="bytes=0-1")).status == 302
    metadata = await get(client, f"{url}.metadata")
    assert (metadata.status, await metadata.read()) == (
        200,
        distributions.metadata("secret_a", "1.0+local").encode(),
    )
    assert (await get(client, f"{url}.provenance")).status == 404


@pytest.mark.parametrize(
    ("redirects", "client", "host"),
    [
        (Redirects(min_bytes=0, cluster=Redirect()), "cluster", INSIDE),
        (Redirects(min_bytes=0, cluster=Redirect()), "external", None),
        (Redirects(min_bytes=0, external=Redirect(endpoint=OUTSIDE)), "cluster", None),
        (Redirects(min_bytes=0, external=Redirect(endpoint=OUTSIDE)), "external", OUTSIDE),
        (Redirects(min_bytes=0, cluster=Redirect(), external=Redirect(endpoint=OUTSIDE)), "external", OUTSIDE),
        (Redirects(min_bytes=0, cluster=Redirect(), external=Redirect(endpoint=OUTSIDE)), "cluster", INSIDE),
        (Redirects(cluster=Redirect(), external=Redirect()), "cluster", None),  # 100 MiB are large, this is not
    ],
    indirect=["client"],
)
async def test_each_listener_sends_its_clients_where_they_find_the_bucket(
    client: Client, url: str, wheel: Path, host: str | None
) -> None:
    answer = await get(client, url)
    if host is None:
        assert (answer.status, await answer.read()) == (200, wheel.read_bytes())
    else:
        assert (answer.status, answer.headers["Location"].partition("/acme/")[0]) == (302, host)


@pytest.mark.parametrize(
    "redirects", [Redirects(min_bytes=0, cluster=Redirect(), external=Redirect(endpoint=OUTSIDE))]
)
async def test_each_listener_has_its_own_url_in_the_same_turn(client: Client, url: str) -> None:
    assert client.app is not None
    catalog, lane = client.app[CATALOG], client.app[LANE]
    name = NormalizedName("secret-a")
    (file,) = (await catalog.project(name)).project.files
    wanted = [await catalog.location(name, file, each) for each in Listener]
    lines = "".join(f"{header}: {value}\r\n" for header, value in auth(READER).items())
    request = f"GET {url} HTTP/1.1\r\nHost: a\r\n{lines}\r\n".encode()
    noted = [Noted(), Noted(Listener.EXTERNAL)]
    assert [lane.takes(each, request) for each in noted] == [True, True]
    while not all(each.sent for each in noted):
        await asyncio.sleep(0.01)
    for each, location in zip(noted, wanted, strict=True):
        assert f"\r\nLocation: {location}\r\n".encode() in each.sent[0]
    assert [urlsplit(str(each)).netloc for each in wanted] == [urlsplit(each).netloc for each in (INSIDE, OUTSIDE)]


@pytest.mark.parametrize(("more", "status"), [(0, 302), (1, 200)])
async def test_a_file_is_large_from_the_size_on_that_is_set(
    tmp_path: Path, settings: Settings, storage: MemoryStorage, more: int, status: int
) -> None:
    wheel = distributions.wheel(tmp_path, "demo")
    size = Redirects(min_bytes=wheel.stat().st_size + more, cluster=Redirect())
    application = app.build(msgspec.structs.replace(settings, redirects=size), storage)
    application[LIFECYCLE].started = True
    async with TestClient(LimitedServer(application, settings.limits)) as client:
        await client.post("/legacy/", data=form(wheel), headers=auth(PUBLISHER))
        url = f"/files/demo/{hashlib.sha256(wheel.read_bytes()).hexdigest()}/{wheel.name}"
        assert (await get(client, url, None)).status == status


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("more", [{}, {"X-Unknown": "left to aiohttp"}], ids=["fast lane", "aiohttp"])
async def test_a_file_in_memory_is_served_from_memory_on_both_paths(
    client: Client, url: str, wheel: Path, more: dict[str, str], method: str
) -> None:
    assert client.app is not None
    catalog, body = client.app[CATALOG], wheel.read_bytes()
    catalog._contents.small.keep(hashlib.sha256(body).hexdigest(), body)
    answer = await client.request(method, url, headers={**auth(READER), **more}, allow_redirects=False)
    assert (answer.status, await answer.read()) == (200, body if method == "GET" else b"")
    assert catalog.counts.file_reads[Source.REDIRECT] == 0


@pytest.mark.parametrize(
    ("method", "more", "status"),
    [
        ("GET", {}, 302),
        ("HEAD", {}, 200),
        ("GET", {"If-None-Match": "*"}, 304),
        ("GET", {"Accept": "text/html"}, 302),
    ],
)
async def test_the_fast_lane_answers_as_aiohttp_does(
    client: Client, url: str, monkeypatch: pytest.MonkeyPatch, method: str, more: dict[str, str], status: int
) -> None:
    assert client.app is not None
    taken: list[bool] = []
    takes = FastLane.takes

    def noted(lane: FastLane, sender: LaneClient, data: bytes) -> bool:
        taken.append(takes(lane, sender, data))
        return taken[-1]

    monkeypatch.setattr(FastLane, "takes", noted)
    counts = client.app[CATALOG].counts
    await get(client, url)
    found = []
    for other in ({"X-Unknown": "left to aiohttp"}, {}):
        before = counts.file_reads[Source.REDIRECT]
        headers = {**auth(READER), **more, **other}
        answer = await client.request(method, url, headers=headers, allow_redirects=False)
        sent = sorted(each for each in answer.raw_headers if each[0] not in (b"Date", b"X-Request-ID"))
        found.append((answer.status, sent, await answer.read(), counts.file_reads[Source.REDIRECT] - before))
    assert found[0] == found[1]
    assert found[0][0] == status
    assert taken == [False, False, True]


async def test_redirects_are_counted_and_their_urls_are_in_no_line(
    client: Client, url: str, caplog: pytest.LogCaptureFixture
) -> None:
    assert client.app is not None
    caplog.set_level(logging.DEBUG)
    locations = [(await get(client, url)).headers["Location"] for _ in range(3)]
    assert client.app[CATALOG].counts.file_reads[Source.REDIRECT] == 3
    assert url.replace("%2B", "+") in caplog.text
    assert "X-Amz" not in caplog.text
    for location in locations:
        assert parse_qs(urlsplit(location).query)["X-Amz-Signature"][0] not in caplog.text


@pytest.mark.usefixtures("client")
async def test_without_credentials_it_is_an_outage(
    url: str, settings: Settings, storage: MemoryStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when S3 is asked: the client may come again, and no other index is looked at."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://127.0.0.1:1/")
    application = app.build(settings, storage)
    application[LIFECYCLE].started = True
    async with TestClient(LimitedServer(application, settings.limits)) as other:
        assert (await get(other, url)).status == 503
