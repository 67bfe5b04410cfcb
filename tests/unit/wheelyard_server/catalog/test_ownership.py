import asyncio
from pathlib import Path

import msgspec
import pytest

from support.memory_storage import Fault, MemoryStorage
from wheelyard_server.catalog.ownership import (
    FORMAT_FILE,
    StorageFormat,
    assign_owner,
    permission,
    raise_format,
    take_ownership,
)
from wheelyard_server.errors import InvalidSettingsError, ObjectNotFoundError, StorageUnavailableError


def another_index_is_faster(storage: MemoryStorage) -> None:
    def write_first(method: str, key: str) -> None:
        if method == "write":
            storage.objects[key] = b'{"format":1,"index":"packages/other"}'

    storage.before_call = write_first


async def test_an_empty_storage_becomes_the_indexs_own() -> None:
    storage = MemoryStorage()
    await take_ownership(storage, "packages/main")
    assert storage.objects["wheelyard.json"] == b'{"format":2,"index":"packages/main"}'
    await take_ownership(storage, "packages/main")


async def test_another_index_is_refused_with_the_owners_name() -> None:
    storage = MemoryStorage()
    await take_ownership(storage, "packages/main")
    with pytest.raises(InvalidSettingsError, match="packages/main"):
        await take_ownership(storage, "packages/other")


async def test_a_server_without_a_name_serves_whatever_is_there() -> None:
    storage = MemoryStorage()
    await take_ownership(storage, "packages/main")
    await take_ownership(storage, None)


async def test_a_newer_format_is_refused() -> None:
    storage = MemoryStorage()
    storage.objects["wheelyard.json"] = b'{"format": 3, "index": null}'
    with pytest.raises(InvalidSettingsError, match="upgrade"):
        await take_ownership(storage, None)


async def test_a_file_that_is_not_ours_is_refused() -> None:
    storage = MemoryStorage()
    storage.objects["wheelyard.json"] = b"<html>"
    with pytest.raises(InvalidSettingsError, match=r"wheelyard\.json"):
        await take_ownership(storage, None)


async def test_one_of_two_indexes_that_start_simultaneously_is_refused() -> None:
    storage = MemoryStorage()
    another_index_is_faster(storage)
    with pytest.raises(InvalidSettingsError, match="packages/other"):
        await take_ownership(storage, "packages/main")


async def test_an_outage_is_passed_on() -> None:
    storage = MemoryStorage()
    storage.fail_at(1, Fault.LOST_REQUEST)
    with pytest.raises(StorageUnavailableError):
        await take_ownership(storage, None)


async def test_a_storage_that_can_neither_be_read_nor_marked_is_an_outage() -> None:
    storage = MemoryStorage()

    def appears_and_vanishes(method: str, key: str) -> None:
        storage.objects.pop(key, None)
        if method == "write":
            storage.objects[key] = b""

    storage.before_call = appears_and_vanishes
    with pytest.raises(ObjectNotFoundError):
        await take_ownership(storage, None)
    assert len(storage.calls) == 3


async def test_an_unclaimed_storage_becomes_the_first_indexs_alone() -> None:
    storage = MemoryStorage()
    await take_ownership(storage, None)
    await take_ownership(storage, "packages/main")
    with pytest.raises(InvalidSettingsError, match="packages/main"):
        await take_ownership(storage, "packages/other")
    await take_ownership(storage, None)


async def test_one_of_two_indexes_that_claim_simultaneously_is_refused() -> None:
    storage = MemoryStorage()
    await take_ownership(storage, None)
    another_index_is_faster(storage)
    with pytest.raises(InvalidSettingsError, match="packages/other"):
        await take_ownership(storage, "packages/main")


