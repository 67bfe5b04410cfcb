"""Every background loop of the server is found here, made to fail and made to end."""

import ast
import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any, NoReturn

import aiohttp
import msgspec
import pytest
from aiohttp.test_utils import TestClient, TestServer

import wheelyard_server
from cluster.versitygw import free_port
from support.access import ACCESS as ACCESS_FILE
from support.patience import HANG_SECONDS, until
from support.serving import LimitedServer
from wheelyard_server import app, serving
from wheelyard_server.app import METRICS_APP
from wheelyard_server.background import Background, Loop
from wheelyard_server.errors import LoopEndedError
from wheelyard_server.settings import Folder, ListenAddress, Listeners, Settings, Shutdown, StorageSettings
from wheelyard_server.settings.advisories import AdvisorySettings
from wheelyard_server.storage.folder import FolderStorage
from wheelyard_server.web.context import BACKGROUND
from wheelyard_server.web.http.lifecycle import LIFECYCLE

LOOPS = (
    "following the access file",
    "the deadlines of clients",
    "the deadlines of clients of metrics",
    "checking conditional writes",
    "following the policy file",
    "writing the fetch log",
    "merging the fetch log",
    "following the advisories",
    "fetching advisories",
    "following the quarantine",
    "following the sessions file",
)
"""All loops of a server, which the functions below start."""

Work = Callable[[], Awaitable[None]]

SUPERVISED = {
    "app._announce": (),  # Only with a webhook.
    "app._follow_access_file": LOOPS[:1],
    "app._follow_policy_file": LOOPS[4:5],
    "app._measure_kept": (),  # Only with upstreams.
    "serving.check_writes": LOOPS[3:4],
    "serving.keep_fetch_log": LOOPS[5:7],
    "serving.follow_advisories": LOOPS[7:9],
    "serving.follow_quarantine": LOOPS[9:10],
    "app._sessions": LOOPS[10:],
    "web.front.connection_server.Server.__init__": LOOPS[1:3],
}
"""Where loops begin."""

NO_LOOPS = {
    "background.Background.start": "what supervises",
    "background.Loop.start": "what supervises",
    "background.Loop._run": "what supervises",
    "access.passwords.PasswordChecker._begin": "of a login",
    "serving._started_or_stopped": "`serve` waits for it: an error ends the process",
    "serving._unless": "of the end",
    "serving.serve": "it waits for `_started_or_stopped`: an error ends the process",
    "catalog.advisories.fetching.AdvisoryFetcher._claimed": "of a fetch",
    "catalog.advisories.fetching.AdvisoryFetcher._renew": "of a fetch: without it, the claim ends",
    "catalog.bounded_work.for_each": "of a request, which waits for all of it",
    "catalog.facts.Facts.look_up_later": "of a page",
    "events.delivery.Delivery.deliver": "it ends with a round of `sending events`",
    "catalog.contents.fill.Fills._begin": "of a download",
    "catalog.contents.fill.Fill._read": "of a download",
    "catalog.contents.verified_files.VerifiedFiles._digest": "of a download",
    "catalog.projects.Projects._select": "of a request",
    "catalog.fetches.fetch_log.FetchLog._merge": "until a day has no more segments",
    "catalog.fetches.segments.SegmentWriter._write_all": "until nothing is unwritten",
    "catalog.scratch._watched": "of an upload",
    "catalog.coalescing.CoalescedCalls.next_call": "of a request",
    "catalog.coalescing.SharedCalls.__call__": "of a request",
    "catalog.mirrors.first_pages.FirstPages.make": "of a request",
    "catalog.mirrors.mirrors.Mirrors.give_up": "of a request",
    "catalog.mirrors.revalidation.Revalidation._ask": "of a request",
    "readmes.readmes.Readmes._add": "it waits for `_render_all`, which renders what waits",
    "readmes.readmes.Readmes._render_all": "while READMEs wait",
    "readmes.readmes.Readmes._end_idle_child": "of a child that renders nothing",
    "readmes.readmes.Readmes._end_child": "of a child that renders nothing",
    "sliced.in_slices": "of a page",
    "upstream.files.FileChunks.__anext__": "of a download",
    "catalog.mirrors.metadata.MirroredMetadata.extract_later": "of a request",
    "storage.folder._chunks": "of a download",
    "web.front.lane_connection.LaneConnection._begin_soon": "three turns of the event loop",
    "web.front.lane_connection.LaneConnection.data_received": "three turns of the event loop",
    "web.front.revalidation.Revalidation._answer_waiting": "while requests wait",
    "web.front.request_groups.RunningTasks.start": "of a request",
    "web.front.fast_lane.FastLane.takes": "once a turn of the event loop",
    "web.http.lifecycle.Lifecycle.wait_until_idle": "of the end",
    "web.telemetry.logs.RequestLog.log_request": "once a turn of the event loop",
    "web.handlers.operations._body": "of a request",
    "web.pages.rendering.PageCache.page": "of a request",
    "web.http.sendfile._wait_until_flushed": "of a download",
    "web.http.sendfile.sendfile": "of a download",
    "web.telemetry.tracing.Tracing.close": "of the end",
}
"""Functions that look like loops, and why they are not."""

