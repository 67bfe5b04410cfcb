"""The fast lane next to aiohttp: for any input, both send the same bytes."""

import asyncio
import io
import logging
import os
import random
import re
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from io import FileIO
from itertools import product
from pathlib import Path
from typing import Any

import msgspec
import pytest
import uvloop
from aiohttp.log import access_logger
from aiohttp.test_utils import TestClient, TestServer
from hypothesis import HealthCheck
from hypothesis import strategies as st

from support import distributions
from support.access import ACCESS, NOBODY, OWNER, PUBLISHER, READER
from support.catalogs import DEMO, START, upload
from support.conversation import conversation, converse
from support.http import auth
from support.lane import Noted
from support.memory_storage import Fault, MemoryStorage
from support.mirrored_projects import mirror, never_asked, path_of
from support.patience import HANG_SECONDS, until
from support.properties import given, settings
from support.serving import LimitedServer, statuses
from wheelyard_server import app
from wheelyard_server.app import ACCESS as CURRENT_ACCESS
from wheelyard_server.app import CATALOG, METRICS_APP
from wheelyard_server.catalog.catalog import Catalog
from wheelyard_server.catalog.contents.content import SMALL_BYTES
from wheelyard_server.catalog.documents import Documents
from wheelyard_server.catalog.facts import Facts
from wheelyard_server.catalog.stored_project import CachedDocument, ProjectView
from wheelyard_server.model import Project
from wheelyard_server.model.mirror import NO_LICENSE
from wheelyard_server.model.status import Status
from wheelyard_server.names import NormalizedName, parse_project_name
from wheelyard_server.settings import (
    Cache,
    Folder,
    Limits,
    Listener,
    LogFormat,
    Performance,
    Settings,
    StorageSettings,
)
from wheelyard_server.settings.policy import parse_policy
from wheelyard_server.storage.folder import FolderStorage
from wheelyard_server.web.front import fast_requests
from wheelyard_server.web.front.answer_sender import AnswerSender
from wheelyard_server.web.front.fast_lane import LANE, FastLane
from wheelyard_server.web.front.request_groups import LaneClient
from wheelyard_server.web.front.revalidation import Revalidation
from wheelyard_server.web.http import request_ids
from wheelyard_server.web.http.lifecycle import LIFECYCLE
from wheelyard_server.web.telemetry.logs import REQUEST, JsonFormatter, LineFormatter, LogHandler, RequestLog
from wheelyard_server.web.telemetry.sampling import Sampling

PROJECTS = ("demo", "secret-x")
MIRRORED = "open-up"
MIRRORED_PAGE = b"/simple/open-up/"
LARGE = parse_project_name("open-large")
JSON = "application/vnd.pypi.simple.v1+json"
LIMITS = Limits(header_seconds=HANG_SECONDS, file_bytes=200_000)
COUNTED = r"^(wheelyard_(?!revalidations|storage_)\w+_(?:total|count)(?:\{.*\})?) (\S+)"
"""How often the storage is asked depends on how young its files are, not on the lane."""
END = b"GET /-/healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
HOT = b"GET /simple/demo/ HTTP/1.1\r\nHost: a\r\n\r\n"
LINKED = HOT.replace(b"/simple/demo/", MIRRORED_PAGE)
"""A page with links to provenance, which have the origin in them."""


class Counted(FastLane):
    """Knows how many requests it took."""

    taken = 0

    def takes(self, client: LaneClient, data: bytes) -> bool:
        taken = super().takes(client, data)
        self.taken += taken
        return taken


@dataclass
class Pair:
    """The same index twice, on the same storage: with the lane and without."""

    fast: LimitedServer
    slow: LimitedServer
    storages: tuple[MemoryStorage, ...] = ()
    file: bytes = b""
    """Path of a file, in requests written as (file)."""
    large: bytes = b""
    """Path of one that is sent from the disk, written as (large)."""
    mirrored: tuple[bytes, bytes] = (b"", b"")
    """Paths of a small and of a large file of an upstream, written as (mirrored) and (mirrored large)."""

    @property
    def lane(self) -> Counted:
        lane = self.fast.app[LANE]
        assert isinstance(lane, Counted)
        return lane

    async def send(self, pieces: list[bytes], *, in_turn: bool = False) -> list[bytes]:
        """Return the answers of both. In turn: each piece goes when those before have been answered."""
        small, large = self.mirrored
        names = {b"(file)": self.file, b"(large)": self.large, b"(mirrored)": small, b"(mirrored large)": large}
        for name, path in names.items():
            pieces = [piece.replace(name, path) for piece in pieces]
        return [await answers(server, pieces, in_turn=in_turn) for server in (self.fast, self.slow)]

    async def warm_up(self) -> None:
        """Ask for everything, so that it is ready."""
        await self.slow.app[CATALOG].project(DEMO)
        listing = await self.fast.app[CATALOG].project(DEMO)
        (file,) = listing.project.files
        self.file = f"/files/demo/{file.sha256}/{file.filename}".encode()
        mirrored = [path for path in self.mirrored if path]
        metadata = [path + b".metadata" for path in (self.file, *mirrored)]
        for path in (
            self.file,
            *filter(None, [self.large]),
            *mirrored,
            *metadata,
            *[MIRRORED_PAGE] * bool(mirrored),
        ):
            for _ in range(2):
                whole = b"GET " + path + b" HTTP/1.1\r\nHost: a\r\n\r\n"
                assert [statuses(each) for each in await self.send([whole])] == [[200, 200]] * 2
        for accept in ("text/html", JSON):
            for project, token in zip(PROJECTS, (PUBLISHER, READER), strict=True):
                headers = "".join(f"{name}: {value}\r\n" for name, value in auth(token).items())
                request = f"GET /simple/{project}/ HTTP/1.1\r\nHost: a\r\nAccept: {accept}\r\n{headers}\r\n"
                assert [statuses(each) for each in await self.send([request.encode()])] == [[200, 200]] * 2


