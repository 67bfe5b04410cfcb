"""Requests for files: what is slow, cut or changed, on real sockets."""

import asyncio
import gzip
from collections.abc import Mapping
from itertools import pairwise

import pytest

from support.scripted_server import Answer, Reply, Request, Then, by_target, in_turn, page, reply, scripted
from support.upstream_clients import asked, asked_by, opened, read_all
from wheelyard_server.errors import (
    UpstreamAnswerError,
    UpstreamBytesError,
    UpstreamCredentialsError,
    UpstreamFileMissingError,
    UpstreamUnavailableError,
)
from wheelyard_server.names import parse_project_name
from wheelyard_server.upstream import Absent, Page, WantedPart, connections, file_requests, files, pace
from wheelyard_server.upstream.file_requests import FILES_AT_ONCE
from wheelyard_server.upstream.files import MAX_RESUMES, range_headers

DEMO = parse_project_name("demo")
BODY = bytes(range(256)) * 40
ETAG = '"abc"'
STRONG = {"ETag": ETAG}
HANGS = Reply(b"", Then.HANG)


def part(
    start: int, *, end: int | None = None, headers: Mapping[str, str] = STRONG, then: Then = Then.KEEP
) -> Reply:
    """Return a part of the file, of which all bytes up to the end are announced, and those up to `end` sent."""
    announced = {"Content-Range": f"bytes {start}-{len(BODY) - 1}/{len(BODY)}"} if start else {}
    length = {"Content-Length": str(len(BODY) - start)}
    return reply(206 if start else 200, BODY[start:end], {**headers, **announced, **length}, then)


def stopping_after(count: int, *, headers: Mapping[str, str] = STRONG, then: Then = Then.CLOSE) -> Answer:
    """Answer with the rest of the file that the range begins, of which each answer has only so many bytes."""

    def answered(request: Request) -> Reply:
        start = int(request.header("Range").removeprefix("bytes=").partition("-")[0] or 0)
        return part(
            start, end=start + count, headers=headers, then=then if start + count < len(BODY) else Then.KEEP
        )

    return answered


async def test_a_file_is_asked_for_as_it_is() -> None:
    async with asked(part(0)) as (server, client):
        stream = await client.open(f"{server.url}demo-1.0.tar.gz")
        assert stream[1:] == (0, len(BODY), ETAG)
        assert await read_all(stream) == BODY
        [request] = server.requests
        assert request.header("Accept-Encoding") == "identity"
        assert not request.header("Range")


async def test_t40_bytes_are_never_unpacked_whatever_the_header_says() -> None:
    packed = gzip.compress(BODY)
    async with asked(reply(200, packed, {"Content-Encoding": "gzip"})) as (server, client):
        assert await read_all(await client.open(f"{server.url}demo-1.0.tar.gz")) == packed


async def test_t18_the_path_is_asked_for_as_the_page_spells_it() -> None:
    async with asked(part(0)) as (server, client):
        for path in ("torch-2.0%2Bcu124.whl", "torch-2.0+cu124.whl", "a%21b~c%7e.whl?sig=a%2Fb%3D"):
            await read_all(await client.open(f"{server.url}{path}"))
            assert server.targets[-1] == f"/simple/{path}"


@pytest.mark.parametrize("etag", ["", 'W/"abc"', "abc"])
async def test_only_a_strong_etag_is_a_validator(etag: str) -> None:
    async with asked(part(0, headers={"ETag": etag})) as (server, client):
        stream = await client.open(f"{server.url}a")
        assert stream.validator == ""
        await read_all(stream)


def test_ranges_are_asked_for_as_http_spells_them() -> None:
    assert range_headers(WantedPart(0, None, ETAG)) == {}
    assert range_headers(WantedPart(5, None, ETAG)) == {"Range": "bytes=5-", "If-Range": ETAG}
    assert range_headers(WantedPart(0, 10, "")) == {"Range": "bytes=0-9"}
    assert range_headers(WantedPart(5, 10, '"a"\r\nX-Evil: "b"')) == {"Range": "bytes=5-9"}


async def test_a_range_is_kept_while_the_file_is_the_same() -> None:
    answer = reply(206, BODY[5:10], {**STRONG, "Content-Range": f"bytes 5-9/{len(BODY)}"})
    async with asked(answer, part(0)) as (server, client):
        stream = await client.open(f"{server.url}a", WantedPart(5, 10, ETAG))
        assert (stream.start, stream.size, await read_all(stream)) == (5, len(BODY), BODY[5:10])
        whole = await client.open(f"{server.url}a", WantedPart(5, 10, ETAG))
        assert (whole.start, whole.size, await read_all(whole)) == (0, len(BODY), BODY)
        assert server.requests[0].header("If-Range") == ETAG


WRONG_PARTS = {
    "another start": "bytes 6-9/10240",
    "another end": "bytes 5-8/10240",
    "nonsense": "bytes x",
    "another unit": "lines 5-9/10240",
    "none": "",
}


