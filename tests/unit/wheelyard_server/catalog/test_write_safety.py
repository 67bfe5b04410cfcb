"""A proof is made once for each server, and an unlucky verdict stays until a person takes it back."""

from datetime import UTC, datetime

import msgspec
import pytest

from support.memory_storage import MemoryStorage
from unit.wheelyard_server.catalog.test_probe import Racing
from wheelyard_server.catalog.probe import RACES, WRITERS
from wheelyard_server.catalog.write_safety import PRODUCTS, Verdict, WriteSafety
from wheelyard_server.errors import StorageUnavailableError, UnsafeStorageError
from wheelyard_server.storage import Server, layout

HERE = Server("https://s3.example.com", "FakeS3/1.0")
NOW = datetime(2026, 11, 30, tzinfo=UTC)


def safety(storage: MemoryStorage) -> WriteSafety:
    return WriteSafety(storage, lambda: NOW)


def on_a_server(storage: MemoryStorage, server: Server = HERE) -> MemoryStorage:
    return storage.on_server(server)


def writes(storage: MemoryStorage) -> int:
    return sum(call.startswith("write") for call in storage.calls)


async def test_a_safe_server_is_proved_once() -> None:
    storage = on_a_server(MemoryStorage())
    for _ in range(3):
        await safety(storage).check()
    assert writes(storage) == 2 * RACES * WRITERS
    (key,) = storage.objects
    assert key == layout.verdict(HERE, is_safe=True)
    assert key.startswith(layout.CONDITIONAL_WRITES)


@pytest.mark.parametrize("other", [HERE._replace(endpoint="https://other"), HERE._replace(product="FakeS3/1.1")])
async def test_another_endpoint_or_product_is_probed_again(other: Server) -> None:
    storage = on_a_server(MemoryStorage())
    await safety(storage).check()
    await safety(on_a_server(storage, other)).check()
    assert writes(storage) == 4 * RACES * WRITERS
    await safety(on_a_server(storage, HERE)).check()
    assert writes(storage) == 4 * RACES * WRITERS


async def test_an_unsafe_verdict_stays_until_a_person_requests_another_probe() -> None:
    storage = Racing("create", lambda number: number == 50)
    on_a_server(storage)
    with pytest.raises(UnsafeStorageError, match="not atomic") as first:
        await safety(storage).check()
    before = writes(storage)
    with pytest.raises(UnsafeStorageError) as again:  # though the server fails no more
        await safety(storage).check()
    assert str(again.value) == str(first.value)
    assert writes(storage) == before
    assert await safety(storage).prove() == HERE
    await safety(storage).check()
    assert list(storage.objects) == [layout.verdict(HERE, is_safe=True)]


async def test_probing_an_unsafe_server_again_does_not_make_it_safe() -> None:
    storage = Racing("replace", lambda number: number % 20 == 0)
    on_a_server(storage)
    for check in (safety(storage).check, safety(storage).prove, safety(storage).check):
        with pytest.raises(UnsafeStorageError):
            await check()


async def test_a_replica_that_found_the_server_unsafe_overrules_the_others() -> None:
    storage = on_a_server(MemoryStorage())
    unsafe = Verdict(endpoint=HERE.endpoint, product=HERE.product, checked=NOW, reason="found by another one")

    def find(method: str, key: str) -> None:
        if (method, key) == ("store", layout.verdict(HERE, is_safe=True)):
            storage.objects[layout.verdict(HERE, is_safe=False)] = msgspec.json.encode(unsafe)

    storage.before_call = find
    with pytest.raises(UnsafeStorageError, match="found by another one"):
        await safety(storage).check()


async def test_a_damaged_result_never_counts_as_safe() -> None:
    storage = on_a_server(MemoryStorage())
    storage.objects[layout.verdict(HERE, is_safe=True)] = b"{"
    await safety(storage).check()
    assert writes(storage) == 2 * RACES * WRITERS
    storage.objects[layout.verdict(HERE, is_safe=False)] = b"{"
    with pytest.raises(UnsafeStorageError, match="wheelyard probe"):
        await safety(storage).check()


async def test_a_storage_without_a_server_is_tested_once_per_process() -> None:
    storage = MemoryStorage()
    known = safety(storage)
    for _ in range(3):
        await known.check()
    assert writes(storage) == 2 * WRITERS
    assert await known.prove() is None
    assert storage.objects == {}


async def test_an_outage_is_not_remembered() -> None:
    storage = on_a_server(MemoryStorage())
    storage.before_call = outage
    with pytest.raises(StorageUnavailableError):
        await safety(storage).check()
    storage.before_call = None
    await safety(storage).check()


def outage(method: str, key: str) -> None:
    if method == "write":
        raise StorageUnavailableError(key, "away")


async def test_a_server_with_a_changing_product_name_is_not_probed_forever() -> None:
    storage = MemoryStorage()
    known = safety(storage)
    for number in range(3 * PRODUCTS):
        on_a_server(storage, HERE._replace(product=f"FakeS3/{number}"))
        await known.check()
    assert len(storage.objects) == PRODUCTS + 1
    assert writes(storage) == (PRODUCTS + 1) * 2 * RACES * WRITERS