async def answers(server: LimitedServer, pieces: list[bytes], *, in_turn: bool = True) -> bytes:
    """Send the pieces one by one, then a last request; return the answers without what is another each time."""
    answer = await converse(server, [*pieces, END], in_turn=in_turn)
    return re.sub(rb"(Date|X-Request-ID): [^\r]+|(?<=; ttl=-)\d+|(?<=\"requestId\":)\"[^\"]+", rb"\1", answer)


@asynccontextmanager
async def a_pair(
    folder: Path, storages: tuple[MemoryStorage, MemoryStorage] | None, *trusted_proxies: str, path: str = ""
) -> AsyncIterator[Pair]:
    """Run both; without storages, on one folder."""
    access_file = folder / "access.yaml"
    access_file.write_bytes(msgspec.yaml.encode(ACCESS))
    servers: list[LimitedServer] = []
    async with AsyncExitStack() as until_done:
        for number, fast in enumerate((True, False)):
            made = Settings(
                storage=StorageSettings(folder=Folder(path=folder / "data")),
                access_file=access_file,
                scratch_folder=folder / f"scratch-{number}",
                limits=LIMITS,
                cache=Cache(folder=folder / f"cache-{number}") if storages else None,
                performance=Performance(fast_lane=fast),
                upstreams=(never_asked(MIRRORED),),
            )
            application = app.build(made, storages[number] if storages else FolderStorage(folder / "data"))
            application[LIFECYCLE].started = True
            if fast:
                application[LANE].__class__ = Counted
            servers.append(LimitedServer(application, LIMITS, *trusted_proxies, path=path))
            await until_done.enter_async_context(servers[-1])
        yield Pair(servers[0], servers[1])


