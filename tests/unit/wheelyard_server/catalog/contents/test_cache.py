"""The cache, through the door by which the catalog goes: every byte that arrives is looked at."""

import asyncio
import errno
import os
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from io import FileIO
from pathlib import Path

import pytest

from support.contents import put, received, streamed
from support.memory_storage import MemoryStorage
from support.patience import until
from wheelyard_server.catalog.contents import fill
from wheelyard_server.catalog.contents.cache import FileCache
from wheelyard_server.catalog.contents.content import Content, Contents
from wheelyard_server.catalog.contents.fill import Stored
from wheelyard_server.catalog.contents.verified_files import VerifiedFiles
from wheelyard_server.catalog.counts import Counts, Source
from wheelyard_server.errors import ObjectNotFoundError, StorageError, StorageUnavailableError

BODY = bytes(range(256)) * 40  # eleven chunks of the memory storage
MAX_BYTES = 100_000
NOW = datetime(2026, 1, 1, tzinfo=UTC)


class World:
    """A storage, and a cache that can be started again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.storage = MemoryStorage()
        self.now = NOW
        self.start()

    def start(self, max_bytes: int = MAX_BYTES, patience_seconds: float = 10) -> None:
        self.cache = FileCache(self.folder, max_bytes, VerifiedFiles(patience_seconds), lambda: self.now)
        self.counts = Counts()
        self.contents = Contents(self.storage, VerifiedFiles(), self.cache, self.counts)

    async def open(self, stored: Stored, start: int = 0, end: int | None = None) -> Content:
        return await self.contents.open(stored.key, stored.file, start, stored.file.size if end is None else end)

    async def get(self, stored: Stored) -> bytes:
        body = await received(await self.open(stored))
        await self.idle()
        return body

    async def is_hit(self, stored: Stored) -> bool:
        content = await self.open(stored)
        await received(content)
        await self.idle()
        return isinstance(content, FileIO)

    async def idle(self) -> None:
        """Wait until every fill has ended."""
        await asyncio.gather(*(running.task for running in self.cache._fills.running.values()))

    @property
    def opens(self) -> int:
        return sum(call.startswith("open ") for call in self.storage.calls)

    @property
    def kept(self) -> list[Path]:
        return [path for path in self.folder.rglob("*") if path.is_file()]


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    # Nothing is kept in memory: it is the disk that is looked at.
    monkeypatch.setattr("wheelyard_server.catalog.contents.content.SMALL_BYTES", 0)
    return World(tmp_path / "cache")


async def arrived_before_error(content: AsyncIterator[bytes]) -> bytes:
    arrived = b""
    try:
        async for chunk in content:
            arrived += chunk
    except StorageUnavailableError:
        return arrived
    pytest.fail("the stream ended as if it were whole")


def damaged(path: Path) -> None:
    path.write_bytes(b"\xff" + path.read_bytes()[1:])


def shortened(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def lost(path: Path) -> None:
    path.unlink()


async def test_the_first_client_reads_from_the_storage_and_the_next_from_disk(world: World) -> None:
    stored = put(world.storage, BODY)
    assert await world.get(stored) == BODY
    content = await world.open(stored)
    assert isinstance(content, FileIO)
    assert await received(content) == BODY
    assert world.opens == 1


async def test_fifty_simultaneous_clients_cost_one_read_of_the_storage(world: World) -> None:
    stored = put(world.storage, BODY)
    assert set(await asyncio.gather(*(world.get(stored) for _ in range(50)))) == {BODY}
    assert world.opens == 1


async def test_clients_get_the_first_bytes_while_the_rest_is_being_fetched(world: World) -> None:
    stored, gate = put(world.storage, BODY), asyncio.Event()

    async def wait(position: int) -> None:
        if position >= 5000:
            await gate.wait()

    world.storage.before_chunk = wait
    content = streamed(await world.open(stored))
    early = b""
    while len(early) < 4000:  # the last chunk that came is held back until its successor is there
        early += await anext(content)
    late = asyncio.create_task(world.get(stored))
    gate.set()
    assert early + await received(content) == await late == BODY
    assert world.opens == 1


async def test_a_client_that_disconnects_takes_nothing_from_others(world: World) -> None:
    stored = put(world.storage, BODY)
    leaver = streamed(await world.open(stored))
    await anext(leaver)
    stayer = streamed(await world.open(stored))
    del leaver
    assert await received(stayer) == BODY
    await world.idle()
    assert await world.is_hit(stored)
    assert world.opens == 1


async def test_a_fill_without_clients_finishes_and_serves_the_next_client(world: World) -> None:
    stored = put(world.storage, BODY)
    await anext(streamed(await world.open(stored)))
    await world.idle()
    assert await world.is_hit(stored)


@pytest.mark.parametrize("damage", [lambda body: body[:-1], lambda body: body[:9] + b"\xff" + body[10:]])
async def test_a_file_with_a_wrong_digest_never_arrives_completely_and_leaves_nothing(
    world: World, damage: Callable[[bytes], bytes]
) -> None:
    stored = put(world.storage, BODY)
    world.storage.objects[stored.key] = damage(BODY)
    for content in [streamed(await world.open(stored)) for _ in range(5)]:
        assert 0 < len(await arrived_before_error(content)) < len(BODY)
    await world.idle()
    assert not world.kept
    world.storage.objects[stored.key] = BODY
    assert await world.get(stored) == BODY


async def test_a_storage_failure_during_a_fill_fails_its_clients_and_leaves_no_file(world: World) -> None:
    stored = put(world.storage, BODY)

    async def fail(position: int) -> None:
        if position == 5000:
            raise StorageUnavailableError(stored.key, "made to fail")

    world.storage.before_chunk = fail
    for failed in await asyncio.gather(*(world.get(stored) for _ in range(5)), return_exceptions=True):
        assert isinstance(failed, StorageUnavailableError)
    await world.idle()
    assert not world.kept
    world.storage.before_chunk = None
    assert await world.get(stored) == BODY


async def test_a_client_gone_before_the_first_byte_leaves_no_file_open(world: World) -> None:
    stored = put(world.storage, BODY)
    content = await world.open(stored)
    await world.idle()
    assert not isinstance(content, FileIO)
    before = len(list(Path("/proc/self/fd").iterdir()))
    del content  # Python warns about an unclosed file, which fails the tests.
    await until(lambda: len(list(Path("/proc/self/fd").iterdir())) == before - 1)


async def test_an_error_before_the_first_byte_is_raised_before_the_stream(world: World) -> None:
    stored = put(world.storage, BODY)
    del world.storage.objects[stored.key]
    opened = await asyncio.gather(*(world.open(stored) for _ in range(5)), return_exceptions=True)
    assert {type(each) for each in opened} == {ObjectNotFoundError}


async def test_a_part_is_read_from_disk_if_the_file_is_cached_and_else_fills_nothing(world: World) -> None:
    stored = put(world.storage, BODY)
    part = streamed(await world.open(stored, 10, 20))
    assert await received(part) == BODY[10:20]
    assert not world.kept
    await world.get(stored)
    content = await world.open(stored, 10, 20)
    assert isinstance(content, FileIO)
    content.close()


async def test_the_least_recently_used_files_are_evicted_first(world: World) -> None:
    old, used, newer, newest = (put(world.storage, bytes([n]) * 30_000, f"p{n}") for n in range(4))
    for stored in (old, used, newer, used, newest):
        await world.get(stored)
    assert {path.name for path in world.kept} == {each.file.sha256 for each in (used, newer, newest)}


async def test_files_in_progress_never_exceed_the_budget(world: World) -> None:
    stored = [put(world.storage, bytes([n]) * 30_000, f"p{n}") for n in range(6)]
    sizes: list[int] = []

    async def measure(_: int) -> None:
        sizes.append(sum(path.stat().st_size for path in world.kept))

    world.storage.before_chunk = measure
    bodies = await asyncio.gather(*(world.get(each) for each in stored))
    assert [body[:1] for body in bodies] == [bytes([n]) for n in range(6)]
    assert 60_000 < max(sizes) <= MAX_BYTES


async def test_a_file_larger_than_its_share_streams_past(world: World) -> None:
    stored = put(world.storage, b"x" * 60_000)
    assert await world.get(stored) == b"x" * 60_000
    assert not world.kept


async def test_a_restart_finds_the_files_in_order_of_last_use(world: World) -> None:
    old, used = (put(world.storage, bytes([n]) * 30_000, f"p{n}") for n in range(2))
    await world.get(used)
    await world.get(old)
    for stored, age in ((old, 2), (used, 1)):
        world.now = datetime.now(UTC) + timedelta(hours=3 - age)
        assert await world.is_hit(stored)
    world.start()
    assert world.opens == 2
    for stored in (put(world.storage, bytes([n]) * 30_000, f"p{n}") for n in (2, 3)):
        await world.get(stored)
    assert used.file.sha256 in {path.name for path in world.kept}
    assert old.file.sha256 not in {path.name for path in world.kept}


@pytest.mark.parametrize("harm", [damaged, shortened, lost])
async def test_a_damaged_file_is_fetched_again_after_a_restart(
    world: World, harm: Callable[[Path], None], caplog: pytest.LogCaptureFixture
) -> None:
    stored = put(world.storage, BODY)
    await world.get(stored)
    (path,) = world.kept
    world.start()
    harm(path)
    assert await asyncio.gather(*(world.get(stored) for _ in range(5))) == [BODY] * 5
    assert world.opens == 2
    assert caplog.text.count("will be fetched again") == 1
    assert path.read_bytes() == BODY


async def test_a_large_file_that_is_still_being_verified_comes_from_the_storage(world: World) -> None:
    stored = put(world.storage, BODY)
    await world.get(stored)
    world.start(patience_seconds=0)
    assert not await world.is_hit(stored)
    assert world.opens == 2
    await until(lambda: not world.cache._files._reading)
    assert await world.is_hit(stored)


def test_leftovers_of_a_crash_are_removed_at_start(world: World) -> None:
    (world.folder / "filling-abc").write_bytes(b"half")
    world.start()
    assert not world.kept


async def test_a_smaller_bound_holds_from_the_start(world: World) -> None:
    for n in range(3):
        await world.get(put(world.storage, bytes([n]) * 30_000, f"p{n}"))
    world.start(max_bytes=60_000)
    assert len(world.kept) == 2


async def test_a_folder_that_cannot_be_made_costs_only_speed(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    world = World(tmp_path / "file/cache")
    stored = put(world.storage, BODY)
    assert [await world.get(stored), await world.get(stored)] == [BODY, BODY]
    assert "The cache cannot be used" in caplog.text


async def test_a_folder_that_went_away_costs_only_speed(world: World, caplog: pytest.LogCaptureFixture) -> None:
    world.folder.rmdir()
    assert await world.get(put(world.storage, BODY)) == BODY
    assert "The cache cannot be written to" in caplog.text


async def test_clients_that_follow_a_fill_never_notice_a_disk_that_fills_up(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    stored = put(world.storage, BODY)
    real = fill.Fill._append

    def append(self: fill.Fill, chunk: bytes) -> None:
        if self._written == 5000:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(self, chunk)

    monkeypatch.setattr(fill.Fill, "_append", append)
    assert set(await asyncio.gather(*(world.get(stored) for _ in range(5)))) == {BODY}
    assert "No space left" in caplog.text
    assert not world.kept


async def test_clients_that_follow_a_fill_never_notice_a_disk_that_cannot_be_read(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = put(world.storage, BODY)
    monkeypatch.setattr(os, "pread", lambda *_: (_ for _ in ()).throw(OSError(errno.EIO, "made to fail")))
    assert await world.get(stored) == BODY


async def test_after_a_full_disk_the_bytes_are_still_verified(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = put(world.storage, BODY)
    world.storage.objects[stored.key] = BODY[:-1] + b"?"
    monkeypatch.setattr(fill.Fill, "_append", lambda *_: (_ for _ in ()).throw(OSError(errno.ENOSPC, "full")))
    with pytest.raises(StorageError):
        await world.get(stored)


async def test_reads_are_counted_by_the_source_of_their_bytes(world: World) -> None:
    stored = put(world.storage, BODY)
    first, second = await world.open(stored), await world.open(stored)
    assert await received(first) == await received(second) == BODY
    await world.idle()
    assert await world.is_hit(stored)
    assert world.counts.file_reads == {Source.STORAGE: 1, Source.SHARED: 1, Source.DISK: 1}
    other = put(world.storage, BODY[1:], "other")
    await received(await world.open(other, 3, 9))
    assert world.counts.file_reads[Source.STORAGE] == 2
