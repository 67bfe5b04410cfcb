"""The records of a storage's calls."""

import asyncio
from contextlib import suppress

import pytest

from support.memory_storage import Fault, MemoryStorage
from wheelyard_server.errors import StorageError, StorageUnavailableError
from wheelyard_server.storage import ETag
from wheelyard_server.storage.measured import MeasuredStorage, StorageOutcome


class Told:
    """Collects the recorded calls."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, StorageOutcome]] = []

    def __call__(self, operation: str, outcome: StorageOutcome, seconds: float) -> None:
        assert seconds >= 0
        self.calls.append((operation, outcome))


async def test_every_operation_is_recorded_with_its_outcome() -> None:
    memory, told = MemoryStorage(), Told()
    storage = MeasuredStorage(memory, told)
    etag = await storage.write("a/one", b"1", expected=None)
    for attempt in (
        storage.read("a/one"),
        storage.read("a/one", if_none_match=etag),
        storage.read("a/none"),
        storage.write("a/one", b"2", expected=None),
        storage.store({"a/two": b"22", "a/three": b"333"}),
        storage.commit({"b/one": b"1"}, "a/one", lambda: b"2", expected=etag),
        storage.commit({"b/two": b"2"}, "a/one", lambda: b"3", expected=etag),
        storage.delete("a/two"),
    ):
        with suppress(StorageError):
            await attempt
    etag = (await memory.read("a/one")).etag
    assert [await storage.is_unchanged("a/one", each) for each in (etag, ETag("other"))] == [True, False]
    assert [each.key async for each in storage.list("a/")] == ["a/one", "a/three"]
    assert told.calls == [
        ("write", StorageOutcome.DONE),
        ("read", StorageOutcome.DONE),
        ("read", StorageOutcome.UNCHANGED),
        ("read", StorageOutcome.MISSING),
        ("write", StorageOutcome.CONFLICT),
        ("store", StorageOutcome.DONE),
        ("commit", StorageOutcome.DONE),
        ("commit", StorageOutcome.CONFLICT),
        ("delete", StorageOutcome.DONE),
        ("read", StorageOutcome.UNCHANGED),
        ("list", StorageOutcome.DONE),
    ]


async def test_a_stream_that_ends_early_counts_as_opened() -> None:
    memory, told = MemoryStorage(), Told()
    storage = MeasuredStorage(memory, told)
    await memory.store({"a": b"1234"})
    memory.fail_at(1, Fault.TRUNCATED_BODY)
    chunks = await storage.open("a", 0, 4)
    with pytest.raises(StorageUnavailableError):
        async for _ in chunks:
            pass
    assert told.calls == [("open", StorageOutcome.DONE), ("stream", StorageOutcome.UNAVAILABLE)]


async def test_a_canceled_call_is_not_counted() -> None:
    memory, told = MemoryStorage(), Told()
    memory.fail_at(1, Fault.HANG_THEN_LOST_REQUEST)
    call = asyncio.create_task(MeasuredStorage(memory, told).read("a"))
    await asyncio.sleep(0)
    call.cancel()
    with suppress(asyncio.CancelledError):
        await call
    assert told.calls == []