@pytest.fixture(scope="module", params=[asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def running(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[asyncio.Runner, Pair]]:
    """Return a pair on a folder, and what runs it: hypothesis wants tests that are not asynchronous."""
    folder = tmp_path_factory.mktemp("pair")
    with asyncio.Runner(loop_factory=request.param) as runner:
        catalog = Catalog(FolderStorage(folder / "data"))
        for project in PROJECTS:
            runner.run(catalog.publish(upload(distributions.wheel(folder, project.replace("-", "_")))))
        large = runner.run(publish_large(catalog, folder))
        mirrored = runner.run(mirror_two(folder))
        runner.run(asyncio.sleep(0.1))  # A document that was written just now has no fingerprint.
        exit_stack = AsyncExitStack()
        pair = runner.run(exit_stack.enter_async_context(a_pair(folder, None)))
        pair.large, pair.mirrored = large, mirrored
        runner.run(pair.warm_up())
        yield runner, pair
        runner.run(exit_stack.aclose())


async def mirror_two(folder: Path) -> tuple[bytes, bytes]:
    """Keep a small and a large file of an upstream, and return their paths."""
    module = os.urandom(SMALL_BYTES).hex()
    wheels = (
        distributions.wheel(folder, "open_up"),
        distributions.wheel(folder, "open_up", "1.0+large", module=module),
    )
    await mirror(FolderStorage(folder / "data"), MIRRORED, *wheels)
    small, large = (path_of(wheel).encode() for wheel in wheels)
    return small, large


async def publish_large(catalog: Catalog, folder: Path) -> bytes:
    """Publish a file that is sent from the disk, and return its path."""
    path = distributions.wheel(folder, LARGE.replace("-", "_"), module=os.urandom(SMALL_BYTES).hex())
    await catalog.publish(upload(path))
    (file,) = (await catalog.project(LARGE)).project.files
    return f"/files/{LARGE}/{file.sha256}/{file.filename}".encode()


def lines(*values: str) -> list[bytes]:
    return [f"{value}\r\n".encode() for value in values]


LOGINS = [value for token in (PUBLISHER, READER, NOBODY, OWNER) for value in auth(token).values()]
HEADERS = st.one_of(
    st.sampled_from(
        lines(
            "Host: a", "host:a:80", "HOST: [::1]", "Host: a b", "Host:", "User-Agent: pip/26", "Accept: */*",
            f"Accept: {JSON}", "Accept: text/html;q=0.5, */*;q=0.1", "Accept: image/png", "ACCEPT:text/html",
            "Accept-Encoding: gzip, deflate", "Accept-Encoding: zstd;q=0.1, gzip", "Accept-Encoding: identity",
            "Accept-Language: de", "Cache-Control: max-age=0", "Pragma: no-cache", "Connection: keep-alive",
            "Connection: close", "Connection: Upgrade", "Upgrade: websocket", "If-None-Match: *",
            'If-None-Match: "x", W/"y"', "If-Modified-Since: Wed, 25 Nov 2026 14:53:18 GMT", "Range: bytes=0-1",
            "X-Request-ID: a-b.c", "X-Request-ID: a b", f"X-Request-ID: {PUBLISHER}", "X-Forwarded-Proto: https",
            "X-Forwarded-For: 10.0.0.1", "Content-Length: 0", "Content-Length: 5", "Transfer-Encoding: chunked",
            "Expect: 100-continue", "Cookie: a=b", "X-Unknown: x", "Accept : */*", " folded", "no colon", ": x",
            "X-Forwarded-Prefix: /team", "Origin: https://a.example",
            "User-Agent: \x80", "User-Agent: a\tb", "User-Agent:  two spaces", "User-Agent: a ",
            "User-Agent: " + "a" * 5000,
            *(f"Authorization: {login}" for login in LOGINS), "Authorization: Basic !", "Authorization: Bearer x",
        )
    ),
    st.builds(lambda name, value: name + b": " + value + b"\r\n", st.binary(max_size=8), st.binary(max_size=8)),
)  # fmt: skip
PATHS = st.sampled_from(
    [
        b"/simple/demo/", b"/simple/secret-x/", b"/simple/none/", b"/simple/Demo/", b"/simple/demo", b"/simple/",
        b"/simple/demo/?a", b"/simple//demo/", b"/simple/%64emo/", b"/simple/demo/../demo/", b"/simple/demo/#",
        *[b"(file)", b"(large)", b"(file).metadata"] * 3, b"(file)x", MIRRORED_PAGE,
        *[b"(mirrored)", b"(mirrored large)", b"(mirrored).metadata"] * 3, b"(mirrored)x", b"(mirrored).provenance",
        b"/mirror/pypi/", b"/mirror/pypi/a/../open_up-1.0-py3-none-any.whl", b"/mirror/x/packages/open_up-1.0.zip",
        b"/mirror/pypi/packages/open_up-1.0%2Blarge-py3-none-any.whl", b"/mirror/pypi/packages/%6fpen_up-1.0.zip",
        b"(file)?", b"(file).provenance",
        b"/files/demo/", b"*", b"http://a/simple/demo/", b"/simple/\xc3\xa4/", b"/simple/" + b"a" * 250 + b"/",
    ]
)  # fmt: skip
ENDS = st.sampled_from(
    [b"\r\n", b"\r\n", b"\r\n", b"\r\n", b"", b"\n", b"\r\nabcde", b"\r\n\r\n", b"\r\n0\r\n\r\n"]
)
# Most of these are ordinary, so that the lane has something to take.
METHODS = st.sampled_from([b"GET"] * 6 + [b"HEAD"] * 2 + [b"POST", b"get", b"OPTIONS", b" GET", b"\r\nGET"])
VERSIONS = st.sampled_from([b"HTTP/1.1"] * 10 + [b"HTTP/1.0", b"HTTP/2.0", b"http/1.1", b"HTTP/1.1 "])
REQUESTS = st.builds(
    lambda method, path, version, host, headers, end: b"".join(
        [method, b" ", path, b" ", version, b"\r\n", *host, *headers, end]
    ),
    METHODS,
    st.one_of(st.just(b"/simple/demo/"), PATHS),
    VERSIONS,
    st.sampled_from([[b"Host: a\r\n"]] * 5 + [[]]),
    st.lists(HEADERS, max_size=4),
    ENDS,
)


@st.composite
def conversations(draw: st.DrawFn) -> list[bytes]:
    """Return what a client sends: one request after another, or several at once, or in pieces."""
    requests = draw(st.lists(REQUESTS, min_size=1, max_size=4))
    if draw(st.booleans()):
        return requests
    everything = b"".join(requests)
    cuts = sorted(draw(st.lists(st.integers(0, len(everything)), max_size=3)))
    return [everything[start:end] for start, end in zip([0, *cuts], [*cuts, len(everything)], strict=True)]


@settings(
    max_examples=200,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(conversations())
def test_all_answers_are_the_same(running: tuple[asyncio.Runner, Pair], pieces: list[bytes]) -> None:
    runner, pair = running
    fast, slow = runner.run(pair.send(pieces))
    assert fast == slow


@pytest.mark.parametrize(
    ("request_", "taken"),
    [
        (HOT, True),
        (HOT.replace(b"GET", b"HEAD"), True),
        (HOT[:-2] + b"If-None-Match: *\r\nAccept-Encoding: gzip\r\nConnection: Keep-Alive\r\n\r\n", True),
        (HOT[:-2] + f"Authorization: {auth(PUBLISHER)['Authorization']}\r\nX-Request-ID: a\r\n\r\n".encode(), True),
        (HOT[:-2] + f"Authorization: {auth(NOBODY)['Authorization']}\r\n\r\n".encode(), True),
        (HOT.replace(b"/simple/demo/", b"(file)"), True),
        (HOT.replace(b"/simple/demo/", b"(file).metadata"), True),
        (HOT.replace(b"GET /simple/demo/", b"HEAD (file)"), True),
        (HOT.replace(b"/simple/demo/", b"(file)")[:-2] + b"If-None-Match: *\r\n\r\n", True),
        (HOT.replace(b"/simple/demo/", b"(file)")[:-2] + b"Range: bytes=0-1\r\n\r\n", False),
        (HOT.replace(b"/simple/demo/", b"(file)x"), False),
        (HOT.replace(b"/simple/demo/", b"(mirrored)"), True),
        (HOT.replace(b"/simple/demo/", b"(mirrored large)"), True),
        (HOT.replace(b"/simple/demo/", b"(mirrored).metadata"), True),
        (HOT.replace(b"GET /simple/demo/", b"HEAD (mirrored)"), True),
        (HOT.replace(b"/simple/demo/", b"(mirrored)")[:-2] + b"If-None-Match: *\r\n\r\n", True),
        (HOT.replace(b"/simple/demo/", b"(mirrored)")[:-2] + b"Range: bytes=0-1\r\n\r\n", False),
        (HOT.replace(b"/simple/demo/", b"(mirrored).provenance"), False),
        (HOT.replace(b"/simple/demo/", b"(mirrored)x"), False),
        (LINKED, True),
        (LINKED.replace(b"GET", b"HEAD"), True),
        (LINKED[:-2] + b"If-None-Match: *\r\n\r\n", True),
        (LINKED[:-2] + b"X-Forwarded-Proto: ftp\r\n\r\n", True),
        (LINKED[:-2] + b"X-Forwarded-Host: b\r\n\r\n", True),
        (LINKED[:-2] + b"X-Forwarded-Proto: https\r\n\r\n", False),
        (LINKED[:-2] + b"X-Forwarded-Prefix: /team\r\n\r\n", False),
        (LINKED.replace(b"Host: a", b"Host: a:8"), False),
        (HOT.replace(b"demo", b"secret-x"), False),
        (HOT.replace(b"demo/", b"demo/?x"), False),
        (HOT[:-2] + b"Range: bytes=0-1\r\n\r\n", False),
        (HOT[:-2] + b"Content-Length: 0\r\n\r\n", False),
        (HOT[:-2] + b"Host: a\r\n\r\n", False),
        (HOT[:-2] + b"Connection: close\r\n\r\n", False),
        (HOT[:-2] + f"X-Request-ID: {PUBLISHER}\r\n\r\n".encode(), False),
        (HOT + HOT, False),
        (HOT[:-1], False),
    ],
)  # fmt: skip
def test_only_recognized_requests_are_taken(
    running: tuple[asyncio.Runner, Pair], request_: bytes, *, taken: bool
) -> None:
    runner, pair = running
    before = pair.lane.taken
    # The first request of a connection comes before aiohttp waits for it.
    fast, slow = runner.run(pair.send([HOT[:-2] + b"X: y\r\n\r\n", request_], in_turn=True))
    assert fast == slow
    assert (pair.lane.taken - before == 1) is taken


def test_a_mirrored_file_whose_page_has_expired_waits_in_the_lane_for_no_upstream(
    running: tuple[asyncio.Runner, Pair], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Aiohttp's way sends it, and asks for the page behind it."""
    runner, pair = running
    waits: list[bytes] = []
    monkeypatch.setattr(pair.fast.app[CATALOG], "is_decided", lambda _cached: False)
    monkeypatch.setattr(Revalidation, "wait", lambda _self, group: waits.append(group.data))
    for path in (b"(mirrored)", b"(mirrored large)", b"(mirrored).metadata"):
        piece = HOT.replace(b"/simple/demo/", path)
        assert runner.run(taken_after(pair, END.replace(b"close", b"keep-alive"), piece)) == 1
    assert waits == []


def test_a_client_that_asks_as_soon_as_it_has_an_answer_stays_in_the_lane(
    running: tuple[asyncio.Runner, Pair],
) -> None:
    runner, pair = running

    async def ask_on_and_on() -> int:
        before = pair.lane.taken
        reader, writer = await asyncio.open_connection(pair.fast.host, pair.fast.port)
        # Others wait in between: what is not for the lane takes nothing from what follows.
        for request in [HOT, HOT, END.replace(b"Connection: close\r\n", b""), HOT, HOT] * 5:
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            found = re.search(rb"Content-Length: (\d+)", head)
            assert found is not None
            await reader.readexactly(int(found[1]))
        writer.close()
        return pair.lane.taken - before

    assert runner.run(ask_on_and_on()) == 20


async def taken_after(pair: Pair, *pieces: bytes) -> int:
    before = pair.lane.taken
    fast, slow = await pair.send(list(pieces), in_turn=True)
    assert fast == slow
    return pair.lane.taken - before


def test_bytes_behind_a_body_or_half_a_request_begin_no_request(
    running: tuple[asyncio.Runner, Pair],
) -> None:
    runner, pair = running
    post = b"POST /legacy/ HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(HOT)
    half = b"GET /simple/none/ HTTP/1.1\r\nX: "
    whole = b"GET /simple/none/ HTTP/1.1\r\nHost: a\r\n\r\n"
    assert runner.run(taken_after(pair, post, HOT)) == 0
    assert runner.run(taken_after(pair, half, HOT)) == 0
    assert runner.run(taken_after(pair, whole + half, HOT)) == 0
    # But the one after it is: aiohttp has found where that begins.
    assert runner.run(taken_after(pair, half, HOT, HOT)) == 1


def get(path: bytes, *headers: bytes, method: bytes = b"GET") -> bytes:
    return b"\r\n".join([method + b" " + path + b" HTTP/1.1", b"Host: a", *headers, b"", b""])


def test_while_a_large_file_is_sent_from_disk_later_requests_wait(
    running: tuple[asyncio.Runner, Pair],
) -> None:
    runner, pair = running
    pieces = [get(pair.large), HOT, get(pair.large, method=b"HEAD"), get(pair.large, b"If-None-Match: *"), HOT]
    before = pair.lane.taken
    fast, slow = runner.run(pair.send(pieces, in_turn=True))
    assert fast == slow
    assert statuses(fast) == [200, 200, 200, 304, 200, 200]
    assert len(fast) > SMALL_BYTES
    assert pair.lane.taken - before == 5
    fast, slow = runner.run(pair.send(pieces))
    assert fast == slow


async def ask_in_pieces(server: LimitedServer, dice: random.Random, paths: list[bytes]) -> None:
    """Send requests with ids, cut anywhere, and see that the answers are theirs, one after the other."""
    ids = [b"%d" % number for number in range(dice.randint(2, 12))]
    pieces = [get(dice.choice(paths), b"X-Request-ID: " + each) for each in ids[:-1]]
    pieces.append(get(b"/-/healthz", b"X-Request-ID: " + ids[-1], b"Connection: close"))
    if dice.random() < 0.5:
        whole = b"".join(pieces)
        cuts = sorted(dice.randint(0, len(whole)) for _ in range(8))
        pieces = [whole[start:end] for start, end in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
    reader, writer = await asyncio.open_connection(server.host, server.port)
    reading = asyncio.create_task(reader.read())
    for piece in pieces:
        writer.write(piece)
        await asyncio.sleep(dice.choice([0, 0.01, 0.03]))
    answered = re.findall(rb"X-Request-ID: (\d+)\r\n", await asyncio.wait_for(reading, HANG_SECONDS))
    writer.close()
    assert answered == ids


async def ask_one_by_one(server: LimitedServer, paths: list[bytes]) -> None:
    """Send requests with ids, each once the one before is answered, and see that the answers are theirs."""
    reader, writer = await asyncio.open_connection(server.host, server.port)
    for number, path in enumerate(paths):
        writer.write(get(path, b"X-Request-ID: %d" % number))
        head = await reader.readuntil(b"\r\n\r\n")
        assert re.findall(rb"X-Request-ID: (\d+)\r\n", head) == [b"%d" % number]
        (length,) = re.findall(rb"Content-Length: (\d+)", head)
        await reader.readexactly(int(length))
    writer.close()


def test_every_client_gets_the_answers_to_its_own_requests_in_order(
    running: tuple[asyncio.Runner, Pair],
) -> None:
    runner, pair = running
    ready = [b"/simple/demo/", pair.file, pair.file + b".metadata", pair.large]
    paths = [*ready, b"/-/healthz", b"/simple/secret-x/"]

    async def many() -> None:
        before = pair.lane.taken
        async with asyncio.TaskGroup() as clients:
            for seed, server in product(range(30), (pair.fast, pair.slow)):
                clients.create_task(ask_in_pieces(server, random.Random(seed), paths))  # noqa: S311
                clients.create_task(ask_one_by_one(server, [b"/-/healthz", *ready]))
        # The clients that wait for each answer, on any machine; others come when they can.
        assert pair.lane.taken >= before + 30 * len(ready)

    runner.run(many())


def test_metrics_and_log_of_a_large_file_are_the_same_with_and_without_the_lane(
    running: tuple[asyncio.Runner, Pair],
) -> None:
    runner, pair = running
    path = pair.large
    (fast, slow), taken = runner.run(told_of(pair, [get(path), get(path, method=b"HEAD"), get(path)]))
    assert fast == slow
    assert taken == 3
    (size, _, again) = re.findall(r'"(?:GET|HEAD) [^"]+" 200 (\d+)', fast[0])
    assert int(size) == int(again) > SMALL_BYTES


def test_a_file_that_cannot_be_sent_whole_closes_the_connection_and_one_that_is_lost_is_for_aiohttp(
    running: tuple[asyncio.Runner, Pair], monkeypatch: pytest.MonkeyPatch
) -> None:
    runner, pair = running
    opened = pair.fast.app[CATALOG].open

    async def shortened(*_: object) -> FileIO:
        return FileIO(os.memfd_create("short"))

    async def lost(*arguments: Any) -> bytes:
        content = await opened(*arguments)
        assert isinstance(content, FileIO)
        with content:
            return content.readall()

    async def ask() -> bytes:
        return await answers(pair.fast, [get(pair.large)])

    assert runner.run(ask())
    monkeypatch.setattr(pair.fast.app[CATALOG], "open", shortened)
    assert statuses(runner.run(ask())) in ([], [200])
    monkeypatch.setattr(pair.fast.app[CATALOG], "open", lost)
    assert statuses(runner.run(ask())) == [200, 200]


@pytest.fixture
async def pair(tmp_path: Path) -> AsyncIterator[Pair]:
    """Return a pair on storages that must be read to see a change, like S3."""
    storages = (MemoryStorage(), MemoryStorage())
    for storage in storages:
        catalog = Catalog(storage, now=lambda: START)
        for project in PROJECTS:
            await catalog.publish(upload(distributions.wheel(tmp_path, project.replace("-", "_"))))
        # A document says which write made it: the same one for both.
        storage.objects = storages[0].objects.copy()
    large = await publish_large(Catalog(storages[0], now=lambda: START), tmp_path)
    storages[1].objects = storages[0].objects.copy()
    async with a_pair(tmp_path, storages) as running:
        running.storages, running.large = storages, large
        await running.warm_up()
        yield running


async def test_a_change_is_seen_by_the_next_request(pair: Pair, tmp_path: Path) -> None:
    assert await taken_after(pair, b"GET /-/healthz HTTP/1.1\r\nHost: a\r\n\r\n", HOT) == 1
    for storage in pair.storages:
        await Catalog(storage).publish(upload(distributions.wheel(tmp_path, version="1.1")))
    fast = await answers(pair.fast, [HOT, HOT])
    assert fast.count(b">demo-1.1-py3-none-any.whl<") == 2


async def test_rights_count_from_the_moment_that_they_change(pair: Pair, tmp_path: Path) -> None:
    secret = f"GET /simple/secret-x/ HTTP/1.1\r\nHost: a\r\nAuthorization: {auth(READER)['Authorization']}\r\n\r\n"
    health = b"GET /-/healthz HTTP/1.1\r\nHost: a\r\n\r\n"
    assert await taken_after(pair, health, secret.encode()) == 1
    (tmp_path / "access.yaml").write_bytes(msgspec.yaml.encode(msgspec.structs.replace(ACCESS, users=())))
    for server in (pair.fast, pair.slow):
        server.app[CURRENT_ACCESS].reload()
    assert await taken_after(pair, health, secret.encode()) == 0
    assert statuses(await converse(pair.fast, [secret.encode()])) == [401]


async def test_files_of_another_digest_or_of_a_quarantined_project_are_not_sent(pair: Pair) -> None:
    health, files = b"GET /-/healthz HTTP/1.1\r\nHost: a\r\n\r\n", [pair.file, pair.file + b".metadata", pair.large]
    for path in files:
        digest = path.split(b"/")[3]
        assert await taken_after(pair, health, get(path)) == 1
        assert await taken_after(pair, health, get(path.replace(digest, b"0" * 64))) == 0
    for storage in pair.storages:
        for name in (DEMO, LARGE):
            await Catalog(storage).set_status(name, Status.QUARANTINED, "", "an admin")
    fast, slow = await pair.send([health, *map(get, files)], in_turn=True)
    assert statuses(fast) == statuses(slow) == [200, 403, 403, 403, 200]


async def test_in_an_outage_and_when_draining_the_answers_are_the_same(pair: Pair) -> None:
    health = b"GET /-/healthz HTTP/1.1\r\nHost: a\r\n\r\n"
    for storage in pair.storages:
        storage.fail_at(1, Fault.LOST_REQUEST, times=100)
    before, requests = pair.lane.taken, [health, HOT, get(pair.file), get(pair.large)]
    fast, slow = [await answers(server, requests) for server in (pair.fast, pair.slow)]
    assert pair.lane.taken - before == 3
    assert b"\r\nCache-Status: Wheelyard; hit; ttl=-; detail=" in fast
    assert sorted(fast.split(b"\r\n")) == sorted(slow.split(b"\r\n"))
    for storage in pair.storages:
        storage.recover()
    for server in (pair.fast, pair.slow):
        server.app[LIFECYCLE].draining = True
    before = pair.lane.taken
    fast, slow = await pair.send([HOT], in_turn=True)
    assert fast == slow
    assert b"Connection: close" in fast
    assert pair.lane.taken == before


def test_answers_with_data_of_an_upstream_are_hits_in_the_lane(running: tuple[asyncio.Runner, Pair]) -> None:
    runner, pair = running
    mirrored, local = [MIRRORED_PAGE, b"(mirrored)", b"(mirrored large)"], [b"/simple/demo/", b"(file)"]
    before = pair.lane.taken
    for paths, expected in ((mirrored, 1), (local, 0)):
        for path in paths:
            for answer in runner.run(pair.send([get(path)])):
                assert answer.count(b"\r\nCache-Status: Wheelyard; hit\r\n") == expected
    assert pair.lane.taken - before == len([*mirrored, *local])


async def test_metrics_and_log_are_the_same_with_and_without_the_lane(pair: Pair) -> None:
    conditional = HOT[:-2] + b"If-None-Match: *\r\nX-Request-ID: mine\r\n\r\n"
    (fast, slow), taken = await told_of(pair, [HOT, HOT.replace(b"GET", b"HEAD"), conditional])
    assert fast == slow
    assert taken == 3
    assert re.findall("requestId=(.*)", fast[0]) == ["", "", "mine"]


async def told_of(pair: Pair, requests: list[bytes]) -> tuple[list[tuple[str, list[str]]], int]:
    """Return the log and the metrics of both after these requests, and how many of them the lane took."""
    told, before = [], pair.lane.taken
    for server in (pair.fast, pair.slow):
        counted = await metrics_of(server)
        with access_lines() as stream:
            await answers(server, requests)
        lines = re.sub(r"\d+\.\d+ (?=requestId)|^[^,]+,\d+|[0-9a-f]{32}", "", stream.getvalue(), flags=re.MULTILINE)
        changed = [f"{name} {value - counted.get(name, 0)}" for name, value in (await metrics_of(server)).items()]
        told.append((lines, changed))
    return told, pair.lane.taken - before


async def metrics_of(server: LimitedServer) -> dict[str, float]:
    async with TestClient(TestServer(server.app[METRICS_APP])) as metrics:
        text = await (await metrics.get("/metrics")).text()
    return {name: float(value) for name, value in re.findall(COUNTED, text, re.MULTILINE)}


@contextmanager
def access_lines() -> Iterator[io.StringIO]:
    """Return what is written to the access log."""
    handler = logging.StreamHandler(io.StringIO())
    handler.setFormatter(LineFormatter())
    access_logger.setLevel(logging.INFO)
    access_logger.addHandler(handler)
    yield handler.stream
    access_logger.removeHandler(handler)
    access_logger.setLevel(logging.NOTSET)


@pytest.mark.parametrize("log_format", LogFormat)
async def test_lines_that_are_written_at_once_are_those_of_the_formatter(log_format: LogFormat) -> None:
    formatter = JsonFormatter() if log_format is LogFormat.JSON else LineFormatter()
    stream = io.StringIO()
    handler: LogHandler = logging.StreamHandler(stream)
    handler.setFormatter(formatter)
    request_log, now = RequestLog(handler), 1_764_082_398.25
    message = REQUEST % ("::1", "GET", "/simple/demo/", 200, 12, 0.00012)
    request_log.log_request(now, "id-1", message)
    assert stream.getvalue() == ""
    await asyncio.sleep(0)
    record = access_logger.makeRecord(
        access_logger.name, logging.INFO, "", 0, REQUEST, ("::1", "GET", "/simple/demo/", 200, 12, 0.00012), None
    )
    record.created, record.msecs = now, 250.0
    with request_ids.use("id-1"):
        assert stream.getvalue() == formatter.format(record) + "\n"


async def test_an_error_during_revalidation_is_answered_by_aiohttp(
    pair: Pair, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail(*_args: object) -> None:
        raise RuntimeError("a bug")

    for method in ("project", "revalidated_project"):
        monkeypatch.setattr(pair.fast.app[CATALOG], method, fail)
    health = b"GET /-/healthz HTTP/1.1\r\nHost: a\r\n\r\n"
    for _ in range(2):
        before = pair.lane.taken
        assert statuses(await answers(pair.fast, [health, HOT])) == [200, 500]
        assert pair.lane.taken == before + 1
    assert "a bug" in caplog.text


async def test_a_fault_in_the_lane_leaves_no_client_waiting(
    pair: Pair, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_args: object) -> None:
        raise RuntimeError("a bug")

    with monkeypatch.context() as patched:
        patched.setattr(AnswerSender, "send", fail)
        assert await converse(pair.fast, [HOT]) == b""
    assert "a bug" in caplog.text
    assert await taken_after(pair, b"GET /-/healthz HTTP/1.1\r\nHost: a\r\n\r\n", HOT) == 1


@pytest.mark.parametrize("later", [HOT.replace(b"GET", b"HEAD"), b"GET /-/healthz HTTP/1.1\r\nHost: a\r\n\r\n"])
@pytest.mark.parametrize("cut", [0, 20])
async def test_requests_behind_a_waiting_one_are_answered_after_it(
    pair: Pair, monkeypatch: pytest.MonkeyPatch, later: bytes, cut: int
) -> None:
    catalog, go = pair.fast.app[CATALOG], asyncio.Event()
    project = catalog.revalidated_project

    async def slowly(name: NormalizedName) -> ProjectView:
        await go.wait()
        return await project(name)

    monkeypatch.setattr(catalog, "revalidated_project", slowly)
    async with conversation(pair.fast) as talk:
        for piece in [HOT, later[:cut], later[cut:], END]:
            await talk.send(piece)
        for connection in pair.fast.connections:
            connection.check(asyncio.get_running_loop().time() + 1000)  # It is not the client that is late.
        go.set()
        assert statuses(await talk.end()) == [200, 200, 200]


async def test_cached_request_lines_and_headers_are_bounded(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fast_requests, "MAX_CACHED_HEADERS", 2)
    pair.lane.parser._headers.clear()
    requests = [HOT[:-2] + f"User-Agent: {number}\r\n\r\n".encode() for number in range(5)]
    assert await taken_after(pair, HOT, *requests) == 6
    assert len(pair.lane.parser._headers) == 2
    assert await taken_after(pair, HOT[:-2] + b"X-Request-ID: once\r\n\r\n") == 1
    assert not any(b"once" in block for block in pair.lane.parser._headers)
    before = len(pair.lane.parser._targets)
    path = b"/files/demo/" + b"0" * 64 + b"/a"
    assert await taken_after(pair, *(get(path + b"%d" % number + b"x" * 450) for number in range(3))) == 0
    assert len(pair.lane.parser._targets) == before


class Insistent(Noted):
    """A client that asks again so many turns of the loop after it has an answer, and wants so many."""

    def __init__(self, lane: FastLane, wanted: int, turns: int = 1) -> None:
        super().__init__()
        self.lane, self.wanted, self.turns = lane, wanted, turns

    def ask(self) -> None:
        assert self.lane.takes(self, HOT)

    def send(self, head: bytes, body: bytes = b"", sender: str = "") -> None:
        super().send(head, body, sender)
        if len(self.sent) < self.wanted:
            self._ask_in(self.turns)

    def _ask_in(self, turns: int) -> None:
        loop = asyncio.get_running_loop()
        loop.call_soon(self.ask) if turns == 1 else loop.call_soon(self._ask_in, turns - 1)


class SlowStorage:
    """Answers the lane's questions: the first once it may, the others in the same turn."""

    def __init__(self, catalog: Catalog) -> None:
        self.questions: list[NormalizedName] = []
        self.may_answer = asyncio.Event()
        self._project = catalog.revalidated_project

    async def project(self, name: NormalizedName) -> ProjectView:
        self.questions.append(name)
        await self.may_answer.wait()
        return await self._project(name)


@pytest.fixture
def slow_storage(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> SlowStorage:
    catalog = pair.fast.app[CATALOG]
    made = SlowStorage(catalog)
    monkeypatch.setattr(catalog, "revalidated_project", made.project)
    return made


async def share_questions(slow: SlowStorage, early: Sequence[Insistent], late: Sequence[Insistent]) -> None:
    """Let some clients ask, others while the first question is open, and wait until all are answered."""
    for client in early:
        client.ask()
    await until(lambda: slow.questions)
    for client in late:
        client.ask()
    slow.may_answer.set()
    await until(lambda: all(len(client.sent) == client.wanted for client in (*early, *late)))


async def test_a_client_that_asks_again_at_once_shares_the_question_of_those_already_waiting(
    pair: Pair, slow_storage: SlowStorage
) -> None:
    early, late = (Insistent(pair.lane, 10) for _ in range(2))
    await share_questions(slow_storage, [early], [late])
    # The first read had begun when the late client came. It shares the others with the early
    # client.
    assert len(slow_storage.questions) == 11


async def test_clients_that_keep_coming_back_after_an_answer_share_the_next_question(
    pair: Pair, slow_storage: SlowStorage
) -> None:
    early, late = ([Insistent(pair.lane, 10, turns) for turns in range(1, 11)] for _ in range(2))
    await share_questions(slow_storage, early, late)
    assert len(slow_storage.questions) == 11


class Endless(Insistent):
    """From its answer on, another client asks in each turn of the loop, until the storage is asked again."""

    def __init__(self, lane: FastLane, slow: SlowStorage) -> None:
        super().__init__(lane, 1)
        self.slow, self.came = slow, 0

    def send(self, head: bytes, body: bytes = b"", sender: str = "") -> None:
        super().send(head, body, sender)
        self._bring_another()

    def _bring_another(self) -> None:
        if len(self.slow.questions) < 2:
            self.came += 1
            assert self.lane.takes(Noted(), HOT)
            asyncio.get_running_loop().call_soon(self._bring_another)


async def test_waiting_clients_are_answered_though_new_ones_keep_coming(
    pair: Pair, slow_storage: SlowStorage
) -> None:
    endless = Endless(pair.lane, slow_storage)
    others = [Insistent(pair.lane, 1) for _ in range(999)]
    await share_questions(slow_storage, [endless, *others], [])
    await until(lambda: len(slow_storage.questions) > 1)
    # Clients that come soon share a question, but it does not wait until as many come as before.
    assert 1 < endless.came < 1000


@pytest.fixture
def looks(running: tuple[asyncio.Runner, Pair], monkeypatch: pytest.MonkeyPatch) -> list[CachedDocument]:
    """Note each look whether a project is still the same."""
    noted: list[CachedDocument] = []
    catalog = running[1].fast.app[CATALOG]
    is_fresh = catalog.is_fresh

    def note(cached: CachedDocument) -> bool:
        noted.append(cached)
        return is_fresh(cached)

    monkeypatch.setattr(catalog, "is_fresh", note)
    return noted


def test_the_requests_of_one_turn_of_the_loop_go_by_one_look(
    running: tuple[asyncio.Runner, Pair], looks: list[CachedDocument]
) -> None:
    lane, client = running[1].lane, Noted()

    async def ask() -> None:
        for turn in range(3):
            for _ in range(5):
                assert lane.takes(client, HOT)
            assert (len(looks), len(client.sent)) == (turn, turn * 5), "others may still come"
            await asyncio.sleep(0)
            assert (len(looks), len(client.sent)) == (turn + 1, turn * 5 + 5)
        for request in (HOT, HOT.replace(b"GET", b"HEAD"), HOT):
            assert lane.takes(client, request)
        await asyncio.sleep(0)
        assert (len(looks), len(client.sent)) == (5, 18)

    running[0].run(ask())
    assert {each[:15] for each in client.sent} == {b"HTTP/1.1 200 OK"}
    ids = re.findall(rb"X-Request-ID: (\w{32})\r\n", b"".join(client.sent))
    assert len(set(ids)) == 18


def test_whether_it_is_traced_is_asked_of_each_request(
    running: tuple[asyncio.Runner, Pair], monkeypatch: pytest.MonkeyPatch
) -> None:
    lane, dice = running[1].lane, iter([0.9, 0.1, 0.9, 0.1])
    monkeypatch.setattr(lane, "sampling", Sampling(0.5, lambda: next(dice)))

    async def ask() -> None:
        assert [lane.takes(Noted(), HOT) for _ in range(4)] == [True, False, True, False]

    running[0].run(ask())


def test_listeners_with_other_rules_have_other_answers_in_the_same_turn(
    running: tuple[asyncio.Runner, Pair],
) -> None:
    lane, inside, outside = running[1].lane, Noted(), Noted(Listener.EXTERNAL)

    async def ask() -> None:
        assert [lane.takes(client, HOT) for client in (inside, outside, inside)] == [True, False, True]
        await asyncio.sleep(0)

    running[0].run(ask())
    assert (len(inside.sent), outside.sent) == (2, [])


@pytest.mark.parametrize("path", ["", "/team/pypi"])
@pytest.mark.parametrize("trusted", [(), ("127.0.0.0/8",)], ids=["any client", "trusted proxy"])
async def test_each_root_has_its_own_links_to_provenance(
    tmp_path: Path, path: str, trusted: tuple[str, ...]
) -> None:
    """The lane and aiohttp find the same root, for any Host, X-Forwarded-Proto and X-Forwarded-Prefix."""
    await mirror(FolderStorage(tmp_path / "data"), MIRRORED, distributions.wheel(tmp_path, "open_up"))
    headers = (
        b"", b"X-Forwarded-Proto: https\r\n", b"X-Forwarded-Proto: HTTPS\r\n", b"X-Forwarded-Proto: a, https\r\n",
        b"X-Forwarded-Prefix: /other\r\n", b"X-Forwarded-Prefix: bad prefix\r\n",
    )  # fmt: skip
    questions = [
        LINKED[:-2].replace(b"Host: a", b"Host: " + host) + header + b"\r\n"
        for host, header in product((b"a", b"A.example:8"), headers)
    ]
    async with a_pair(tmp_path, None, *trusted, path=path) as pair:
        for _ in range(2):  # The first time, aiohttp renders the page for this root.
            before = pair.lane.taken
            fast, slow = await pair.send([END.replace(b"close", b"keep-alive"), *questions], in_turn=True)
            assert fast == slow
    links = re.findall(rb'data-provenance="(.+?)/mirror/pypi/', fast)
    prefix = b"/other" if trusted else path.encode()
    assert links[:6] == [
        b"http://a" + path.encode(), *[b"https://a" + path.encode()] * 2, b"http://a" + path.encode(),
        b"http://a" + prefix, b"http://a" + path.encode(),
    ]  # fmt: skip
    assert pair.lane.taken - before == 8, "all but those with a prefix"


async def test_a_file_about_which_a_rule_lacks_facts_is_looked_up_before_the_lane_sends_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its page is decided about by the new policy, and another file was sent, so all is in memory."""
    monkeypatch.setattr(Facts, "look_up_later", lambda _self, _view: None)
    storage, name = FolderStorage(tmp_path / "data"), parse_project_name(MIRRORED)
    wheels = [distributions.wheel(tmp_path, "open_up", version) for version in ("1.0", "2.0")]
    await mirror(storage, MIRRORED, *wheels)
    await Documents(storage).change(name, with_versions)
    one, two = (get(path_of(wheel).encode()) for wheel in wheels)
    async with a_pair(tmp_path, None) as pair:
        catalog = pair.fast.app[CATALOG]
        for rule in ("formats: {action: Block}", "licenses: {action: Block, deny: [MIT]}"):
            catalog.basis.put_file(parse_policy(f"policy: {{cooldown: {{action: Off}}, {rule}}}".encode()))
            await asyncio.sleep(0.1)  # A document that was written just now has no fingerprint.
            for requests in ([one, get(MIRRORED_PAGE)], [one], [two]):
                assert set(statuses(await answers(pair.fast, requests, in_turn=True))) == {200}
        mirrored = (await catalog.project(name)).project.mirror
    assert mirrored is not None
    assert [file.license for file in mirrored.files] == [NO_LICENSE, NO_LICENSE]


def with_versions(project: Project) -> Project:
    """Return the project with the versions in its filenames."""
    assert project.mirror is not None
    files = tuple(file.replace(version=file.filename.split("-")[1]) for file in project.mirror.files)
    return project.replace(mirror=project.mirror.replace(files=files))
