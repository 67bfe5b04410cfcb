"""A feed over real sockets: what it says, and every way in which it may fail, lie or go on without end."""

import asyncio
import gzip
import io
import json
import re
import ssl
import tempfile
import urllib.request
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, nullcontext
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from support import osv
from support.forward_proxy import ForwardProxy, forward_proxy
from support.osv_server import osv_server
from support.scripted_server import Reply, Request, ScriptedServer, Then, reply, scripted
from support.tls import Certificate, certify
from support.upstream_clients import settings_of
from wheelyard_server.errors import FeedError, NoListingError
from wheelyard_server.feed import Feed, exports, http_feed, requests
from wheelyard_server.feed.opening import open_feed
from wheelyard_server.settings import Settings, parse
from wheelyard_server.upstream import connections
from wheelyard_server.upstream import osv as address


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY"):
        for each in (name, name.lower()):
            monkeypatch.delenv(each, raising=False)


def settings(scratch: Path, feed: dict[str, Any], **egress: Any) -> Settings:
    place = {
        "storage": {"folder": {"path": str(scratch)}},
        "accessFile": "/nonexistent",
        "scratchFolder": str(scratch),
    }
    return parse(json.dumps({**place, "advisories": feed, "egress": egress}).encode())


@asynccontextmanager
async def opened(scratch: Path, url: str, *, allowed: list[str], **more: Any) -> AsyncIterator[Feed]:
    feed = open_feed(settings(scratch, {"url": url, **more}, allowedHosts=allowed))
    assert feed is not None
    try:
        yield feed
    finally:
        await feed.close()


@asynccontextmanager
async def asked(scratch: Path, *replies: Reply) -> AsyncIterator[tuple[ScriptedServer, Feed]]:
    """Open a feed whose server answers like this, and with the last one from then on."""
    left = list(replies)

    def answer(_: Request) -> Reply:
        return left.pop(0) if len(left) > 1 else left[0]

    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(scripted(answer))
        feed = await stack.enter_async_context(
            opened(scratch, f"http://{server.host}/PyPI/", allowed=[server.host])
        )
        yield server, feed


async def test_a_feed_has_an_export_a_listing_and_records(tmp_path: Path) -> None:
    with osv_server(*osv.odd_records()) as server:
        async with opened(tmp_path, server.url, allowed=[server.host]) as feed:
            export = await feed.export()
            listing = await feed.listing()
            record = await feed.record("MAL-2026-1")
        assert export is not None
        assert listing is not None
        assert record is not None
        assert set(export.records) == set(listing.modified) == set(server.records)
        assert list(record.advisories) == ["evil-package"]
        assert export.shown is not None
        assert abs(export.shown - server.shown) < timedelta(seconds=2)
        assert list(tmp_path.iterdir()) == []


async def test_what_has_not_changed_is_not_sent_again(tmp_path: Path) -> None:
    with osv_server(*osv.odd_records()) as server:
        async with opened(tmp_path, server.url, allowed=[server.host]) as feed:
            export, listing = await feed.export(), await feed.listing()
            assert export is not None
            assert listing is not None
            assert await feed.export(export.etag) is None
            assert await feed.listing(listing.etag) is None
        assert server.requests == ["200 all.zip", "200 modified_id.csv", "304 all.zip", "304 modified_id.csv"]


async def test_a_mirror_may_have_the_export_only(tmp_path: Path) -> None:
    with osv_server(*osv.odd_records()) as server:
        server.has_listing = False
        async with opened(tmp_path, server.url, allowed=[server.host]) as feed:
            with pytest.raises(NoListingError):
                await feed.listing()
        async with opened(tmp_path, f"{server.url}all.zip", allowed=[server.host]) as feed:
            assert await feed.export() is not None
            with pytest.raises(NoListingError):
                await feed.listing()


async def test_a_record_that_is_gone_unreadable_or_another_one_says_nothing(tmp_path: Path) -> None:
    other = json.dumps(osv.malware("MAL-2026-2", "b")).encode()
    async with asked(tmp_path, reply(404), reply(200, b"{"), reply(200, other)) as (_, feed):
        assert [await feed.record("MAL-2026-1") for _ in range(3)] == [None, None, None]


