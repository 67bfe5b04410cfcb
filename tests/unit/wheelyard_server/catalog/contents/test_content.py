import hashlib
from datetime import UTC, datetime
from io import FileIO
from pathlib import Path

import pytest

from support.contents import file_of, put, received, streamed
from support.memory_storage import MemoryStorage
from wheelyard_server.catalog.catalog import Catalog, Policy
from wheelyard_server.catalog.contents.cache import FileCache
from wheelyard_server.catalog.contents.content import KEPT_BYTES, SMALL_BYTES, Contents, SmallObjects
from wheelyard_server.catalog.contents.fill import Stored
from wheelyard_server.catalog.contents.redirects import FileRedirects, PresignedUrls
from wheelyard_server.catalog.contents.verified_files import VerifiedFiles
from wheelyard_server.errors import DamagedObjectError, ObjectNotFoundError, StorageUnavailableError
from wheelyard_server.names import NormalizedName
from wheelyard_server.settings import Listener
from wheelyard_server.storage.folder import FolderStorage

BODY = bytes(range(256)) * 400
SMALL = BODY[:1000]


@pytest.fixture
async def folder(tmp_path: Path) -> FolderStorage:
    return FolderStorage(tmp_path / "data")


@pytest.fixture
async def stored(folder: FolderStorage) -> Stored:
    known = put(MemoryStorage(), BODY)
    await folder.store({known.key: BODY})
    return known


async def test_a_file_of_a_folder_is_opened_in_place(folder: FolderStorage, stored: Stored) -> None:
    content = await Contents(folder, VerifiedFiles(), None).open(stored.key, stored.file, 0, len(BODY))
    assert isinstance(content, FileIO)
    assert await received(content) == BODY


async def test_a_small_file_is_kept_in_memory_once_it_was_read_and_verified(folder: FolderStorage) -> None:
    small, contents = put(MemoryStorage(), SMALL), Contents(folder, VerifiedFiles(), None)
    await folder.store({small.key: SMALL})
    assert contents.small.get(small.file.sha256) is None
    assert await contents.open(small.key, small.file, 0, 10) == SMALL
    folder.path(small.key).unlink()
    assert await contents.open(small.key, small.file, 0, 10) == SMALL
    assert contents.small.get(small.file.sha256) == SMALL


def test_small_objects_are_bounded_and_large_ones_are_not_kept() -> None:
    small = SmallObjects()
    small.keep("large", bytes(SMALL_BYTES + 1))
    assert small.get("large") is None
    most = KEPT_BYTES // SMALL_BYTES
    for number in range(most):
        small.keep(str(number), bytes(SMALL_BYTES))
    assert small.get("0") is None
    assert small.get(str(most - 1)) is not None


@pytest.mark.parametrize("part", [(0, len(BODY)), (3, 9)])
async def test_a_damaged_file_of_a_folder_is_refused_before_its_first_byte(
    folder: FolderStorage, stored: Stored, part: tuple[int, int]
) -> None:
    folder.path(stored.key).write_bytes(BODY[:-1] + b"?")
    with pytest.raises(DamagedObjectError, match=hashlib.sha256(BODY[:-1] + b"?").hexdigest()):
        await Contents(folder, VerifiedFiles(), None).open(stored.key, stored.file, *part)


async def test_a_missing_file_of_a_folder_is_an_error_of_the_storage(folder: FolderStorage, stored: Stored) -> None:
    folder.path(stored.key).unlink()
    with pytest.raises(ObjectNotFoundError):
        await Contents(folder, VerifiedFiles(), None).open(stored.key, stored.file, 0, len(BODY))


@pytest.mark.parametrize(("part", "body"), [((0, len(BODY)), BODY), ((3, 9), BODY[3:9])])
async def test_a_large_file_of_a_folder_is_served_while_it_is_being_verified(
    folder: FolderStorage, stored: Stored, part: tuple[int, int], body: bytes
) -> None:
    content = await Contents(folder, VerifiedFiles(patience_seconds=0), None).open(stored.key, stored.file, *part)
    assert await received(streamed(content)) == body


async def test_a_file_from_a_bucket_is_verified_on_the_way_without_a_cache() -> None:
    storage = MemoryStorage()
    elsewhere = put(storage, BODY)
    contents = Contents(storage, VerifiedFiles(), None)
    content = await contents.open(elsewhere.key, elsewhere.file, 0, len(BODY))
    assert await received(streamed(content)) == BODY
    storage.objects[elsewhere.key] = BODY[:-1] + b"?"
    damaged = await contents.open(elsewhere.key, elsewhere.file, 0, len(BODY))
    with pytest.raises(StorageUnavailableError):
        await received(damaged)


async def test_a_large_file_of_a_folder_counts_as_cached_once_it_was_read(
    folder: FolderStorage, stored: Stored
) -> None:
    contents = Contents(folder, VerifiedFiles(), None)
    assert not contents.is_cached(stored.key, stored.file)
    await received(await contents.open(stored.key, stored.file, 0, len(BODY)))
    assert contents.is_cached(stored.key, stored.file)


async def test_a_small_file_is_cached_only_in_memory(folder: FolderStorage) -> None:
    small, contents = put(MemoryStorage(), SMALL), Contents(folder, VerifiedFiles(), None)
    await folder.store({small.key: SMALL})
    await contents.open(small.key, small.file, 0, len(SMALL))
    assert not contents.is_cached(small.key, small.file)


async def test_a_large_file_counts_as_cached_once_it_is_in_the_cache(tmp_path: Path) -> None:
    storage, files = MemoryStorage(), VerifiedFiles()
    elsewhere = put(storage, BODY)
    contents = Contents(storage, files, FileCache(tmp_path, 10 * len(BODY), files, lambda: datetime.now(UTC)))
    for expected in (False, True):
        assert contents.is_cached(elsewhere.key, elsewhere.file) is expected
        await received(await contents.open(elsewhere.key, elsewhere.file, 0, len(BODY)))
    assert not Contents(storage, files, None).is_cached(elsewhere.key, elsewhere.file)


async def test_the_url_of_a_redirected_file_counts_as_cached(folder: FolderStorage, stored: Stored) -> None:
    async def presign(key: str) -> str:
        return f"https://s3.example/{key}"

    redirects = FileRedirects(external=PresignedUrls(presign))
    file = file_of(stored)
    name, catalog = NormalizedName("demo"), Catalog(folder, Policy(redirects=redirects))
    await received(await catalog.open(name, file, 0, len(BODY)))
    assert catalog.cached_answer(name, file, Listener.CLUSTER) is file
    assert catalog.cached_answer(name, file, Listener.EXTERNAL) is None
    url = await catalog.location(name, file, Listener.EXTERNAL)
    assert catalog.cached_answer(name, file, Listener.EXTERNAL) == url == f"https://s3.example/{stored.key}"
    catalog._contents.small.keep(file.sha256, SMALL)
    assert catalog.cached_answer(name, file, Listener.EXTERNAL) == SMALL