STARTS = frozenset(
    {"Loop", "create_task", "ensure_future", "call_soon", "call_later", "call_at", "Thread", "Timer"}
)


def _called(node: ast.AST) -> Iterator[str]:
    for each in ast.walk(node):
        if isinstance(each, ast.Call):
            function = each.func
            name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
            yield "Loop" if name == "start" and len(each.args) == 3 else name  # `Background.start` begins one.


def _is_suspicious(function: ast.AST) -> bool:
    return any(isinstance(each, ast.While) and _waits(each) for each in ast.walk(function)) or bool(
        STARTS & set(_called(function))
    )


def _waits(loop: ast.While) -> bool:
    return any(isinstance(each, ast.Await) for each in ast.walk(loop)) or "sleep" in _called(loop)


def _functions(node: ast.AST, path: str) -> Iterator[tuple[str, ast.AST]]:
    for each in ast.iter_child_nodes(node):
        if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef):
            yield f"{path}.{each.name}", each
        elif isinstance(each, ast.ClassDef):
            yield from _functions(each, f"{path}.{each.name}")


def suspects() -> set[str]:
    """Return all functions of the server that may begin a loop, or be one."""
    found = set()
    root = Path(wheelyard_server.__file__).parent
    for path in root.rglob("*.py"):
        module = ".".join(path.relative_to(root).with_suffix("").parts)
        if not module.startswith(("commands.", "maintenance.", "importing.")):
            found |= {
                name for name, body in _functions(ast.parse(path.read_text()), module) if _is_suspicious(body)
            }
    return found


def test_all_loops_are_supervised() -> None:
    assert suspects() == set(SUPERVISED) | set(NO_LOOPS)


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setattr(serving, "FLUSH_SECONDS", 0.1)
    access_file = tmp_path / "access.yaml"
    access_file.write_bytes(msgspec.yaml.encode(ACCESS_FILE))
    policy_file = tmp_path / "policy.yaml"
    policy_file.write_text("{}")
    return Settings(
        storage=StorageSettings(folder=Folder(path=tmp_path / "storage")),
        access_file=access_file,
        policy_file=policy_file,
        advisories=AdvisorySettings(file=tmp_path / "all.zip"),
        scratch_folder=tmp_path / "scratch",
        listeners=Listeners(cluster=ListenAddress(port=free_port())),
        shutdown=Shutdown(drain_seconds=0, grace_seconds=0),
    )


