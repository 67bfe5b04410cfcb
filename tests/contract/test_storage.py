"""One contract for every storage: memory, folder, and S3 on versitygw."""

import asyncio
import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import aiohttp
import boto3
import pytest

from cluster.versitygw import S3Server
from support import buckets
from support.memory_storage import MemoryStorage
from wheelyard_server.catalog.write_safety import WriteSafety
from wheelyard_server.errors import (
    ObjectNotFoundError,
    ObjectUnchangedError,
    PreconditionFailedError,
    StorageError,
    StorageUnavailableError,
)
from wheelyard_server.settings import S3
from wheelyard_server.storage import ETag, Storage, cheap_checks, layout, local_paths, s3
from wheelyard_server.storage.folder import FolderStorage
from wheelyard_server.storage.measured import MeasuredStorage
from wheelyard_server.storage.s3 import PART_BYTES, S3Storage

NewBucket = Callable[[str], S3Storage]


@pytest.fixture
def new_bucket(s3_server: S3Server, bucket_names: Iterator[str], monkeypatch: pytest.MonkeyPatch) -> NewBucket:
    """Make an empty bucket and return the storage under a prefix of it."""
    for name, value in s3_server.environment().items():
        monkeypatch.setenv(name, value)

    def new(prefix: str = "") -> S3Storage:
        bucket = next(bucket_names)
        boto3.client("s3").create_bucket(Bucket=bucket)
        return s3.connect(S3(bucket=bucket, prefix=prefix, endpoint=s3_server.endpoint))

    return new