@pytest.mark.parametrize(("text", "expected"), [("2\n", 2), ("3", 2), ("1", 1), ("", 1), ("two", 1), (None, 1)])
async def test_the_format_is_raised_as_soon_as_the_file_next_to_the_access_file_allows_it(
    tmp_path: Path, text: str | None, expected: int
) -> None:
    storage = MemoryStorage()
    storage.objects["wheelyard.json"] = b'{"format":1,"index":"packages/main","owner":{"new":1}}'
    current = StorageFormat(storage, permission(tmp_path / "access.yaml")).current
    assert await current() == 1
    if text is not None:
        (tmp_path / FORMAT_FILE).write_text(text)
    assert await current() == expected
    found = msgspec.json.decode(storage.objects["wheelyard.json"])
    assert found == {"format": expected, "index": "packages/main", "owner": {"new": 1}}


async def test_replicas_that_raise_the_format_simultaneously_all_succeed() -> None:
    storage = MemoryStorage()
    await storage.write("wheelyard.json", b'{"format":1,"index":null}', expected=None)
    await asyncio.gather(*(raise_format(storage) for _ in range(3)))
    assert storage.objects["wheelyard.json"] == b'{"format":2,"index":null}'


async def test_an_older_format_never_comes_back_when_the_storage_is_claimed() -> None:
    storage = MemoryStorage()
    storage.objects["wheelyard.json"] = b'{"format":1,"index":null,"owner":1}'
    await take_ownership(storage, "packages/main")
    assert msgspec.json.decode(storage.objects["wheelyard.json"]) == {
        "format": 1,
        "index": "packages/main",
        "owner": 1,
    }
    await raise_format(storage)
    await take_ownership(storage, "packages/main")
    assert msgspec.json.decode(storage.objects["wheelyard.json"])["format"] == 2


async def test_a_format_that_can_never_be_raised_is_an_outage() -> None:
    storage = MemoryStorage()
    storage.objects["wheelyard.json"] = b'{"format":1,"index":null}'
    storage.fail_at(1, Fault.CONFLICT, 100)
    with pytest.raises(StorageUnavailableError, match="too many concurrent writers"):
        await raise_format(storage)


def stored(index: str | None) -> MemoryStorage:
    storage = MemoryStorage()
    owner = "null" if index is None else f'"{index}"'
    storage.objects["wheelyard.json"] = f'{{"format":1,"index":{owner},"newer":{{"a":1}}}}'.encode()
    return storage


@pytest.mark.parametrize(
    ("owner", "previous"),
    [(None, None), ("packages/main", None), ("packages/main", "packages/old"), ("packages/old", "packages/old")],
)
async def test_the_owner_of_packages_assigns_them_to_an_index(owner: str | None, previous: str | None) -> None:
    storage = stored(owner)
    assert await assign_owner(storage, "packages/main", previous) == owner
    assert storage.objects["wheelyard.json"] == b'{"format":1,"index":"packages/main","newer":{"a":1}}'


@pytest.mark.parametrize(
    ("owner", "previous", "said"),
    [
        ("packages/old", None, "stop that index and add --from packages/old"),
        ("packages/old", "packages/older", "belongs to the index 'packages/old'"),
        (None, "packages/old", "omit --from"),
    ],
)
async def test_a_storage_is_only_taken_from_the_named_index(
    owner: str | None, previous: str | None, said: str
) -> None:
    storage = stored(owner)
    before = dict(storage.objects)
    with pytest.raises(InvalidSettingsError, match=said):
        await assign_owner(storage, "packages/main", previous)
    assert storage.objects == before


async def test_a_location_without_an_index_is_not_assigned() -> None:
    storage = MemoryStorage()
    with pytest.raises(InvalidSettingsError, match="check the bucket and the prefix"):
        await assign_owner(storage, "packages/main")
    assert storage.objects == {}


async def test_one_of_two_simultaneous_assignments_is_refused() -> None:
    storage = stored(None)
    another_index_is_faster(storage)
    with pytest.raises(InvalidSettingsError, match="packages/other"):
        await assign_owner(storage, "packages/main")
