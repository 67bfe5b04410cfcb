"""Requests for pages: the rows of the failure table (section 9.5 of the research), on real sockets."""

import asyncio
import gzip
import json

import pytest
import zstandard

from support.scripted_server import JSON, Reply, Request, Then, by_target, in_turn, page, reply, scripted
from support.upstream_clients import asked, asked_by, opened
from wheelyard_server.errors import UpstreamAnswerError, UpstreamCredentialsError, UpstreamUnavailableError
from wheelyard_server.names import parse_project_name
from wheelyard_server.upstream import Absent, Page, Unchanged, page_requests
from wheelyard_server.upstream.page_requests import PAGES_AT_ONCE
from wheelyard_server.upstream.pages.reading import read_page

DEMO, OTHER = parse_project_name("demo"), parse_project_name("other")
NO_BODY = {"Content-Length": ""}
HANGS = Reply(b"", Then.HANG)
CUT = reply(200, b"{", {"Content-Type": JSON, "Content-Length": "100"}, Then.CLOSE)
CUT_CHUNK = Reply(b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{"a":', Then.CLOSE)
PLAIN = page().data.partition(b"\r\n\r\n")[2]


def encoded(body: bytes, coding: str) -> Reply:
    return reply(200, body, {"Content-Type": JSON, "Content-Encoding": coding})


async def test_a_request_says_who_asks_and_for_which_forms() -> None:
    async with asked(page()) as (server, client):
        await client.page(DEMO)
        [request] = server.requests
        assert request.target == "/simple/demo/"
        assert request.header("User-Agent").startswith("wheelyard/")
        assert request.header("Accept").startswith(f"{JSON}, ")
        assert "text/html;q=0.1" in request.header("Accept")
        assert request.header("Accept-Encoding") == "gzip, zstd"
        assert not request.header("Authorization")
        assert not request.header("Cookie")


async def test_cookies_are_not_kept() -> None:
    async with asked(page(headers={"Set-Cookie": "session=1"})) as (server, client):
        await client.page(DEMO)
        await client.page(DEMO)
        assert not server.requests[1].header("Cookie")


@pytest.mark.parametrize("etag", ['"abc"', 'W/"abc"'])
async def test_an_etag_makes_the_next_request_conditional(etag: str) -> None:
    first = page(headers={"ETag": etag, "Cache-Control": "max-age=60"})
    then = reply(304, headers={**NO_BODY, "Cache-Control": "max-age=7"})
    async with asked(first, then) as (server, client):
        answer = await client.page(DEMO)
        assert isinstance(answer, Page)
        assert (answer.etag, answer.max_age) == (etag, 60)
        assert await client.page(DEMO, answer.etag) == Unchanged(7)
        assert server.requests[1].header("If-None-Match") == etag
        assert server.connections == 1


@pytest.mark.parametrize("etag", ["abc", '"a"\r\nX-Evil: "b"', '"ä"'])
async def test_an_invalid_etag_is_not_sent(etag: str) -> None:
    async with asked(page()) as (server, client):
        assert isinstance(await client.page(DEMO, etag), Page)
        assert not server.requests[0].header("If-None-Match")
        assert "X-Evil" not in server.requests[0].head


@pytest.mark.parametrize("etag", ["abc", '"a b"', '"' + "a" * 300 + '"', '"ä"'])
async def test_an_invalid_etag_is_not_kept(etag: str) -> None:
    async with asked(page(headers={"ETag": etag})) as (_, client):
        answer = await client.page(DEMO)
        assert isinstance(answer, Page)
        assert answer.etag == ""


async def test_the_serial_comes_from_the_header_if_the_page_has_none() -> None:
    async with asked(page(headers={"X-PyPI-Last-Serial": "123"})) as (_, client):
        answer = await client.page(DEMO)
        assert isinstance(answer, Page)
        assert answer.serial == 123


@pytest.mark.parametrize(
    ("body", "coding"),
    [
        (gzip.compress(PLAIN), "gzip"),
        (zstandard.ZstdCompressor().compress(PLAIN), "zstd"),
        (PLAIN, "identity"),
    ],
)
async def test_compressed_pages_are_read(body: bytes, coding: str) -> None:
    async with asked(encoded(body, coding)) as (_, client):
        assert isinstance(await client.page(DEMO), Page)


@pytest.mark.parametrize("status", [404, 410])
async def test_a_404_is_an_absence_and_keeps_its_connection(status: int) -> None:
    async with asked(reply(status, b"no such project")) as (server, client):
        assert await client.page(DEMO) == Absent()
        assert await client.page(DEMO) == Absent()
        assert server.connections == 1
        assert client.health().is_reachable


@pytest.mark.parametrize("status", [401, 403])
async def test_a_refusal_is_an_error_unless_the_settings_say_absent(status: int) -> None:
    async with asked(reply(status)) as (server, client):
        with pytest.raises(UpstreamCredentialsError, match=f"answers {status}"):
            await client.page(DEMO)
        assert not client.health().is_reachable
        async with opened(server.url, allowed=[server.host], absentOn=[status]) as other:
            assert await other.page(DEMO) == Absent()


UNUSABLE = {
    "a 304 without a condition": reply(304, headers=NO_BODY),
    "204": reply(204, headers=NO_BODY),
    "206": reply(206, PLAIN, {"Content-Type": JSON}),
    "400": reply(400),
    "406": reply(406),
    "451": reply(451),
    "T21: a login page": reply(200, b"<html><body>Please log in</body></html>", {"Content-Type": "text/html"}),
    "T21: not a page": reply(200, b"it works", {"Content-Type": "text/plain"}),
    "another coding": encoded(PLAIN, "br"),
    "damaged gzip": encoded(PLAIN, "gzip"),
    "too large, as announced": reply(200, b"", {"Content-Length": str(64 * 1024**2 + 1)}, Then.CLOSE),
    "a redirect to nowhere": reply(301, headers={"Location": "gopher://example.com/"}),
    "a redirect without a place": reply(301),
    "T28: a redirect to another host": reply(302, headers={"Location": "https://packages.example.com/demo/"}),
}


@pytest.mark.parametrize("answer", UNUSABLE.values(), ids=UNUSABLE)
async def test_an_answer_that_is_not_a_page_is_an_error_and_not_retried(answer: Reply) -> None:
    async with asked(answer) as (server, client):
        with pytest.raises(UpstreamAnswerError) as raised:
            await client.page(DEMO)
        assert not isinstance(raised.value, UpstreamCredentialsError)
        assert str(raised.value).startswith("The upstream other ")
        assert len(server.requests) == 1


async def test_redirects_are_followed_three_times() -> None:
    async with asked(reply(301, headers={"Location": "/simple/demo/"})) as (server, client):
        with pytest.raises(UpstreamAnswerError, match="redirects more than 3 times"):
            await client.page(DEMO)
        assert len(server.requests) == 4


HICCUPS = {
    "T2: 500": reply(500),
    "502 of one node": reply(502),
    "503 without a time": reply(503),
    "closed": Reply(b"", Then.CLOSE),
    "half of the headers": Reply(b"HTTP/1.1 200 OK\r\nContent-", Then.CLOSE),
    "not HTTP": Reply(b"SSH-2.0-OpenSSH\r\n", Then.CLOSE),
    "T40: fewer bytes than announced": CUT,
    "T40: cut in a chunk": CUT_CHUNK,
    "T40: gzip that is cut": encoded(gzip.compress(PLAIN)[:-9], "gzip"),
    "nothing": encoded(b"", "gzip"),
}


@pytest.mark.parametrize("answer", HICCUPS.values(), ids=HICCUPS)
async def test_a_hiccup_is_retried_once_over_a_new_connection(answer: Reply) -> None:
    broken: set[int] = set()

    def answered(request: Request) -> Reply:
        """Hit the connection that is kept, whatever comes over it."""
        if request.connection in broken:
            return answer
        broken.add(request.connection)
        return page()

    async with asked_by(answered) as (server, client):
        await client.page(DEMO)
        assert isinstance(await client.page(DEMO), Page)
        assert server.requests[-1].connection > 0
        assert client.health().is_reachable


@pytest.mark.parametrize("answer", HICCUPS.values(), ids=HICCUPS)
async def test_t8_two_hiccups_are_not_an_absence_but_unavailable(answer: Reply) -> None:
    async with asked(answer) as (server, client):
        with pytest.raises(UpstreamUnavailableError) as raised:
            await client.page(DEMO)
        assert raised.value.seconds == 5
        # The client repeats by itself a GET whose connection is closed before the answer.
        assert 2 <= len(server.requests) <= 4


async def test_t2_an_upstream_that_accepts_no_connection_fails_at_once_afterwards() -> None:
    async with scripted(in_turn(page())) as server:
        pass
    async with opened(server.url, allowed=[server.host]) as client:
        with pytest.raises(UpstreamUnavailableError, match="does not accept connections"):
            await client.page(DEMO)
        assert not client.health().is_reachable
        async with scripted(in_turn(page()), port=server.port) as again:
            with pytest.raises(UpstreamUnavailableError, match="does not accept connections"):
                await client.page(DEMO)
            assert not again.requests


@pytest.mark.parametrize("answer", [HANGS, Reply(CUT.data, Then.HANG)], ids=["nothing", "a part"])
async def test_an_upstream_that_hangs_is_given_up_in_time(monkeypatch: pytest.MonkeyPatch, answer: Reply) -> None:
    monkeypatch.setattr(page_requests, "PAGE_SECONDS", 0.2)
    async with asked(answer) as (_, client):
        with pytest.raises(UpstreamUnavailableError, match=r"does not answer within 0\.2 seconds"):
            await client.page(DEMO)
        assert not client.health().is_reachable


async def test_one_project_that_fails_does_not_stop_the_others() -> None:
    answers = by_target({"/simple/demo/": reply(500), "/simple/other/": page("other")})
    async with asked_by(answers) as (_, client):
        for _ in range(3):
            with pytest.raises(UpstreamUnavailableError):
                await client.page(DEMO)
            assert isinstance(await client.page(OTHER), Page)
        assert client.health().is_reachable


@pytest.mark.parametrize("status", [429, 503])
async def test_a_pause_that_the_upstream_asks_for_holds_for_all_of_it(status: int) -> None:
    async with asked(reply(status, headers={"Retry-After": "120"}), page()) as (server, client):
        with pytest.raises(UpstreamUnavailableError, match=f"answers {status} and asks to wait") as raised:
            await client.page(DEMO)
        assert raised.value.seconds == 120
        file = f"{server.url}x"
        for call in (client.page(OTHER), client.open(file), client.read(file, 1)):
            with pytest.raises(UpstreamUnavailableError, match="asks to wait") as later:
                await call
            assert 100 < later.value.seconds <= 120
        assert len(server.requests) == 1
        assert not client.health().is_reachable


async def test_a_429_without_a_time_is_a_pause_too() -> None:
    async with asked(reply(429)) as (server, client):
        with pytest.raises(UpstreamUnavailableError) as raised:
            await client.page(DEMO)
        assert raised.value.seconds == 10
        assert len(server.requests) == 1


async def test_t20_a_redirect_to_the_same_origin_is_followed_and_is_the_base_of_links() -> None:
    answers = by_target(
        {
            "/simple/demo/": reply(301, b"moved", {"Location": "/api/pypi/demo/"}),
            "/api/pypi/demo/": reply(307, headers={"Location": "simple/"}),
            "/api/pypi/demo/simple/": page(url="../files/demo-1.0.tar.gz"),
        }
    )
    async with asked_by(answers) as (server, client):
        found = await client.page(DEMO)
        assert isinstance(found, Page)
        assert found.files[0].url == f"http://{server.host}/api/pypi/demo/files/demo-1.0.tar.gz"


async def test_t28_a_redirect_of_a_page_to_another_host_is_not_followed_though_that_is_allowed() -> None:
    async with scripted(in_turn(page())) as other:
        redirect = reply(302, headers={"Location": f"{other.url}demo/?X-Signature=secret"})
        async with scripted(in_turn(redirect)) as server:
            hosts = [server.host, other.host]
            async with opened(server.url, allowed=hosts, fileHosts=hosts) as client:
                with pytest.raises(UpstreamAnswerError, match="use that as its `url`") as raised:
                    await client.page(DEMO)
                assert other.host in str(raised.value)
                assert "secret" not in str(raised.value)
        assert not other.requests


async def test_a_page_is_bounded_before_and_after_it_is_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    limit = len(PLAIN) + 1000
    monkeypatch.setattr(page_requests, "MAX_PAGE_BYTES", limit)
    fits, unpacked = PLAIN + b" " * 1000, gzip.compress(PLAIN + b" " * 1001)
    unannounced = Reply(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + (b"100\r\n" + b" " * 256 + b"\r\n") * 5
    )
    async with asked(encoded(gzip.compress(fits), "gzip"), encoded(unpacked, "gzip"), unannounced) as (_, client):
        assert isinstance(await client.page(DEMO), Page)
        for _ in range(2):
            with pytest.raises(UpstreamAnswerError, match="answered with a page of more than"):
                await client.page(DEMO)


async def test_a_page_of_more_than_64_mib_is_a_failure_that_says_so() -> None:
    bomb = gzip.compress(b'{"files": [' + b" " * (64 * 1024**2), 1)
    async with asked(encoded(bomb, "gzip")) as (_, client):
        with pytest.raises(UpstreamAnswerError, match="answered with a page of more than 64 MiB"):
            await client.page(DEMO)


async def test_a_page_of_more_than_50_000_files_is_a_failure_that_says_so() -> None:
    hashes = {"sha256": "0" * 64}
    files = [{"filename": f"demo-{n}.tar.gz", "url": f"demo-{n}.tar.gz", "hashes": hashes} for n in range(50_001)]
    body = json.dumps({"meta": {"api-version": "1.0"}, "name": "demo", "files": files}).encode()
    async with asked(encoded(gzip.compress(body, 1), "gzip")) as (_, client):
        with pytest.raises(UpstreamAnswerError, match="more than 50,000 files"):
            await client.page(DEMO)


async def test_large_pages_take_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    body = b" " * (5 * 1024**2) + PLAIN
    in_memory = most = 0
    read = read_page

    async def watched(body: bytes, content_type: str, url: str) -> Page:
        nonlocal in_memory, most
        in_memory += 1
        most = max(most, in_memory)
        await asyncio.sleep(0)
        in_memory -= 1
        return await read(body.lstrip(), content_type, url)

    monkeypatch.setattr(page_requests, "read_page", watched)
    async with asked(encoded(gzip.compress(body, 1), "gzip")) as (server, client):
        pages = await asyncio.gather(*(client.page(DEMO) for _ in range(4)))
        assert all(isinstance(each, Page) for each in pages)
        assert server.connections == 4
    assert most == 1


async def test_a_slow_upstream_gets_a_bounded_number_of_requests_and_costs_no_other() -> None:
    async with asked(HANGS) as (slow, hanging), asked(page()) as (_, client):
        waiting = [asyncio.create_task(hanging.page(DEMO)) for _ in range(PAGES_AT_ONCE * 3)]
        while len(slow.requests) < PAGES_AT_ONCE:
            await asyncio.sleep(0.01)
        assert isinstance(await client.page(DEMO), Page)
        assert slow.connections == PAGES_AT_ONCE
        for task in waiting:
            task.cancel()
        results = await asyncio.gather(*waiting, return_exceptions=True)
        assert all(isinstance(each, asyncio.CancelledError) for each in results)


async def test_a_request_that_is_given_up_frees_its_place() -> None:
    is_well = False

    def answered(_request: Request) -> Reply:
        return page() if is_well else HANGS

    async with asked_by(answered) as (_, client):
        for _ in range(PAGES_AT_ONCE + 1):
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(client.page(DEMO), 0.05)
        is_well = True
        assert isinstance(await client.page(DEMO), Page)