@pytest.fixture(params=["memory", "folder", "folder, measured", "s3", "s3 under a prefix"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    if request.param == "memory":
        return MemoryStorage()
    if request.param == "folder":
        return FolderStorage(tmp_path / "data")
    if request.param == "folder, measured":
        return MeasuredStorage(FolderStorage(tmp_path / "data"), lambda _operation, _outcome, _seconds: None)
    prefix = "team/" if request.param == "s3 under a prefix" else ""
    made: Storage = request.getfixturevalue("new_bucket")(prefix)
    return made


async def content(storage: Storage, key: str, start: int, end: int) -> bytes:
    return b"".join([chunk async for chunk in await storage.open(key, start, end)])


async def keys(storage: Storage, folder: str) -> list[str]:
    return [listed.key async for listed in storage.list(folder)]


async def test_a_written_object_is_read_back(storage: Storage) -> None:
    etag = await storage.write("projects/a.json", b"one", expected=None)
    assert await storage.read("projects/a.json") == (b"one", etag)


async def test_a_missing_object_is_not_found(storage: Storage) -> None:
    with pytest.raises(ObjectNotFoundError):
        await storage.read("projects/none.json")
    with pytest.raises(ObjectNotFoundError):
        await storage.open("files/none", 0, 1)


async def test_a_known_etag_is_answered_with_unchanged_until_the_next_write(storage: Storage) -> None:
    etag = await storage.write("a", b"one", expected=None)
    with pytest.raises(ObjectUnchangedError):
        await storage.read("a", if_none_match=etag)
    newer = await storage.write("a", b"two", expected=etag)
    assert await storage.read("a", if_none_match=etag) == (b"two", newer)


async def test_an_etag_is_unchanged_until_the_next_write(storage: Storage) -> None:
    checks = cheap_checks(storage)
    assert (checks is not None) is isinstance(storage, MemoryStorage | S3Storage)
    if checks is None:
        return
    etag = await storage.write("a", b"one", expected=None)
    assert await checks.is_unchanged("a", etag)
    newer = await storage.write("a", b"two", expected=etag)
    assert not await checks.is_unchanged("a", etag)
    await checks.is_unchanged("a", newer)
    await storage.delete("a")
    assert not await checks.is_unchanged("a", newer)


async def test_a_create_does_not_overwrite(storage: Storage) -> None:
    await storage.write("a", b"one", expected=None)
    with pytest.raises(PreconditionFailedError):
        await storage.write("a", b"two", expected=None)
    assert (await storage.read("a")).body == b"one"


async def test_a_stale_writer_is_refused(storage: Storage) -> None:
    stale = await storage.write("a", b"one", expected=None)
    await storage.write("a", b"two", expected=stale)
    with pytest.raises(PreconditionFailedError):
        await storage.write("a", b"three", expected=stale)
    assert (await storage.read("a")).body == b"two"


async def test_exactly_one_of_racing_creators_wins(storage: Storage) -> None:
    async def create(number: int) -> bool:
        try:
            await storage.write("a", b"%d" % number, expected=None)
        except PreconditionFailedError:
            return False
        return True

    assert sum(await asyncio.gather(*(create(number) for number in range(16)))) == 1


async def test_no_increment_of_racing_writers_is_lost(storage: Storage) -> None:
    await storage.write("counter", b"0", expected=None)

    async def increment() -> None:
        for _ in range(200):
            body, etag = await storage.read("counter")
            try:
                await storage.write("counter", b"%d" % (int(body) + 1), expected=etag)
            except PreconditionFailedError:
                continue
            return

    await asyncio.gather(*(increment() for _ in range(12)))
    assert (await storage.read("counter")).body == b"12"


@pytest.mark.parametrize("size", [0, 1, 100_000, 2 * PART_BYTES + 1])
async def test_a_stored_file_comes_back_whole_and_in_part(storage: Storage, tmp_path: Path, size: int) -> None:
    body = bytes(range(256)) * (size // 256 + 1)
    source = tmp_path / "source"
    source.write_bytes(body[:size])
    await storage.store({"files/demo/1/demo-1.0+local.tar.gz": source})
    key = "files/demo/1/demo-1.0+local.tar.gz"
    assert await content(storage, key, 0, size) == body[:size]
    assert await content(storage, key, size // 3, size // 2) == body[size // 3 : size // 2]


async def test_bytes_are_stored_like_a_file_and_again_without_a_conflict(storage: Storage) -> None:
    for _ in range(2):
        await storage.store({"files/demo/1/demo.metadata": b"Name: demo"})
    assert (await storage.read("files/demo/1/demo.metadata")).body == b"Name: demo"


async def test_all_objects_of_a_call_are_there_when_it_returns(storage: Storage, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"wheel")
    folder = "files/demo/1/"
    await storage.store({f"{folder}a.whl": source, f"{folder}a.whl.metadata": b"Name: a", "files/b/2/b.whl": b"b"})
    assert await keys(storage, "files/") == ["files/b/2/b.whl", f"{folder}a.whl", f"{folder}a.whl.metadata"]
    assert (await storage.read(f"{folder}a.whl")).body == b"wheel"
    assert (await storage.read(f"{folder}a.whl.metadata")).body == b"Name: a"


async def test_a_commit_stores_the_objects_and_writes_the_document_that_names_them(
    storage: Storage, tmp_path: Path
) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"wheel")
    first: dict[str, Path | bytes] = {"files/demo/1/a.whl": source, "files/demo/1/a.whl.metadata": b"Name: a"}
    etag = await storage.commit(first, "projects/a.json", lambda: b"one", expected=None)
    assert await storage.read("projects/a.json") == (b"one", etag)
    assert await keys(storage, "files/") == list(first)
    assert (await storage.read("files/demo/1/a.whl")).body == b"wheel"
    newer = await storage.commit({"files/demo/2/b": b"b"}, "projects/a.json", lambda: b"two", expected=etag)
    assert await storage.read("projects/a.json", if_none_match=etag) == (b"two", newer)


@pytest.mark.parametrize("known", [True, False])
async def test_a_stale_commit_leaves_its_objects_and_not_its_document(storage: Storage, *, known: bool) -> None:
    stale = await storage.write("projects/a.json", b"one", expected=None)
    await storage.write("projects/a.json", b"two", expected=stale)
    with pytest.raises(PreconditionFailedError):
        await storage.commit(
            {"files/a/1/a": b"a"}, "projects/a.json", lambda: b"three", expected=stale if known else None
        )
    assert (await storage.read("projects/a.json")).body == b"two"
    assert (await storage.read("files/a/1/a")).body == b"a"


async def test_a_commit_whose_objects_cannot_be_stored_writes_no_document(storage: Storage, tmp_path: Path) -> None:
    objects: dict[str, Path | bytes] = {"files/a/1/a": b"a", "files/a/1/b": tmp_path / "none"}
    with pytest.raises((StorageError, FileNotFoundError)):
        await storage.commit(objects, "projects/a.json", lambda: b"one", expected=None)
    with pytest.raises(ObjectNotFoundError):
        await storage.read("projects/a.json")


async def test_keys_are_listed_by_folder(storage: Storage) -> None:
    for key in ("projects/a.json", "projects/b.json", "wheelyard.json"):
        await storage.write(key, b"{}", expected=None)
    assert await keys(storage, "projects/") == ["projects/a.json", "projects/b.json"]
    assert await keys(storage, "nothing/") == []


async def test_more_keys_than_a_page_of_s3_are_listed(storage: Storage) -> None:
    wanted = [f"projects/p{number:04}.json" for number in range(1100)]
    limit = asyncio.Semaphore(50)

    async def write(key: str) -> None:
        async with limit:
            await storage.write(key, b"{}", expected=None)

    await asyncio.gather(*(write(key) for key in wanted))
    assert await keys(storage, "projects/") == wanted
    # Cut at keys that are there, at one that is not, and at one behind the last.
    cuts = [wanted[0], wanted[300], "projects/p0700", wanted[1001], "projects/zz"]
    assert [listed.key async for listed in storage.list("projects/", cuts=cuts)] == wanted


async def test_an_etag_that_never_was_is_refused(storage: Storage) -> None:
    await storage.write("a", b"one", expected=None)
    with pytest.raises(PreconditionFailedError):
        await storage.write("a", b"two", expected=ETag('"0123456789abcdef0123456789abcdef"'))


async def test_a_listing_has_size_age_and_an_etag_that_changes_with_the_object(storage: Storage) -> None:
    etag = await storage.write("catalog/a", b"one", expected=None)
    (before,) = [listed async for listed in storage.list("catalog/")]
    assert before.size == 3
    assert before.modified.tzinfo is not None
    (same,) = [listed async for listed in storage.list("catalog/")]
    assert same == before
    await storage.write("catalog/a", b"two", expected=etag)
    (after,) = [listed async for listed in storage.list("catalog/")]
    assert after.listing_etag != before.listing_etag


async def test_a_deleted_object_is_gone_and_deleting_it_again_is_a_success(storage: Storage) -> None:
    await storage.store({"files/demo/1/demo.whl": b"bytes", "files/demo/2/demo.whl": b"bytes"})
    for _ in range(2):
        await storage.delete("files/demo/1/demo.whl")
    assert await keys(storage, "files/") == ["files/demo/2/demo.whl"]
    with pytest.raises(ObjectNotFoundError):
        await storage.read("files/demo/1/demo.whl")


async def test_what_lies_on_this_machine_can_be_opened_there(storage: Storage) -> None:
    await storage.store({"files/demo/1/demo.whl": b"bytes"})
    local = local_paths(storage)
    assert (local is not None) is isinstance(storage, FolderStorage | MeasuredStorage)
    assert local is None or local.path("files/demo/1/demo.whl").read_bytes() == b"bytes"


async def test_a_missing_bucket_is_an_outage_and_no_missing_object(
    s3_server: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To installers a missing project means: look at the next index."""
    for name, value in s3_server.environment().items():
        monkeypatch.setenv(name, value)
    storage = s3.connect(S3(bucket="no-such-bucket", endpoint=s3_server.endpoint))
    with pytest.raises(StorageUnavailableError):
        await storage.read("projects/demo.json")
    with pytest.raises(StorageUnavailableError):
        await storage.open("files/demo", 0, 1)


async def test_while_a_fingerprint_is_the_same_the_object_is_what_was_read(storage: Storage) -> None:
    local, key = local_paths(storage), "projects/a.json"
    assert (local is not None) is isinstance(storage, FolderStorage | MeasuredStorage)
    if local is None:
        return
    etag, seen = None, set()
    # Writes in a row, each of the same size, quicker than a file system's clock: none may pass for
    # another.
    for number in range(20):
        etag = await storage.write(key, b"%04d" % number, expected=etag)
        fingerprint = local.fingerprint(key)
        assert fingerprint is None or fingerprint not in seen
        seen.add(fingerprint)
    await asyncio.sleep(0.1)
    fingerprint = local.fingerprint(key)
    assert fingerprint == local.fingerprint(key)
    folder = local.fingerprint("projects/")
    assert folder is not None
    assert fingerprint is not None
    await storage.write(key, b"9999", expected=etag)
    await asyncio.sleep(0.1)
    assert local.fingerprint("projects/") != folder
    assert local.fingerprint(key) != fingerprint
    assert local.fingerprint("projects/none.json") is None


async def fetched(url: str, method: str = "GET", **headers: str) -> tuple[int, bytes]:
    async with aiohttp.ClientSession() as session, session.request(method, url, headers=headers) as answer:
        return answer.status, await answer.read()


@pytest.mark.parametrize("prefix", ["", "team/"])
async def test_a_presigned_url_is_good_for_reading_one_object(new_bucket: NewBucket, prefix: str) -> None:
    storage = new_bucket(prefix)
    key, other = "files/demo/1/demo-1.0+local-py3-none-any.whl", "files/demo/2/demo-1.0+local-py3-none-any.whl"
    await storage.store({key: b"0123456789", other: b"other bytes"})
    url = await storage.presigned(key)
    assert await fetched(url) == (200, b"0123456789")
    assert await fetched(url, Range="bytes=2-4") == (206, b"234")
    # Nothing of it can be changed: the object, its life, the signature; nor can it be written or
    # deleted.
    last = url[-1]
    changed = [
        url.replace("/demo/1/", "/demo/2/"),
        url.replace("X-Amz-Expires=300", "X-Amz-Expires=3000"),
        url[:-1] + ("0" if last != "0" else "1"),
        url.partition("?")[0],
    ]
    assert [(await fetched(each))[0] for each in changed] == [403] * 4
    for method in ("HEAD", "PUT", "DELETE"):
        assert (await fetched(url, method))[0] == 403
    assert await fetched(url) == (200, b"0123456789")


async def test_a_presigned_url_of_no_object_is_not_found(new_bucket: NewBucket) -> None:
    assert (await fetched(await new_bucket("").presigned("files/none")))[0] == 404


async def test_a_presigned_url_ends(new_bucket: NewBucket, monkeypatch: pytest.MonkeyPatch) -> None:
    storage = new_bucket("")
    await storage.store({"files/demo": b"bytes"})
    assert re.search(r"[?&]X-Amz-Expires=300&", await storage.presigned("files/demo"))
    assert await fetched(await storage.presigned("files/demo")) == (200, b"bytes")
    monkeypatch.setattr(s3, "LINK_LIFETIME", timedelta(seconds=1))
    url = await storage.presigned("files/demo")
    await asyncio.sleep(2.1)
    assert (await fetched(url))[0] == 403


async def test_a_real_s3_server_is_proved_to_be_safe_once(new_bucket: NewBucket) -> None:
    storage = new_bucket("team/")
    await WriteSafety(storage).check()
    server = await storage.remote_server()
    assert server.product == buckets.VERSITYGW
    assert [each.key async for each in storage.list("")] == [layout.verdict(server, is_safe=True)]
    told: list[str] = []
    await WriteSafety(
        MeasuredStorage(storage, lambda operation, _outcome, _seconds: told.append(operation))
    ).check()
    assert told == ["read", "read"]