@pytest.mark.parametrize("content_range", WRONG_PARTS.values(), ids=WRONG_PARTS)
async def test_another_part_than_was_asked_for_is_an_error(content_range: str) -> None:
    async with asked(reply(206, BODY[5:10], {"Content-Range": content_range})) as (server, client):
        with pytest.raises(UpstreamAnswerError, match="another part of a file"):
            await client.open(f"{server.url}a", WantedPart(5, 10))


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (404, UpstreamFileMissingError),
        (410, UpstreamFileMissingError),
        (401, UpstreamCredentialsError),
        (403, UpstreamCredentialsError),
        (416, UpstreamAnswerError),
        (204, UpstreamAnswerError),
        (304, UpstreamAnswerError),
        (500, UpstreamUnavailableError),
        (429, UpstreamUnavailableError),
    ],
)
async def test_t37_the_other_statuses_of_a_file(status: int, error: type[Exception]) -> None:
    headers = {"Content-Length": ""} if status in {204, 304} else {}
    async with asked(reply(status, headers=headers)) as (server, client):
        with pytest.raises(error, match=r"^The upstream other "):
            await client.open(f"{server.url}a")
    async with asked(reply(status, headers=headers)) as (server, client):
        with pytest.raises(error, match=r"^The upstream other "):
            await client.read(f"{server.url}a", 10)


@pytest.mark.parametrize("url", ["", "/a", "ftp://files.example.com/a", "https://[/", "http://127.1/a"])
async def test_a_url_that_is_not_one_is_an_error(url: str) -> None:
    async with asked(part(0)) as (server, client):
        with pytest.raises(UpstreamAnswerError, match="not a URL of HTTP"):
            await client.open(url)
        assert not server.requests