async def test_no_name_of_a_project_is_ever_sent(tmp_path: Path) -> None:
    """U10: a feed learns which records an index fetches, which all indexes do, and nothing of its projects."""
    with osv_server(*osv.odd_records()) as server:
        async with opened(tmp_path, server.url, allowed=[server.host]) as feed:
            await feed.export()
            await feed.listing()
            await feed.record("MAL-2026-1")
        assert [each.split()[1] for each in server.requests] == ["all.zip", "modified_id.csv", "MAL-2026-1.json"]


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (reply(500), "answers 500"),
        (reply(403), "answers 403 to a request for all.zip"),
        (reply(404), r"has no all.zip \(404\)"),
        (reply(304), "answers 304"),
        (reply(206, b"x"), "answers 206"),
        (reply(429, headers={"Retry-After": "60"}), "asks to wait"),
        (reply(200, b"<html>sign in</html>"), "not a whole zip archive"),
        (reply(200, osv.export(osv.odd_records())[:-30]), "not a whole zip archive"),
        (reply(200, b"x", {"Content-Length": "100"}, Then.CLOSE), "ends its answer early"),
        (reply(200, b"x", {"Content-Length": str(exports.MAX_EXPORT_BYTES + 1)}), "more bytes than any feed"),
        (reply(200, b"x", {"Content-Encoding": "gzip"}), "unknown content coding"),
        (Reply(b"nonsense\r\n\r\n", Then.CLOSE), "not HTTP"),
        (Reply(b"", Then.CLOSE), "without an answer"),
    ],
)
async def test_an_answer_that_is_no_export_is_an_error(tmp_path: Path, answer: Reply, message: str) -> None:
    async with asked(tmp_path, answer) as (_, feed):
        with pytest.raises(FeedError, match=message):
            await feed.export()
    assert list(tmp_path.iterdir()) == []


async def test_a_failure_is_met_by_one_more_attempt_over_a_new_connection(tmp_path: Path) -> None:
    whole = reply(200, osv.export(osv.odd_records()), {"ETag": '"1"'})
    cut = reply(200, b"x" * 99, {"Content-Length": "100"}, Then.CLOSE)
    async with asked(tmp_path, cut, whole) as (server, feed):
        assert await feed.export() is not None
        assert [request.connection for request in server.requests] == [0, 1]


async def test_a_feed_that_stalls_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "STALL_SECONDS", 0.2)
    async with asked(tmp_path, reply(200, b"x", {"Content-Length": "100"}, Then.HANG)) as (_, feed):
        with pytest.raises(FeedError, match="does not answer in time"):
            await feed.export()


async def test_a_feed_that_sends_a_byte_now_and_then_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(requests, "FILE_SECONDS", 0.3)
    async with asked(tmp_path, reply(200, b"x", {"Content-Length": "100"}, Then.HANG)) as (_, feed):
        with pytest.raises(FeedError, match="does not answer in time"):
            await feed.export()


async def test_a_feed_without_an_end_is_cut_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_feed, "MAX_EXPORT_BYTES", 1000)
    body = b"".join(b"3e8\r\n" + b"x" * 1000 + b"\r\n" for _ in range(9))
    endless = Reply(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + body, Then.HANG)
    async with asked(tmp_path, endless) as (_, feed):
        with pytest.raises(FeedError, match="more bytes than any feed"):
            await feed.export()


async def test_a_listing_that_is_a_bomb_is_refused(tmp_path: Path) -> None:
    bomb = gzip.compress(b" " * (64 * 1024**2))
    async with asked(tmp_path, reply(200, bomb, {"Content-Encoding": "gzip"})) as (_, feed):
        with pytest.raises(FeedError, match="more bytes than any feed"):
            await feed.listing()


async def test_a_redirect_to_another_host_is_not_followed(tmp_path: Path) -> None:
    with osv_server(*osv.odd_records()) as other:
        async with asked(tmp_path, reply(302, headers={"Location": f"{other.url}all.zip"})) as (_, feed):
            with pytest.raises(
                FeedError, match=re.escape(f"redirects to http://{other.host}: use that as its `url`")
            ):
                await feed.export()
        assert other.requests == []


async def test_a_redirect_within_the_host_is_followed(tmp_path: Path) -> None:
    whole = reply(200, osv.export(osv.odd_records()))
    async with asked(tmp_path, reply(302, headers={"Location": "/elsewhere.zip"}), whole) as (server, feed):
        assert await feed.export() is not None
        assert server.targets == ["/PyPI/all.zip", "/elsewhere.zip"]


