"""The proofs can fail: each of these bugs, planted on purpose, is found by them."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import datetime
from pathlib import Path

import msgspec
import pytest
from hypothesis import Phase
from hypothesis.stateful import run_state_machine_as_test

from support import faults
from support.concurrency import Race
from support.index_model import small_uploads
from support.machine import IndexMachine
from support.memory_storage import MemoryStorage, etag_of
from support.operations import World
from support.properties import settings
from wheelyard_server import model
from wheelyard_server.catalog import catalog, edits, encoding
from wheelyard_server.catalog.contents import fill
from wheelyard_server.catalog.documents import Documents
from wheelyard_server.catalog.edits import Selection
from wheelyard_server.catalog.stored_project import CachedDocument, StoredProject
from wheelyard_server.errors import PreconditionFailedError
from wheelyard_server.model import Project
from wheelyard_server.names import NormalizedName
from wheelyard_server.storage import ETag

QUICK = settings(derandomize=True, database=None, phases=[Phase.generate], report_multiple_bugs=False)
"""The first failure suffices, so shrinking it would be wasted time."""
RACES = 300

pytestmark = pytest.mark.usefixtures("no_threads")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    made = World(tmp_path_factory.mktemp("world"))
    asyncio.run(made.fill())
    return made


async def try_all_troubles(world: World, operation: str) -> None:
    for trouble in faults.TROUBLES.values():
        await faults.check(world, world.operations()[operation], trouble, warm=True)


def run_machine(folder: Path) -> None:
    class Machine(IndexMachine):
        uploads = small_uploads(folder)

    run_state_machine_as_test(Machine, settings=QUICK)


def run_races(folder: Path, storage: Callable[[], MemoryStorage]) -> None:
    uploads = small_uploads(folder)
    for seed in range(RACES):
        asyncio.run(Race(seed, uploads, storage()).run())


async def test_a_commit_before_the_files_are_there(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    async def document_first(
        self: MemoryStorage,
        objects: Mapping[str, Path | bytes],
        key: str,
        body: Callable[[], bytes],
        *,
        expected: ETag | None,
    ) -> ETag:
        etag = await self.write(key, body(), expected=expected)
        await self.store(objects)
        return etag

    monkeypatch.setattr(MemoryStorage, "commit", document_first)
    with pytest.raises(AssertionError, match="listed and not there"):
        await try_all_troubles(world, "upload wheel")


class BlindStorage(MemoryStorage):
    """Writes without a look at what is there."""

    async def write(self, key: str, body: bytes, *, expected: ETag | None) -> ETag:
        current = self.objects.get(key)
        expected = None if current is None else etag_of(current)
        return await super().write(key, body, expected=expected)


def test_a_storage_without_compare_and_swap_is_caught(tmp_path: Path) -> None:
    with pytest.raises(AssertionError):
        run_races(tmp_path, BlindStorage)


def test_a_dropped_tombstone_is_caught(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    without = edits.without

    def forget(project: Project, selection: Selection, now: datetime, by: str) -> Project:
        return without(project, selection, now, by).replace(deleted=())

    monkeypatch.setattr(edits, "without", forget)
    with pytest.raises(AssertionError):
        run_machine(tmp_path)


def test_identity_by_spelling_is_caught(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model, "other_spellings", lambda _filename, _filenames: iter(()))
    with pytest.raises(AssertionError):
        run_machine(tmp_path)


async def test_the_operation_id_ignored(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    async def final(
        self: Documents, changed: Project, expected: ETag | None, objects: Mapping[str, Path | bytes]
    ) -> bool:
        await self._write(changed, expected, objects)
        return True

    monkeypatch.setattr(Documents, "_swapped", final)
    with pytest.raises(PreconditionFailedError):
        await try_all_troubles(world, "yank")


def test_a_cached_document_taken_for_current(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read = Documents._revalidated

    async def cached(self: Documents, name: NormalizedName) -> StoredProject:
        seen = self.cached(name)
        return seen.stored if seen is not None else await read(self, name)

    monkeypatch.setattr(Documents, "_revalidated", cached)
    with pytest.raises(AssertionError):
        run_machine(tmp_path)


def test_a_cached_document_taken_for_confirmed_by_the_storage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def believed(_self: Documents, _cached: CachedDocument) -> bool:
        return True

    monkeypatch.setattr(Documents, "is_unchanged", believed)
    with pytest.raises(AssertionError):
        run_machine(tmp_path)


async def test_unchecked_digests_are_caught(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def believed(chunks: AsyncIterator[bytes], _sha256: str, _key: str) -> AsyncIterator[bytes]:
        return chunks

    monkeypatch.setattr(fill, "verify_stream", believed)
    with pytest.raises(AssertionError):
        await try_all_troubles(world, "read file")


async def test_digests_of_metadata_not_checked(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalog, "verify_bytes", lambda body, _sha256, _key: body)
    with pytest.raises(AssertionError):
        await try_all_troubles(world, "read metadata")


def test_keys_of_a_newer_release_dropped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoding, "encode", lambda project: msgspec.json.encode(project.replace(unknown=b"")))
    with pytest.raises(AssertionError):
        run_machine(tmp_path)


def test_a_return_to_an_older_format_is_caught(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoding, "in_format", lambda project, wanted: project.replace(format=wanted % 2 + 1))
    with pytest.raises(AssertionError):
        run_machine(tmp_path)
