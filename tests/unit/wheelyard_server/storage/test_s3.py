"""What S3 servers do that AWS does not, and what the storage makes of it. Real ones: `make s3-servers`."""

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from support.fake_s3 import FakeS3, connected
from wheelyard_server.catalog.write_safety import WriteSafety
from wheelyard_server.errors import ObjectUnchangedError, StorageUnavailableError, UnsafeStorageError
from wheelyard_server.storage import Server, layout
from wheelyard_server.storage.s3 import S3Storage

Connect = Callable[[FakeS3], Awaitable[S3Storage]]
KEYS = [f"projects/p{number:03}.json" for number in range(40)]


@pytest.fixture
async def connect(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Connect]:
    servers = []

    async def start(fake: FakeS3) -> S3Storage:
        storage, server = await connected(fake, monkeypatch)
        servers.append(server)
        return storage

    yield start
    for each in servers:
        await each.close()


async def keys(storage: S3Storage, folder: str = layout.DOCUMENTS, cuts: tuple[str, ...] = ()) -> list[str]:
    return [each.key async for each in storage.list(folder, cuts=cuts)]


async def content(storage: S3Storage, key: str, start: int, end: int, *, is_whole: bool = False) -> bytes:
    return b"".join([chunk async for chunk in await storage.open(key, start, end, is_whole=is_whole)])


def filled(fake: FakeS3) -> FakeS3:
    fake.objects = dict.fromkeys([*KEYS, "projects", "projectsx/a", "files/a/1/a"], b"{}")
    return fake


