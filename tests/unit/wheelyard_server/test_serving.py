"""When the ports of a server open, and how it stops."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiohttp import ClientSession, web

from cluster.versitygw import free_port
from support.access import ACCESS
from support.memory_storage import Fault, MemoryStorage
from support.patience import HANG_SECONDS
from wheelyard_server import app, serving
from wheelyard_server.app import CATALOG
from wheelyard_server.catalog.fetches.answers import FetchFilter
from wheelyard_server.catalog.fetches.fetch_log import FetchLog
from wheelyard_server.catalog.fetches.rows import Login
from wheelyard_server.catalog.write_gate import WriteGate
from wheelyard_server.errors import InvalidSettingsError
from wheelyard_server.settings import (
    FetchLogSettings,
    Folder,
    ListenAddress,
    Listeners,
    Settings,
    Shutdown,
    StorageSettings,
)
from wheelyard_server.storage.folder import FolderStorage


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    access_file = tmp_path / "access.yaml"
    access_file.write_bytes(msgspec.yaml.encode(ACCESS))
    return Settings(
        storage=StorageSettings(folder=Folder(path=tmp_path / "data")),
        access_file=access_file,
        scratch_folder=tmp_path / "scratch",
        listeners=Listeners(cluster=ListenAddress(port=free_port()), external=ListenAddress(port=free_port())),
        shutdown=Shutdown(drain_seconds=0, grace_seconds=0),
    )


class Gate:
    """Keeps servers from the claim of their storage."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.asked, self.may_pass = asyncio.Event(), asyncio.Event()
        self.error: Exception | None = None
        monkeypatch.setattr(serving, "take_ownership", self._claim)

    async def _claim(self, *_: object) -> None:
        self.asked.set()
        await self.may_pass.wait()
        if self.error is not None:
            raise self.error


@pytest.fixture
async def gate(monkeypatch: pytest.MonkeyPatch) -> Gate:
    return Gate(monkeypatch)


@pytest.fixture
async def running(settings: Settings, gate: Gate) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(serving.serve(settings))
    await gate.asked.wait()
    yield task
    task.cancel()
    await asyncio.wait([task])


async def statuses(settings: Settings) -> list[int]:
    """Return the answers of both ports, 0 if a port is closed."""
    found = []
    for listener in (settings.listeners.cluster, settings.listeners.external):
        assert listener is not None
        async with ClientSession() as session:
            try:
                async with session.get(f"http://127.0.0.1:{listener.port}/-/readyz") as answer:
                    found.append(answer.status)
            except OSError:
                found.append(0)
    return found


async def opened(settings: Settings) -> list[int]:
    while 0 in (found := await statuses(settings)):
        await asyncio.sleep(0)
    return found


@pytest.mark.usefixtures("running")
async def test_the_ports_open_when_the_first_request_can_be_served(settings: Settings, gate: Gate) -> None:
    assert await statuses(settings) == [0, 0]
    gate.may_pass.set()
    assert await opened(settings) == [200, 200]


async def test_servers_report_a_storage_that_does_not_answer(
    settings: Settings, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving, "CLOSED_SECONDS", 0)
    task = asyncio.create_task(serving.serve(settings))
    assert await opened(settings) == [503, 503]
    gate.may_pass.set()
    while await statuses(settings) != [200, 200]:
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])


async def test_the_ports_stay_closed_on_another_indexs_storage(
    settings: Settings, gate: Gate, running: asyncio.Task[None]
) -> None:
    gate.error = InvalidSettingsError("it is another index's")
    gate.may_pass.set()
    with pytest.raises(InvalidSettingsError):
        await running
    assert await statuses(settings) == [0, 0]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_second_signal_ends_the_drain(settings: Settings, number: signal.Signals) -> None:
    settings = msgspec.structs.replace(settings, shutdown=Shutdown(drain_seconds=10 * HANG_SECONDS))
    async with asyncio.timeout(HANG_SECONDS):
        running = asyncio.create_task(serving.serve(settings))
        assert await opened(settings) == [200, 200]
        os.kill(os.getpid(), number)
        while await statuses(settings) != [503, 503]:  # It drains: it still answers, but is not ready.
            await asyncio.sleep(0)
        assert not running.done()
        os.kill(os.getpid(), number)
        await running
    assert await statuses(settings) == [0, 0]


async def test_the_last_fetches_are_written_when_a_server_stops(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[web.Application] = []

    def build(*arguments: Any) -> web.Application:
        made.append(app.build(*arguments))
        return made[-1]

    monkeypatch.setattr(serving, "build", build)
    running = asyncio.create_task(serving.serve(settings))
    assert await opened(settings) == [200, 200]
    login = Login("", "none")
    made[0][CATALOG].fetches.counter.count(("demo", "demo-1.0.tar.gz", "a" * 64, "1.0"), login, "192.0.2.7", "pip")
    os.kill(os.getpid(), signal.SIGTERM)
    await running
    assert settings.storage.folder is not None
    later = FetchLog(FolderStorage(settings.storage.folder.path), FetchLogSettings(), later_by_a_day, WriteGate())
    answer, coverage = await later.who(FetchFilter(), 2)
    assert [(each.file.filename, each.uses.fetches) for each in answer.rows()] == [("demo-1.0.tar.gz", 1)]
    assert coverage.killed == frozenset()


def later_by_a_day() -> float:
    return time.time() + 86_400


async def test_a_storage_that_does_not_answer_at_the_end_costs_the_last_minute_and_says_so(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = MemoryStorage()
    log = FetchLog(storage, FetchLogSettings(), time.time, WriteGate())
    storage.fail_at(1, Fault.LOST_REQUEST)
    await serving.write_last_fetches(log)
    monkeypatch.setattr(serving, "LAST_FETCHES_SECONDS", 0)
    await serving.write_last_fetches(log)
    assert [each.message for each in caplog.records if "lost" in each.message] == [
        f"The fetches of the last minute are lost: {storage.calls[0].removeprefix('write ')}: made to fail",
        "The fetches of the last minute are lost: the storage takes too long",
    ]
