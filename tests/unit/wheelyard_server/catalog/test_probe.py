"""Unsafe storage is found, however rarely it fails, and safe storage is let pass and left clean."""

import asyncio
import itertools
from collections.abc import Callable

import pytest

from support.memory_storage import Fault, MemoryStorage
from wheelyard_server.catalog import probe
from wheelyard_server.catalog.catalog import Catalog
from wheelyard_server.catalog.edits import Selection
from wheelyard_server.catalog.probe import ERROR_RATE, FAILURE_RATE, RACES, WRITERS, check_conditional_writes
from wheelyard_server.errors import StorageUnavailableError, UnsafeStorageError
from wheelyard_server.model.status import Status
from wheelyard_server.names import parse_project_name
from wheelyard_server.storage import ETag

Fails = Callable[[int], bool]
"""Returns whether conditions are checked too early in a race, counted from 1."""


class Racing(MemoryStorage):
    """Checks conditions and then writes, in some of its races to `create` or to `replace` an object."""

    def __init__(self, what: str, fails: Fails) -> None:
        super().__init__()
        self.what = what
        self.fails = fails
        self.races: dict[str, int] = {}
        self.numbers = itertools.count(1)

    async def write(self, key: str, body: bytes, *, expected: ETag | None) -> ETag:
        if self.what != ("create" if expected is None else "replace"):
            return await super().write(key, body, expected=expected)
        if key not in self.races:
            self.races[key] = next(self.numbers)
        if not self.fails(self.races[key]):
            return await super().write(key, body, expected=expected)
        self.objects.pop(key, None)
        return await super().write(key, body, expected=None)


class Overwriting(MemoryStorage):
    """Refuses all writers but one, and keeps what it refused."""

    async def write(self, key: str, body: bytes, *, expected: ETag | None) -> ETag:
        try:
            return await super().write(key, body, expected=expected)
        finally:
            if expected is not None:
                self.objects[key] = body


async def test_a_storage_that_compares_and_swaps_is_safe_and_left_clean() -> None:
    storage = MemoryStorage()
    await check_conditional_writes(storage)
    assert storage.objects == {}
    writes = [call for call in storage.calls if call.startswith("write")]
    assert len(writes) == 2 * RACES * WRITERS


def test_there_are_enough_races_to_rule_out_luck() -> None:
    assert (1 - FAILURE_RATE) ** RACES <= ERROR_RATE == 1e-4
    assert FAILURE_RATE == 0.05


@pytest.mark.parametrize("what", ["create", "replace"])
@pytest.mark.parametrize("failing", [1, 2, 20, 100, RACES - 1, RACES])
async def test_one_race_that_is_lost_is_enough(what: str, failing: int) -> None:
    storage = Racing(what, lambda number: number == failing)
    with pytest.raises(UnsafeStorageError, match=f"{WRITERS} of {WRITERS} writers {what}"):
        await check_conditional_writes(storage)
    assert storage.objects == {}


async def test_a_storage_that_stores_a_refused_write_is_unsafe() -> None:
    with pytest.raises(UnsafeStorageError, match="stored the bytes of a writer that it had refused to let replace"):
        await check_conditional_writes(Overwriting())


@pytest.mark.parametrize("fault", list(Fault))
@pytest.mark.parametrize("call", [1, 4, 5, 6, 9, 10, 11, 40, 800])
async def test_an_outage_gives_no_verdict(call: int, fault: Fault, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "RACES_AT_ONCE", 1)
    storage = MemoryStorage()
    storage.fail_at(call, fault)
    damaged = fault in (Fault.TRUNCATED_BODY, Fault.WRONG_BODY)
    try:
        await check_conditional_writes(storage, races=100)
    except StorageUnavailableError:
        await check_conditional_writes(storage, races=2)
    except UnsafeStorageError:
        assert damaged


async def test_a_race_without_a_known_winner_is_run_again() -> None:
    storage = MemoryStorage()
    storage.fail_at(1, Fault.LOST_ANSWER_THEN_CONFLICT)
    await check_conditional_writes(storage, races=1)
    storage.fail_at(1, Fault.CONFLICT, times=1000)
    with pytest.raises(StorageUnavailableError, match="no writer knows that it won"):
        await check_conditional_writes(storage, races=1)


async def test_a_canceled_probe_leaves_nothing_behind() -> None:
    storage = MemoryStorage()
    check = asyncio.create_task(check_conditional_writes(storage))
    while len(storage.calls) < 100:
        await asyncio.sleep(0)
    check.cancel()
    with pytest.raises(asyncio.CancelledError):
        await check
    assert storage.objects == {}


async def test_an_unsafe_storage_is_not_written_to() -> None:
    storage = MemoryStorage()
    catalog = Catalog(storage)
    catalog.writes.refuse(UnsafeStorageError("because"))
    name = parse_project_name("demo")
    for refused in (
        catalog.yank(name, Selection(), ""),
        catalog.unyank(name, Selection()),
        catalog.delete(name, Selection()),
        catalog.set_status(name, Status.ARCHIVED, ""),
    ):
        with pytest.raises(UnsafeStorageError, match="because"):
            await refused
    assert not list(await catalog.projects())