async def test_a_host_that_is_not_listed_is_not_connected_to(tmp_path: Path) -> None:
    with osv_server() as server:
        async with opened(tmp_path, server.url, allowed=["pypi", "osv"]) as feed:
            with pytest.raises(FeedError, match="of the chart does not list"):
                await feed.export()
        assert server.requests == []


@pytest.mark.parametrize("allowed", [[], ["pypi"], ["osv:443"], ["other.example.com"]])
async def test_osv_is_asked_only_if_the_chart_lists_it(tmp_path: Path, allowed: list[str]) -> None:
    feed = open_feed(settings(tmp_path, {"osv": {}}, allowedHosts=allowed))
    assert feed is not None
    with pytest.raises(FeedError, match="does not list"):
        await feed.export()
    await feed.close()


async def test_osv_at_a_private_address_is_not_connected_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name may resolve to any address: that of the word `osv` must be a public one."""
    with osv_server() as server:
        monkeypatch.setattr(address, "EXPORT_URL", server.url)
        feed = open_feed(settings(tmp_path, {"osv": {}}))
        assert feed is not None
        with pytest.raises(FeedError, match="has a private address"):
            await feed.export()
        await feed.close()
        assert server.requests == []


def secure(certificate: Certificate) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate.chain, certificate.key)
    return context


@pytest.fixture
def proxy() -> Iterator[ForwardProxy]:
    with forward_proxy() as running:
        yield running


async def test_a_feed_is_reached_through_a_proxy_that_the_chart_lists(tmp_path: Path, proxy: ForwardProxy) -> None:
    certificate, through = certify(tmp_path, "localhost"), proxy.url.removeprefix("http://")
    whole = reply(200, osv.export(osv.odd_records()))
    async with scripted(lambda _: whole, tls=secure(certificate)) as server:
        host = f"localhost:{server.port}"
        feed = {"url": f"https://{host}/PyPI/", "caBundle": certificate.authority.read_text()}
        for allowed in ([host, through], [host]):
            opened = open_feed(settings(tmp_path, feed, allowedHosts=allowed, proxy=proxy.url))
            assert opened is not None
            with nullcontext() if through in allowed else pytest.raises(FeedError, match="does not list"):
                assert await opened.export() is not None
            await opened.close()
        assert proxy.targets == [host]


async def test_a_feed_with_an_unknown_certificate_is_not_trusted(tmp_path: Path) -> None:
    async with scripted(lambda _: reply(200), tls=secure(certify(tmp_path, "localhost"))) as server:
        host = f"localhost:{server.port}"
        async with opened(tmp_path, f"https://{host}/", allowed=[host]) as feed:
            with pytest.raises(FeedError, match="certificate that is not trusted"):
                await feed.export()


async def test_reading_an_export_leaves_the_event_loop_free(tmp_path: Path) -> None:
    with osv_server(*(osv.malware(f"MAL-2026-{number}", f"evil-{number}") for number in range(2_000))) as server:
        async with opened(tmp_path, server.url, allowed=[server.host]) as feed:
            turns = 0

            async def count() -> None:
                nonlocal turns
                while True:
                    await asyncio.sleep(0)
                    turns += 1

            counting = asyncio.create_task(count())
            await feed.export()
            counting.cancel()
            assert turns > 2_000


class _Full(io.BytesIO):
    def write(self, _: object) -> int:
        raise OSError(28, "No space left on device")


async def test_a_full_disk_is_an_error_of_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "TemporaryFile", lambda **_: _Full())
    with osv_server(*osv.odd_records()) as server:
        async with opened(tmp_path, server.url, allowed=[server.host]) as feed:
            with pytest.raises(FeedError, match="cannot be written to the scratch folder"):
                await feed.export()


def test_settings_without_a_feed_open_none() -> None:
    assert open_feed(settings_of()) is None


def test_a_server_of_made_records_takes_records_from_anywhere() -> None:
    with osv_server() as server:
        body, url = json.dumps(osv.malware("MAL-2026-1", "evil")).encode(), f"{server.url}MAL-2026-1.json"
        for method, data in (("PUT", body), ("DELETE", None)):
            urllib.request.urlopen(urllib.request.Request(url, data, method=method)).close()
            assert ("MAL-2026-1" in server.records) is (method == "PUT")