@pytest.mark.parametrize("page", [1, 7, 1000])
async def test_a_server_that_ignores_start_after_is_noticed_and_lists_each_key_once(
    connect: Connect, caplog: pytest.LogCaptureFixture, page: int
) -> None:
    fake = filled(FakeS3(ignores_start_after=True, page=page))
    storage = await connect(fake)
    cuts = (KEYS[9], KEYS[20], "projects/zz")
    for _ in range(2):
        assert await keys(storage, cuts=cuts) == KEYS
    assert caplog.text.count("ignores start-after") == 1
    before = len(fake.requests)
    await keys(storage, cuts=cuts)
    assert len(fake.requests) - before == -(-len(KEYS) // page)  # in one go, from now on


async def test_a_server_that_honors_start_after_is_asked_for_parts_concurrently(connect: Connect) -> None:
    fake = filled(FakeS3())
    storage = await connect(fake)
    for _ in range(2):
        assert await keys(storage, cuts=(KEYS[9], KEYS[20])) == KEYS
    assert len(fake.requests) == 6


@pytest.mark.parametrize("page", [1, 7])
async def test_a_listing_that_repeats_itself_ends_with_an_error(connect: Connect, page: int) -> None:
    storage = await connect(filled(FakeS3(ignores_tokens=True, page=page)))
    with pytest.raises(StorageUnavailableError, match="does not list keys in order"):
        await keys(storage)


async def test_a_listing_without_order_is_an_error_not_a_shorter_list(connect: Connect) -> None:
    storage = await connect(filled(FakeS3(order=lambda found: sorted(found, reverse=True))))
    with pytest.raises(StorageUnavailableError, match="does not list keys in order"):
        await keys(storage)


async def test_a_key_listed_twice_is_yielded_once(connect: Connect) -> None:
    storage = await connect(filled(FakeS3(order=lambda found: sorted(found * 2))))
    assert await keys(storage) == KEYS


async def test_unrequested_keys_are_dropped(connect: Connect) -> None:
    storage = await connect(filled(FakeS3(lists_folders=True)))
    assert await keys(storage) == KEYS


async def test_listed_folders_do_not_break_the_order(connect: Connect) -> None:
    # By its slash, `files/a/` comes after `files/a-b/`; without it, before.
    fake = FakeS3(lists_folders=True, objects={"files/a-b/1/x": b"x", "files/a/1/y": b"y"})
    found = await keys(await connect(fake), layout.FILES)
    assert [key for key in found if key in fake.objects] == ["files/a-b/1/x", "files/a/1/y"]


@pytest.mark.parametrize("ignores_ranges", [True, False])
async def test_a_part_is_right_whether_the_server_answers_with_a_part_or_all(
    connect: Connect, *, ignores_ranges: bool
) -> None:
    body = bytes(range(256)) * 4000
    fake = FakeS3(ignores_ranges=ignores_ranges, objects={"files/a/1/a": body})
    storage = await connect(fake)
    for start, end in ((0, 1), (5, 10), (600_000, 700_001), (1_023_999, 1_024_000), (0, len(body))):
        assert await content(storage, "files/a/1/a", start, end) == body[start:end]
    assert await content(storage, "files/a/1/a", 0, len(body), is_whole=True) == body


async def test_a_whole_object_is_requested_without_a_range_and_checked_for_its_size(connect: Connect) -> None:
    fake = FakeS3(ignores_ranges=True, objects={"files/a/1/a": b"0123456789"})
    storage = await connect(fake)
    assert await content(storage, "files/a/1/a", 0, 10, is_whole=True) == b"0123456789"
    assert len(fake.requests) == 1
    for size in (9, 11):
        with pytest.raises(StorageUnavailableError, match=f"has 10 bytes instead of {size}"):
            await content(storage, "files/a/1/a", 0, size, is_whole=True)


async def test_without_etags_a_document_that_changed_is_another_one(connect: Connect) -> None:
    storage = await connect(FakeS3(has_etags=False, objects={"projects/a.json": b"one"}))
    body, first = await storage.read("projects/a.json")
    assert (body, await storage.read("projects/a.json", if_none_match=first)) == (b"one", (b"one", first))
    await storage.store({"projects/a.json": b"two"})
    assert not await storage.is_unchanged("projects/a.json", first)
    body, second = await storage.read("projects/a.json", if_none_match=first)
    assert body == b"two"
    assert second != first
    assert [each.listing_etag async for each in storage.list(layout.DOCUMENTS)] == [""]


async def test_with_etags_it_is_unchanged(connect: Connect) -> None:
    storage = await connect(FakeS3(objects={"projects/a.json": b"one"}))
    _, etag = await storage.read("projects/a.json")
    with pytest.raises(ObjectUnchangedError):
        await storage.read("projects/a.json", if_none_match=etag)


async def test_a_server_that_fails_one_race_in_twenty_is_found(connect: Connect) -> None:
    fake = FakeS3(lets_all_win=lambda race: race % 20 == 0)
    safety = WriteSafety(await connect(fake))
    for _ in range(2):
        with pytest.raises(UnsafeStorageError, match="its conditional writes are not atomic"):
            await safety.check()
    assert not [key for key in fake.objects if key.startswith(layout.PROBES)]


async def test_a_safe_server_is_proved_once_for_all_starts(connect: Connect) -> None:
    fake = FakeS3()
    safety = WriteSafety(await connect(fake))
    await safety.check()
    before = len(fake.requests)
    await safety.check()
    assert len(fake.requests) - before == 3
    assert [key.rpartition("/")[2] for key in fake.objects] == ["safe.json"]


async def test_one_key_is_one_delete(connect: Connect) -> None:
    fake = FakeS3(objects={"files/a/1/a": b"a"})
    storage = await connect(fake)
    for _ in range(2):
        await storage.delete("files/a/1/a")
    assert fake.objects == {}
    assert fake.requests == ["DELETE files/a/1/a"] * 2


async def test_a_server_is_identified_by_its_endpoint_and_product(connect: Connect) -> None:
    fake = FakeS3(product="FakeS3/2.0")
    storage = await connect(fake)
    first = await storage.remote_server()
    assert first.endpoint.startswith("http://127.0.0.1:")
    assert first.product == "FakeS3/2.0"
    fake.product = "x" * 1000
    assert await storage.remote_server() == Server(first.endpoint, "x" * 200)


async def test_an_unreachable_server_gives_no_verdict(connect: Connect) -> None:
    fake = FakeS3()
    storage = await connect(fake)
    fake.product = "line\r\n"  # aiohttp refuses to send it: the connection ends without an answer
    with pytest.raises(StorageUnavailableError):
        await storage.remote_server()
