"""What a server does between its start and the proof that writing is safe."""

import asyncio
from pathlib import Path

import msgspec
import pytest

from support.access import ACCESS
from support.memory_storage import MemoryStorage
from support.patience import HANG_SECONDS
from wheelyard_server import app, serving
from wheelyard_server.app import CATALOG
from wheelyard_server.catalog.edits import Selection
from wheelyard_server.catalog.write_safety import WriteSafety
from wheelyard_server.errors import NotFoundError, StorageUnavailableError, UnsafeStorageError
from wheelyard_server.names import parse_project_name
from wheelyard_server.settings import Folder, Settings, StorageSettings
from wheelyard_server.storage import ETag, Server, layout
from wheelyard_server.web.context import BACKGROUND

NAME = parse_project_name("demo")


class Slow(MemoryStorage):
    """Lets no race begin before somebody says so."""

    def __init__(self) -> None:
        super().__init__()
        self.on_server(Server("https://s3.example.com", "FakeS3/1.0"))
        self.may_race = asyncio.Event()

    async def write(self, key: str, body: bytes, *, expected: ETag | None) -> ETag:
        if key.startswith(layout.PROBES):
            await self.may_race.wait()
        return await super().write(key, body, expected=expected)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    access_file = tmp_path / "access.yaml"
    access_file.write_bytes(msgspec.yaml.encode(ACCESS))
    return Settings(
        storage=StorageSettings(folder=Folder(path=tmp_path)),
        access_file=access_file,
        scratch_folder=tmp_path / "scratch",
    )


async def test_readers_are_served_and_writers_wait_while_the_proof_runs(settings: Settings) -> None:
    storage = Slow()
    made = app.build(settings, storage)
    serving.check_writes(made, storage)
    writer = asyncio.create_task(made[CATALOG].delete(NAME, Selection()))
    for _ in range(100):
        await asyncio.sleep(0)
    assert not list(await made[CATALOG].projects())
    assert not writer.done()
    storage.may_race.set()
    with pytest.raises(NotFoundError):  # as without a wait
        await writer
    for loop in made[BACKGROUND].loops:
        loop.stop()


async def test_results_of_other_replicas_close_and_open_the_gate(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving, "CHECK_WRITES_SECONDS", 0)
    storage = Slow()
    storage.may_race.set()
    made = app.build(settings, storage)
    serving.check_writes(made, storage)
    unsafe = layout.verdict(Server("https://s3.example.com", "FakeS3/1.0"), is_safe=False)
    verdict = {"endpoint": "x", "product": "x", "checked": "2026-11-30T00:00:00Z", "reason": "because"}
    for error, objects in (
        (NotFoundError, {}),
        (UnsafeStorageError, {unsafe: msgspec.json.encode(verdict)}),
        (NotFoundError, {}),
    ):
        storage.objects.pop(unsafe, None)
        storage.objects |= objects
        await outcome_becomes(made[CATALOG].delete, error)
    for loop in made[BACKGROUND].loops:
        loop.stop()


async def outcome_becomes(delete: object, error: type[Exception]) -> None:
    """Wait until a writer meets this error."""
    async with asyncio.timeout(HANG_SECONDS):
        while True:
            try:
                await delete(NAME, Selection())  # type: ignore[operator]
            except error:
                return
            except (NotFoundError, UnsafeStorageError):
                await asyncio.sleep(0.01)


async def test_an_outage_leaves_the_last_answer_in_force(settings: Settings) -> None:
    storage = Slow()
    storage.may_race.set()
    made = app.build(settings, storage)
    gate, safety = made[CATALOG].writes, WriteSafety(storage)
    await serving._check_writes(gate, safety)

    def away(_method: str, key: str) -> None:
        raise StorageUnavailableError(key, "away")

    storage.before_call = away
    await serving._check_writes(gate, safety)
    await gate.passed()
