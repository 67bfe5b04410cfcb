"""The bound of kept bytes: hard over all replicas, whatever fails."""

import asyncio
import random
from datetime import timedelta

import msgspec
import pytest

from support.memory_storage import Fault, MemoryStorage
from support.mirrored_files import NOW
from wheelyard_server.catalog.mirrors import budget
from wheelyard_server.catalog.mirrors.budget import MirrorBudget, MirroredSize
from wheelyard_server.errors import StorageError, StorageUnavailableError
from wheelyard_server.storage import layout


class World:
    """A storage, and servers that keep objects in it."""

    def __init__(self, max_bytes: int | None) -> None:
        self.max_bytes = max_bytes
        self.storage = MemoryStorage()
        self.now = NOW
        self.stored = 0

    def server(self) -> MirrorBudget:
        return MirrorBudget(self.storage, self.max_bytes, lambda: self.now)

    async def keep(self, server: MirrorBudget, size: int) -> bool:
        if not await server.take(size):
            return False
        self.stored += 1
        self.storage.objects[layout.mirrored(f"{self.stored:064x}")] = bytes(size)
        return True

    @property
    def size(self) -> int:
        return sum(len(body) for key, body in self.storage.objects.items() if key.startswith(layout.MIRRORED))

    @property
    def written(self) -> MirroredSize:
        return msgspec.json.decode(self.storage.objects[layout.MIRRORED_SIZE], type=MirroredSize)


async def test_all_of_the_space_can_be_used_and_no_more() -> None:
    world = World(1000)
    server = world.server()
    assert [await world.keep(server, 100) for _ in range(11)] == [True] * 10 + [False]
    assert not await world.keep(server, 1)
    assert world.size == 1000


async def test_a_file_larger_than_the_bound_costs_no_call() -> None:
    world = World(1000)
    assert not await world.keep(world.server(), 1001)
    assert world.storage.calls == []


async def test_without_a_bound_the_size_is_known_all_the_same() -> None:
    world = World(None)
    server = world.server()
    assert [await world.keep(server, 100) for _ in range(5)] == [True] * 5
    await server.measure()
    assert server.kept == (500, None)


async def test_the_size_is_unknown_until_it_is_measured_and_then_costs_no_call() -> None:
    world = World(1000)
    await world.keep(world.server(), 300)
    server = world.server()
    world.storage.calls.clear()
    before = server.kept
    await server.measure()
    # The first server's reservation may be in the storage or not: only a count shows it.
    without_reservations = server.kept
    await server.recount()
    world.storage.calls.clear()
    await server.measure()
    assert world.storage.calls == [f"read {layout.MIRRORED_SIZE}"]
    assert [before, without_reservations, server.kept] == [(None, 1000), (0, 1000), (300, 1000)]


async def test_a_size_that_was_never_written_is_counted_once_an_hour() -> None:
    world = World(None)
    world.storage.objects[layout.mirrored(f"{0:064x}")] = bytes(70)
    server = world.server()
    for _ in range(3):
        await server.measure()
    assert sum(call.startswith("list") for call in world.storage.calls) == 1
    assert server.kept.size == 70
    world.storage.objects[layout.mirrored(f"{1:064x}")] = bytes(30)
    world.now += budget.COUNTED_EVERY
    await server.measure()
    assert server.kept.size == 100
    assert layout.MIRRORED_SIZE not in world.storage.objects


async def test_the_last_size_stays_while_the_storage_is_down() -> None:
    world = World(None)
    server = world.server()
    await world.keep(server, 100)
    await server.measure()
    world.storage.fail_at(1, Fault.LOST_REQUEST, times=100)
    with pytest.raises(StorageUnavailableError):
        await server.measure()
    assert server.kept.size == 100


async def test_many_small_files_cost_few_writes() -> None:
    world = World(64 * 1000)
    server = world.server()
    for _ in range(100):
        await world.keep(server, 10)
    assert sum(call.startswith("write") for call in world.storage.calls) == 1


async def test_concurrent_files_of_one_server_count_all() -> None:
    world = World(1000)
    server = world.server()
    outcomes = await asyncio.gather(*(world.keep(server, 30) for _ in range(50)))
    assert sum(outcomes) == 33
    assert world.size == 990


async def test_servers_share_the_bound() -> None:
    world = World(1000)
    servers = [world.server() for _ in range(3)]
    outcomes = await asyncio.gather(*(world.keep(server, 30) for server in servers for _ in range(20)))
    assert world.size <= 1000
    assert sum(outcomes) >= 30


async def test_what_a_killed_server_had_reserved_comes_back() -> None:
    world = World(1000)
    assert await world.keep(world.server(), 900)  # its reservation is all that it used
    world.storage.objects = {layout.MIRRORED_SIZE: world.storage.objects[layout.MIRRORED_SIZE]}  # it was killed
    server = world.server()
    assert not await world.keep(server, 500)
    world.now += budget.RESERVED_FOR + budget.STORED_WITHIN
    assert await world.keep(server, 500)
    assert world.size == 500


async def test_objects_that_were_deleted_make_space_after_the_next_count() -> None:
    world = World(1000)
    server = world.server()
    for _ in range(10):
        await world.keep(server, 100)
    for key in [key for key in world.storage.objects if key.startswith(layout.MIRRORED)][:5]:
        del world.storage.objects[key]
    world.now += budget.COUNTED_EVERY - timedelta(seconds=1)
    assert not await world.keep(server, 100)
    world.now += timedelta(seconds=1)
    assert await world.keep(server, 100)
    assert world.written.total <= 1000


@pytest.mark.parametrize("harm", ["lost", "damaged"])
async def test_a_lost_or_damaged_size_is_counted_again(harm: str) -> None:
    world = World(1000)
    await world.keep(world.server(), 900)
    if harm == "lost":
        del world.storage.objects[layout.MIRRORED_SIZE]
    else:
        world.storage.objects[layout.MIRRORED_SIZE] = b"{"
    server = world.server()
    assert not await world.keep(server, 200)
    assert await world.keep(server, 100)
    assert world.size == 1000


async def test_a_storage_that_is_down_is_an_error_not_space() -> None:
    world = World(1000)
    world.storage.fail_at(1, Fault.LOST_REQUEST, times=100)
    with pytest.raises(StorageUnavailableError):
        await world.server().take(1)


@pytest.mark.parametrize("seed", range(60))
async def test_whatever_fails_the_bound_holds(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A property: servers that come and go, faults of all kinds, deletions, counts and time."""
    monkeypatch.setattr(budget, "RESERVED_SHARE", 8)
    chance, world = random.Random(seed), World(1000)  # noqa: S311 - a test
    servers = [world.server() for _ in range(3)]

    async def one() -> None:
        server = chance.choice(servers)
        match chance.randrange(8):
            case 0:
                servers[chance.randrange(3)] = world.server()
            case 1:
                world.now += timedelta(minutes=chance.randrange(90))
            case 2:
                kept = [key for key in world.storage.objects if key.startswith(layout.MIRRORED)]
                if kept:
                    world.storage.objects.pop(chance.choice(kept))
            case 3:
                world.storage.fail_at(chance.randrange(1, 4), chance.choice([*Fault]))
            case 4:
                await server.recount()
            case _:
                await world.keep(server, chance.randrange(1, 120))

    for _ in range(60):
        outcomes = await asyncio.gather(*(one() for _ in range(chance.randrange(1, 4))), return_exceptions=True)
        assert all(each is None or isinstance(each, StorageError) for each in outcomes), outcomes
        assert world.size <= 1000