@pytest.fixture
def quick_loops(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the next round of each loop begin soon, not after up to 20 seconds."""
    start = Background.start

    def start_quick(background: Background, name: str, work: Work, seconds: float, **more: Any) -> Loop:
        return start(background, name, work, min(seconds, 0.1), **more)

    monkeypatch.setattr(Background, "start", start_quick)


@pytest.fixture
async def server(settings: Settings, quick_loops: None) -> AsyncIterator[LimitedServer]:  # noqa: ARG001 - its loops
    storage = FolderStorage(settings.storage.folder.path)  # type: ignore[union-attr]
    application = app.build(settings, storage)
    application[LIFECYCLE].started = True
    running = LimitedServer(application, settings.limits)
    async with running, LimitedServer(application[METRICS_APP], settings.limits):
        serving.check_writes(application, storage)
        serving.keep_fetch_log(application)
        serving.follow_advisories(application)
        serving.follow_quarantine(application)
        yield running


async def _told(server: LimitedServer) -> tuple[int, str, dict[str, object], str]:
    """Return the status and text of readiness, `/access`, and the metrics."""
    async with aiohttp.ClientSession() as session, TestClient(TestServer(server.app[app.METRICS_APP])) as metrics:
        ready = await session.get(server.make_url("/-/readyz"))
        access = await (await metrics.get("/access")).json()
        text = (await ready.json())["detail"] if ready.status == 503 else await ready.text()
        return ready.status, text, access, await (await metrics.get("/metrics")).text()


def _loop(server: LimitedServer, name: str) -> Loop:
    (loop,) = (each for each in server.app[BACKGROUND].loops if each.name == name)
    return loop


async def test_all_loops_are_known(server: LimitedServer) -> None:
    assert (
        sorted(loop.name for loop in server.app[BACKGROUND].loops)
        == sorted(chain(*SUPERVISED.values()))
        == sorted(LOOPS)
    )
    tasks = {task.get_name() for task in asyncio.all_tasks()}
    assert {f"background: {name}" for name in LOOPS} <= tasks


@pytest.mark.parametrize("name", LOOPS)
async def test_a_loop_that_fails_is_logged_counted_and_shown_and_tried_again(
    server: LimitedServer, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    loop = _loop(server, name)
    work, good = loop.work, loop.finished

    async def fail() -> NoReturn:
        raise NotImplementedError("odd")

    loop.seconds, loop.work = 0.01, fail
    await until(lambda: loop.failures > 2)
    status, ready, access, metrics = await _told(server)
    assert (status, ready) == (200, f"ok\nfailing, see the log: {name}\n"), "the last good state serves"
    assert (access["failing"], access["usable"]) == ([name], True)
    assert f'wheelyard_background_failures_total{{loop="{name}"}} ' in metrics
    assert loop.finished < loop.clock()
    errors = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert [name in record.getMessage() for record in errors] == [True], "the same is logged once"
    assert errors[0].exc_info is not None
    loop.work = work
    await until(lambda: not loop.failing)
    assert (await _told(server))[:2] == (200, "ok\n")
    assert loop.finished > good


@pytest.mark.parametrize("name", LOOPS)
async def test_a_loop_that_is_stuck_is_not_ready(
    server: LimitedServer, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop, may_go_on, is_in = _loop(server, name), asyncio.Event(), asyncio.Event()
    work = loop.work

    async def hang() -> None:
        is_in.set()
        await may_go_on.wait()

    loop.work = hang
    await asyncio.wait_for(is_in.wait(), HANG_SECONDS)
    monkeypatch.setattr(
        loop, "clock", lambda: server.app[BACKGROUND].clock() + loop.late_seconds + loop.seconds + 1
    )
    status, ready, access, _ = await _told(server)
    assert (status, ready, access["stuck"]) == (503, f"stuck: {name}", [name])
    loop.work = work
    may_go_on.set()
    await until(lambda: not loop.is_late)
    assert (await _told(server))[0] == 200


async def test_a_proof_of_conditional_writes_that_takes_minutes_is_not_stuck(
    server: LimitedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop = _loop(server, "checking conditional writes")
    monkeypatch.setattr(loop, "clock", lambda: server.app[BACKGROUND].clock() + 10 * 60)
    assert (await _told(server))[0] == 200


class _Panic(BaseException):
    """As a library in Rust raises it: no `Exception`."""


async def _panic() -> NoReturn:
    raise _Panic


async def _cancelled() -> NoReturn:
    raise asyncio.CancelledError


@pytest.mark.usefixtures("quick_loops")
@pytest.mark.parametrize("end", [_panic, _cancelled])
@pytest.mark.parametrize("name", LOOPS)
async def test_a_loop_that_ends_ends_the_process(
    settings: Settings, name: str, end: Work, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    made: list[Background] = []

    class Noted(Background):
        def __init__(self, clock: Callable[[], float]) -> None:
            super().__init__(clock)
            made.append(self)

    monkeypatch.setattr(app, "Background", Noted)
    running = asyncio.create_task(serving.serve(settings))
    await until(lambda: bool(made) and len(made[0].loops) == len(LOOPS))
    (loop,) = (each for each in made[0].loops if each.name == name)
    loop.work = end
    with pytest.raises(LoopEndedError, match=name):
        await asyncio.wait_for(running, HANG_SECONDS)
    assert f"The process ends because a background loop has ended: {name}" in caplog.text


async def test_failures_in_a_row_slow_a_loop_down_but_not_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    sleep = asyncio.sleep

    async def count(seconds: float) -> None:
        slept.append(seconds)
        await sleep(0)

    async def fail() -> NoReturn:
        raise ValueError

    monkeypatch.setattr(asyncio, "sleep", count)
    loop = Background(lambda: 0).start("a loop", fail, 0.5)
    while len(slept) < 8:
        await sleep(0)
    loop.stop()
    assert slept[:6] == [0.5, 1, 2, 4, 5, 5]


async def test_a_loop_that_is_stopped_has_not_ended_by_itself() -> None:
    background = Background(lambda: 0)

    async def work() -> None:
        """Do nothing."""

    loop = background.start("a loop", work, 0)
    await asyncio.sleep(0.01)
    loop.stop()
    await asyncio.sleep(0.01)
    assert background.ended is None
