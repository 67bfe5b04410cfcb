import asyncio

import pytest

from support.memory_storage import Fault, MemoryStorage
from wheelyard_server.catalog.catalog import Catalog
from wheelyard_server.catalog.edits import Selection
from wheelyard_server.catalog.probe import check_conditional_writes
from wheelyard_server.errors import StorageUnavailableError, UnsafeStorageError
from wheelyard_server.model import Status
from wheelyard_server.names import parse_project_name
from wheelyard_server.storage import ETag


class Careless(MemoryStorage):
    """Ignores conditions, as some servers do."""

    async def write(self, key: str, body: bytes, *, expected: ETag | None) -> ETag:
        expected = None if key not in self.objects else (await self.read(key)).etag
        return await super().write(key, body, expected=expected)


class CarelessReplacing(Careless):
    """Honours `If-None-Match: *`, but not `If-Match`."""

    async def write(self, key: str, body: bytes, *, expected: ETag | None) -> ETag:
        if expected is None:
            return await MemoryStorage.write(self, key, body, expected=None)
        return await super().write(key, body, expected=expected)


class CheckThenAct(MemoryStorage):
    """Checks the condition, and writes a moment later."""

    async def write(self, key: str, body: bytes, *, expected: ETag | None) -> ETag:
        known = key in self.objects
        await asyncio.sleep(0)
        if expected is None and not known:
            self.objects.pop(key, None)
        return await super().write(key, body, expected=expected)


async def test_a_storage_that_compares_and_swaps_is_safe_and_left_clean() -> None:
    storage = MemoryStorage()
    await check_conditional_writes(storage)
    assert storage.objects == {}


@pytest.mark.parametrize(
    ("storage", "what"), [(Careless(), "create"), (CarelessReplacing(), "replace"), (CheckThenAct(), "create")]
)
async def test_a_storage_that_does_not_is_found(storage: MemoryStorage, what: str) -> None:
    with pytest.raises(UnsafeStorageError, match=f"32 of 32 writers {what}"):
        await check_conditional_writes(storage)
    assert storage.objects == {}


@pytest.mark.parametrize("fault", list(Fault))
@pytest.mark.parametrize("call", [1, 20, 33, 34, 60])
async def test_an_outage_is_no_verdict(call: int, fault: Fault) -> None:
    storage = MemoryStorage()
    storage.fail_at(call, fault)
    try:
        await check_conditional_writes(storage)
    except StorageUnavailableError:
        await check_conditional_writes(storage)


async def test_where_writing_is_unsafe_nothing_is_written() -> None:
    storage = MemoryStorage()
    catalog = Catalog(storage)
    catalog.refuse_writes(UnsafeStorageError("because"))
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