@pytest.mark.parametrize("then", [Then.CLOSE, Then.HANG], ids=["closed", "stalled"])
async def test_a_file_that_stops_goes_on_over_a_new_connection(monkeypatch: pytest.MonkeyPatch, then: Then) -> None:
    monkeypatch.setattr(connections, "STALL_SECONDS", 0.2)
    async with asked_by(stopping_after(len(BODY) // 3, then=then)) as (server, client):
        assert await read_all(await client.open(f"{server.url}a")) == BODY
        assert [request.header("If-Range") for request in server.requests] == ["", ETAG, ETAG, ETAG]
        assert all(earlier.connection < later.connection for earlier, later in pairwise(server.requests))
        assert client.health().is_reachable


async def test_a_file_that_comes_too_slowly_gives_its_slot_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pace, "WINDOW_SECONDS", 0)
    monkeypatch.setattr(pace, "MIN_BYTES_PER_SECOND", 1e18)
    async with asked_by(stopping_after(len(BODY))) as (server, client):
        for _ in range(FILES_AT_ONCE + 1):
            with pytest.raises(UpstreamUnavailableError, match="does not answer in time"):
                await read_all(await client.open(f"{server.url}a"))
            monkeypatch.setattr(files, "MAX_RESUMES", 0)


async def test_a_file_whose_digest_is_known_goes_on_without_an_etag() -> None:
    async with asked_by(stopping_after(4096, headers={})) as (server, client):
        assert await read_all(await client.open(f"{server.url}a", is_verified=True)) == BODY
        ranges = [request.header("Range") for request in server.requests]
        assert ranges == ["", "bytes=4096-", "bytes=8192-"]


async def test_a_file_of_a_server_without_parts_cannot_go_on() -> None:
    async with asked(part(0, end=4096, headers={}, then=Then.CLOSE)) as (server, client):
        with pytest.raises(UpstreamUnavailableError, match="sends no parts of files"):
            await read_all(await client.open(f"{server.url}a", is_verified=True))


async def test_a_file_goes_on_a_bounded_number_of_times() -> None:
    async with asked_by(stopping_after(10)) as (server, client):
        stream = await client.open(f"{server.url}a")
        with pytest.raises(UpstreamUnavailableError, match="ends its answer early"):
            await read_all(stream)
        assert len(server.requests) == MAX_RESUMES + 1


async def test_a_file_without_a_strong_etag_does_not_go_on() -> None:
    async with asked_by(stopping_after(10, headers={"ETag": 'W/"abc"'})) as (server, client):
        stream = await client.open(f"{server.url}a")
        with pytest.raises(UpstreamUnavailableError, match="ends its answer early"):
            await read_all(stream)
        assert len(server.requests) == 1


@pytest.mark.parametrize(
    "second",
    [part(0, headers={"ETag": '"other"'}), part(10, headers={"ETag": '"other"'}), part(10, headers={})],
    ids=["whole", "part", "without an ETag"],
)
async def test_a_file_that_changes_meanwhile_is_never_mixed(second: Reply) -> None:
    async with asked(part(0, end=10, then=Then.CLOSE), second) as (server, client):
        stream = await client.open(f"{server.url}a")
        assert await anext(stream.chunks) == BODY[:10]
        with pytest.raises(UpstreamBytesError, match="has changed a file while it was fetched"):
            await anext(stream.chunks)


async def test_a_file_that_fails_to_go_on_is_unavailable() -> None:
    async with asked(part(0, end=10, then=Then.CLOSE), reply(500)) as (server, client):
        stream = await client.open(f"{server.url}a")
        with pytest.raises(UpstreamUnavailableError, match="answers 500"):
            await read_all(stream)


async def test_a_retry_uses_a_new_connection() -> None:
    async with asked(part(0)) as (server, client):
        for is_retry in (False, False, True):
            await read_all(await client.open(f"{server.url}a", is_retry=is_retry))
        assert [request.connection for request in server.requests] == [0, 0, 1]


async def test_a_stream_that_is_closed_or_forgotten_gives_its_place_back() -> None:
    async with asked(part(0, end=10, then=Then.HANG)) as (server, client):
        for number in range(FILES_AT_ONCE + 10):
            stream = await client.open(f"{server.url}a")
            if number % 2:
                await anext(stream.chunks)
                await stream.chunks.aclose()  # type: ignore[attr-defined]
        del stream
        assert server.connections == FILES_AT_ONCE + 10


async def test_files_are_bounded_and_pages_do_not_wait_for_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wheelyard_server.upstream.slots.WAIT_SECONDS", 0.1)
    hanging = part(0, end=10, then=Then.HANG)
    answers = by_target({"/simple/a": hanging, "/simple/demo/": page()})
    async with asked_by(answers) as (server, client):
        streams = [await client.open(f"{server.url}a") for _ in range(FILES_AT_ONCE)]
        with pytest.raises(UpstreamUnavailableError, match=f"is busy: {FILES_AT_ONCE} requests for files"):
            await client.open(f"{server.url}a")
        assert client.health().is_reachable
        assert isinstance(await client.page(DEMO), Page)
        assert len(server.requests) == FILES_AT_ONCE + 1
        del streams


@pytest.mark.parametrize("answer", [HANGS, Reply(b"HTTP/1.1 200 OK\r\nContent-Le", Then.HANG)])
async def test_a_file_must_begin_in_time(monkeypatch: pytest.MonkeyPatch, answer: Reply) -> None:
    monkeypatch.setattr(file_requests, "SECONDS", 0.2)
    async with asked(answer) as (server, client):
        with pytest.raises(UpstreamUnavailableError, match="does not answer within"):
            await client.open(f"{server.url}a")
    async with asked(answer) as (server, client):
        with pytest.raises(UpstreamUnavailableError, match="does not answer within"):
            await client.read(f"{server.url}a", 10)


async def test_small_objects_are_read_whole_and_bounded() -> None:
    packed = reply(200, gzip.compress(BODY), {"Content-Encoding": "gzip"})
    async with asked(part(0), part(0), packed, packed, reply(200)) as (server, client):
        url = f"{server.url}demo.whl.metadata"
        assert await client.read(url, len(BODY)) == BODY
        with pytest.raises(UpstreamAnswerError, match="too large or damaged"):
            await client.read(url, len(BODY) - 1)
        assert await client.read(url, len(BODY)) == BODY
        with pytest.raises(UpstreamAnswerError, match="too large or damaged"):
            await client.read(url, len(BODY) - 1)
        assert await client.read(url, 10) == b""


async def test_a_small_object_that_is_cut_is_read_again() -> None:
    async with asked(part(0, end=10, then=Then.CLOSE), part(0)) as (server, client):
        assert await client.read(f"{server.url}demo.whl.metadata", len(BODY)) == BODY
        assert len(server.requests) == 2


async def test_t19_files_of_another_host_need_both_lists() -> None:
    async with scripted(in_turn(part(0))) as files, scripted(in_turn(reply(404))) as index:
        url = f"http://{files.host}/a"
        async with opened(index.url, allowed=[index.host, files.host]) as client:
            with pytest.raises(UpstreamAnswerError, match="add that to its `fileHosts`"):
                await client.open(url)
        async with opened(index.url, allowed=[index.host], fileHosts=[files.host]) as client:
            with pytest.raises(UpstreamAnswerError, match=r"`upstreams.allowedHosts` of the chart does not list"):
                await client.open(url)
        assert not files.requests
        async with opened(index.url, allowed=[index.host, files.host], fileHosts=[files.host]) as client:
            assert await read_all(await client.open(url)) == BODY


async def test_a_host_of_files_that_is_down_does_not_stop_pages() -> None:
    async with scripted(in_turn(part(0))) as files:
        pass
    async with scripted(in_turn(reply(404))) as index:
        hosts = [index.host, files.host]
        async with opened(index.url, allowed=hosts, fileHosts=hosts) as client:
            for _ in range(2):
                with pytest.raises(UpstreamUnavailableError, match="does not accept connections"):
                    await client.open(f"http://{files.host}/a")
            assert await client.page(DEMO) == Absent()
            assert not client.health().is_reachable
            assert files.host in client.health().reason


async def test_a_transfer_that_is_canceled_ends() -> None:
    async with asked(part(0, end=10, then=Then.HANG)) as (server, client):
        stream = await client.open(f"{server.url}a")
        assert await anext(stream.chunks) == BODY[:10]
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(anext(stream.chunks), 0.05)
        await stream.chunks.aclose()  # type: ignore[attr-defined]
        with pytest.raises(StopAsyncIteration):
            await anext(stream.chunks)
