import pytest

from support.memory_storage import Fault, MemoryStorage
from wheelyard_server.catalog.identity import claim
from wheelyard_server.errors import InvalidSettingsError, ObjectNotFoundError, StorageUnavailableError


def another_index_is_faster(storage: MemoryStorage) -> None:
    def write_first(method: str, key: str) -> None:
        if method == "write":
            storage.objects[key] = b'{"format":1,"index":"packages/other"}'

    storage.before_call = write_first


async def test_an_empty_storage_becomes_the_index_s_own() -> None:
    storage = MemoryStorage()
    await claim(storage, "packages/main")
    assert storage.objects["wheelyard.json"] == b'{"format":2,"index":"packages/main"}'
    await claim(storage, "packages/main")


async def test_another_index_is_refused_and_told_whose_it_is() -> None:
    storage = MemoryStorage()
    await claim(storage, "packages/main")
    with pytest.raises(InvalidSettingsError, match="packages/main"):
        await claim(storage, "packages/other")


async def test_a_server_without_a_name_serves_whatever_is_there() -> None:
    storage = MemoryStorage()
    await claim(storage, "packages/main")
    await claim(storage, None)


async def test_a_newer_format_is_refused() -> None:
    storage = MemoryStorage()
    storage.objects["wheelyard.json"] = b'{"format": 3, "index": null}'
    with pytest.raises(InvalidSettingsError, match="upgrade"):
        await claim(storage, None)


async def test_a_file_that_is_not_ours_is_refused() -> None:
    storage = MemoryStorage()
    storage.objects["wheelyard.json"] = b"<html>"
    with pytest.raises(InvalidSettingsError, match=r"wheelyard\.json"):
        await claim(storage, None)


async def test_of_two_indexes_that_start_at_once_one_is_refused() -> None:
    storage = MemoryStorage()
    another_index_is_faster(storage)
    with pytest.raises(InvalidSettingsError, match="packages/other"):
        await claim(storage, "packages/main")


async def test_an_outage_is_passed_on() -> None:
    storage = MemoryStorage()
    storage.fail_at(1, Fault.LOST_REQUEST)
    with pytest.raises(StorageUnavailableError):
        await claim(storage, None)


async def test_a_storage_that_can_neither_be_read_nor_marked_is_an_outage_and_no_endless_loop() -> None:
    storage = MemoryStorage()

    def appears_and_vanishes(method: str, key: str) -> None:
        storage.objects.pop(key, None)
        if method == "write":
            storage.objects[key] = b""

    storage.before_call = appears_and_vanishes
    with pytest.raises(ObjectNotFoundError):
        await claim(storage, None)
    assert len(storage.calls) == 3


async def test_a_storage_that_nobody_has_claimed_becomes_the_first_index_s_and_no_other_s() -> None:
    storage = MemoryStorage()
    await claim(storage, None)
    await claim(storage, "packages/main")
    with pytest.raises(InvalidSettingsError, match="packages/main"):
        await claim(storage, "packages/other")
    await claim(storage, None)


async def test_of_two_indexes_that_claim_at_once_one_is_refused() -> None:
    storage = MemoryStorage()
    await claim(storage, None)
    another_index_is_faster(storage)
    with pytest.raises(InvalidSettingsError, match="packages/other"):
        await claim(storage, "packages/main")
