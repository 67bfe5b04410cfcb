"""Files of an upstream on their way to clients and the storage: every byte that arrives is looked at."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from io import FileIO
from pathlib import Path

import pytest

from support.contents import received, streamed
from support.memory_storage import Fault
from support.mirrored_files import WHEEL, World, mirror, mirrored_file, sha256, url_of
from support.patience import until
from wheelyard_server.catalog.counts import MirrorEvent, Source
from wheelyard_server.catalog.mirrors.transfers import HELD_BACK_BYTES
from wheelyard_server.errors import (
    DamagedObjectError,
    StorageUnavailableError,
    UnsafeStorageError,
    UpstreamAnswerError,
    UpstreamBytesError,
    UpstreamError,
    UpstreamFileMissingError,
    UpstreamUnavailableError,
)
from wheelyard_server.storage import layout

SMALL = bytes(range(256)) * 100
LARGE = bytes(range(256)) * 1024
"""More than is held back."""
WRONG = LARGE[:-1] + b"?"


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    # Nothing is kept in memory: it is the disk that is looked at.
    monkeypatch.setattr("wheelyard_server.catalog.contents.content.SMALL_BYTES", 0)
    return World(tmp_path)


async def arrived_before_error(content: AsyncIterator[bytes]) -> bytes:
    arrived = b""
    try:
        async for chunk in content:
            arrived += chunk
    except UpstreamError:
        return arrived
    pytest.fail("the stream ended as if it were whole")


@pytest.mark.parametrize("body", [b"", b"x", SMALL, LARGE], ids=["empty", "byte", "small", "large"])
@pytest.mark.parametrize("has_cache", [True, False])
async def test_a_file_is_fetched_once_and_then_kept(world: World, body: bytes, *, has_cache: bool) -> None:
    replica = world.replica(has_cache=has_cache)
    await world.list(replica, body)
    assert await replica.get() == await replica.get() == body
    assert world.kept == {sha256(body)}
    other = world.replica()
    assert await other.get() == body
    assert world.upstream.opens(url_of()) == 1
    assert world.upstream.open_streams == 0
    assert replica.left_behind == []


async def test_a_kept_file_comes_from_the_local_disk(world: World) -> None:
    replica = world.replica()
    await world.list(replica, LARGE)
    await replica.get()
    content = (await replica.downloads.open(await replica.listed())).content
    assert isinstance(content, FileIO)
    assert await received(content) == LARGE


async def test_a_hundred_clients_cost_one_transfer(world: World) -> None:
    """T10."""
    replica = world.replica()
    await world.list(replica, LARGE)
    assert set(await asyncio.gather(*(replica.get() for _ in range(100)))) == {LARGE}
    assert world.upstream.opens(url_of()) == 1
    assert replica.counts.file_reads == {Source.UPSTREAM: 1, Source.SHARED: 99}


@pytest.mark.parametrize("fields", [{}, {"size": None}, {"sha256": "", "size": None}])
async def test_the_first_bytes_arrive_before_the_rest_and_the_last_64_kib_only_when_all_are_there(
    world: World, fields: dict[str, object]
) -> None:
    replica, gate = world.replica(), asyncio.Event()
    await world.list(replica, LARGE, **fields)

    async def wait(position: int) -> None:
        if position >= len(LARGE) - 1000:
            await gate.wait()

    world.upstream.before_chunk = wait
    opened = await replica.downloads.open(await replica.listed())
    assert opened.size == len(LARGE)
    content, early = streamed(opened.content), b""
    while len(early) < len(LARGE) - HELD_BACK_BYTES:
        early += await anext(content)
    assert len(early) == len(LARGE) - HELD_BACK_BYTES
    gate.set()
    assert early + await received(content) == LARGE
    await replica.idle()


async def test_without_any_size_the_end_is_held_back_all_the_same(world: World) -> None:
    replica, gate = world.replica(), asyncio.Event()
    await world.list(replica, LARGE, size=None)
    world.upstream.has_sizes = False

    async def wait(position: int) -> None:
        if position >= len(LARGE) - 1000:
            await gate.wait()

    world.upstream.before_chunk = wait
    opened = await replica.downloads.open(await replica.listed())
    assert opened.size is None
    content, early = streamed(opened.content), b""
    while len(early) < len(LARGE) - HELD_BACK_BYTES - 1000:
        early += await anext(content)
    assert len(early) <= len(LARGE) - HELD_BACK_BYTES
    gate.set()
    assert early + await received(content) == LARGE
    await replica.idle()
    assert (await replica.listed()).file.size == len(LARGE)
    assert await replica.get() == LARGE
    assert world.upstream.opens(url_of()) == 1


async def test_a_wrong_digest_at_the_last_byte_never_arrives_and_nothing_is_stored(world: World) -> None:
    replica = world.replica()
    await world.list(replica, LARGE)
    world.upstream.files[url_of()] = WRONG
    opened = [await replica.downloads.open(await replica.listed()) for _ in range(5)]
    for each in opened:
        assert len(await arrived_before_error(streamed(each.content))) <= len(LARGE) - HELD_BACK_BYTES
    await replica.idle()
    assert not world.kept
    assert replica.left_behind == []
    assert replica.counts.mirrored == {MirrorEvent.WRONG_BYTES: 1}


async def test_after_wrong_bytes_the_next_reader_gets_those_of_a_new_connection(world: World) -> None:
    replica = world.replica()
    await world.list(replica, LARGE)
    world.upstream.files[url_of()], world.upstream.retried[url_of()] = WRONG, LARGE
    opened = await replica.downloads.open(await replica.listed())
    await arrived_before_error(streamed(opened.content))
    await replica.idle()
    assert await replica.get() == LARGE
    assert world.upstream.calls == [f"open {url_of()}", f"retry {url_of()}"]


async def test_a_small_wrong_file_is_fetched_again_for_the_same_reader(world: World) -> None:
    replica = world.replica()
    await world.list(replica, SMALL)
    world.upstream.files[url_of()], world.upstream.retried[url_of()] = SMALL[::-1], SMALL
    assert await asyncio.gather(*(replica.get() for _ in range(5))) == [SMALL] * 5
    assert world.upstream.calls == [f"open {url_of()}", f"retry {url_of()}"]


async def test_a_file_that_stays_wrong_is_refused_for_a_minute(world: World) -> None:
    replica = world.replica()
    await world.list(replica, SMALL)
    world.upstream.files[url_of()] = SMALL[::-1]
    for _ in range(3):
        with pytest.raises(UpstreamBytesError, match=WHEEL):
            await replica.get()
    assert world.upstream.opens(url_of()) == 2
    replica.clock = 61
    world.upstream.files[url_of()] = SMALL
    assert await replica.get() == SMALL
    assert world.upstream.opens(url_of()) == 3


@pytest.mark.parametrize("body", [SMALL[:-1], SMALL + b"x"])
async def test_another_size_than_the_listed_one_is_an_error_before_the_first_byte(
    world: World, body: bytes
) -> None:
    replica = world.replica()
    await world.list(replica, SMALL)
    world.upstream.files[url_of()] = body
    with pytest.raises(UpstreamBytesError, match=f"lists {len(SMALL)} bytes"):
        await replica.get()
    world.upstream.has_sizes = False
    replica.clock = 61
    with pytest.raises(UpstreamBytesError):
        await replica.get()
    assert not world.kept


@pytest.mark.parametrize("has_sizes", [True, False])
async def test_a_file_larger_than_the_maximum_is_an_error(
    world: World, monkeypatch: pytest.MonkeyPatch, *, has_sizes: bool
) -> None:
    monkeypatch.setattr("support.mirrored_files.MAX_BYTES", len(LARGE) - 1)
    replica = world.replica()
    await world.list(replica, LARGE, size=None)
    world.upstream.has_sizes = has_sizes
    with pytest.raises(UpstreamAnswerError, match="maximum"):
        await replica.get()
    await replica.idle()
    assert not world.kept


@pytest.mark.parametrize(("body", "fields"), [(SMALL, {}), (LARGE, {}), (LARGE, {"size": None})])
async def test_a_stream_that_ends_early_is_an_error_and_leaves_nothing(
    world: World, body: bytes, fields: dict[str, object]
) -> None:
    """T37, T40."""
    replica = world.replica()
    await world.list(replica, body, **fields)

    async def fail(position: int) -> None:
        if position >= len(body) - 1000:
            raise UpstreamUnavailableError("public", "ended the connection")

    world.upstream.before_chunk = fail
    failed = await asyncio.gather(*(replica.get() for _ in range(5)), return_exceptions=True)
    assert {type(each) for each in failed} == {UpstreamUnavailableError}
    await replica.idle()
    assert not world.kept
    assert replica.left_behind == []
    assert world.upstream.open_streams == 0
    world.upstream.before_chunk = None
    assert await replica.get() == body


async def test_a_file_that_the_upstream_lacks_is_missing_and_its_page_is_read_again(world: World) -> None:
    """T37."""
    replica = world.replica()
    await world.list(replica, SMALL)
    world.upstream.files.clear()
    with pytest.raises(UpstreamFileMissingError):
        await replica.get()
    listed = await replica.listed()
    assert replica.missing == [listed]
    with pytest.raises(UpstreamFileMissingError):
        await replica.downloads.open_part(listed, 0, 1)
    assert replica.missing == [listed, listed]


async def test_kept_bytes_go_on_without_the_upstream_and_others_say_why_not(world: World) -> None:
    replica = world.replica()
    await world.list(replica, SMALL)
    await replica.get()
    world.upstream.error = UpstreamUnavailableError("public", "is offline")
    assert await world.replica().get() == SMALL
    await world.list(replica, LARGE)
    with pytest.raises(UpstreamUnavailableError, match="is offline"):
        await replica.get()


@pytest.mark.parametrize("algorithm", ["md5", "sha1", "sha512", "blake2b"])
async def test_another_digest_is_verified_if_it_is_the_only_one(world: World, algorithm: str) -> None:
    replica = world.replica()
    other = f"{algorithm}={hashlib.new(algorithm, LARGE).hexdigest()}"
    await world.list(replica, LARGE, sha256="", other_hash=other)
    world.upstream.files[url_of()] = WRONG
    with pytest.raises(UpstreamBytesError, match=algorithm):
        await replica.get()
    await replica.idle()
    world.upstream.files[url_of()] = LARGE
    assert await replica.get() == LARGE
    file = (await replica.listed()).file
    assert (file.sha256, file.pinned) == (sha256(LARGE), True)


@pytest.mark.parametrize("algorithm", ["crc32", "shake_128", ""])
async def test_an_unknown_digest_does_not_count(world: World, algorithm: str) -> None:
    replica = world.replica()
    await world.list(replica, SMALL, sha256="", other_hash=f"{algorithm}=00" if algorithm else "")
    assert await replica.get() == SMALL


async def test_a_file_without_a_hash_is_pinned_before_its_end_goes_out(world: World) -> None:
    """T16, T29."""
    replica = world.replica()
    await world.list(replica, LARGE, sha256="", size=None)
    content = streamed((await replica.downloads.open(await replica.listed())).content)
    arrived = b""
    async for chunk in content:
        arrived += chunk
        if len(arrived) > len(LARGE) - HELD_BACK_BYTES:
            assert (await world.replica().listed()).file.sha256 == sha256(LARGE)
    assert arrived == LARGE
    await replica.idle()
    world.upstream.files[url_of()] = WRONG  # the upstream replaces it
    assert await world.replica().get() == LARGE


async def test_a_pin_of_one_of_many_files_is_kept(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Many files are packed in memory, and may be decoded between any two looks at them."""
    monkeypatch.setattr("wheelyard_server.catalog.packed_files.MAX_UNPACKED_FILES", 0)
    replica = world.replica()
    others = [mirrored_file(b"", f"demo-2.{number}.tar.gz") for number in range(200)]
    await mirror(replica.documents, mirrored_file(SMALL, sha256="", size=None), *others)
    world.upstream.files[url_of()] = SMALL
    other = world.replica()
    assert await other.get() == SMALL
    assert (await replica.listed()).file.sha256 == sha256(SMALL)


async def test_of_three_replicas_that_fetch_a_file_without_a_hash_only_one_can_end_with_its_bytes(
    world: World,
) -> None:
    """T29: the upstream sends other bytes to each."""
    replicas, gate, waiting = [world.replica() for _ in range(3)], asyncio.Event(), list[int]()
    await world.list(replicas[0], LARGE, sha256="", size=None)

    async def wait(position: int) -> None:
        if position >= len(LARGE) - 1000:
            waiting.append(position)
            await gate.wait()

    world.upstream.before_chunk = wait
    bodies = [LARGE, WRONG, LARGE[::-1]]
    gets = []
    for replica, body in zip(replicas, bodies, strict=True):
        world.upstream.files[url_of()] = body
        gets.append(asyncio.create_task(replica.get()))
        await until(lambda: len(waiting) == len(gets))
    gate.set()
    outcomes = await asyncio.gather(*gets, return_exceptions=True)
    (won,) = (each for each in outcomes if isinstance(each, bytes))
    assert {type(each) for each in outcomes} == {bytes, UpstreamBytesError}
    for replica in replicas:
        await replica.idle()
    assert world.kept == {sha256(won)}
    assert [await replica.get() for replica in replicas] == [won] * 3


async def test_the_end_of_a_file_without_a_hash_waits_for_a_storage_that_can_be_written(world: World) -> None:
    replica = world.replica()
    await world.list(replica, LARGE, sha256="", size=None)
    replica.gate.refuse(UnsafeStorageError("conditional writes are not atomic"))
    with pytest.raises(UnsafeStorageError):
        await replica.get()
    await replica.idle()
    assert not world.kept


@pytest.mark.parametrize("fields", [{}, {"size": None}])
async def test_a_storage_that_refuses_writes_costs_keeping_but_no_download(
    world: World, fields: dict[str, object]
) -> None:
    replica = world.replica(has_cache=False)
    await world.list(replica, LARGE, **fields)
    replica.gate.refuse(UnsafeStorageError("conditional writes are not atomic"))
    assert await replica.get() == await replica.get() == LARGE
    assert not world.kept
    assert replica.counts.mirrored[MirrorEvent.NOT_STORED] == 2


async def test_a_bucket_without_space_costs_keeping_but_no_download(world: World) -> None:
    replica = world.replica()
    await world.list(replica, LARGE)

    def full(method: str, key: str) -> None:
        if method == "store":
            raise StorageUnavailableError(key, "no space left")

    world.memory.before_call = full
    assert set(await asyncio.gather(*(replica.get() for _ in range(5)))) == {LARGE}
    assert not world.kept
    assert replica.counts.mirrored == {MirrorEvent.FETCHED: 1, MirrorEvent.NOT_STORED: 1}


async def test_a_storage_that_fails_to_read_leaves_the_upstream(world: World) -> None:
    replica = world.replica(has_cache=False)
    await world.list(replica, LARGE)
    await replica.get()
    listed = await replica.listed()
    world.memory.fail_at(1, Fault.LOST_REQUEST, times=1000)
    assert await received((await replica.downloads.open(listed)).content) == LARGE
    assert await received((await replica.downloads.open_part(listed, 5, 9)).content) == LARGE[5:9]
    await replica.idle()


async def test_beyond_the_bound_files_are_served_but_not_kept(world: World) -> None:
    replica = world.replica(has_cache=False, max_mirrored=len(LARGE) - 1)
    await world.list(replica, LARGE)
    assert await replica.get() == LARGE
    assert not world.kept
    assert replica.counts.mirrored[MirrorEvent.BOUND_REACHED] == 1


async def test_without_scratch_space_every_client_gets_a_verified_stream_of_its_own(world: World) -> None:
    replica = world.replica(has_cache=False, scratch_bytes=10)
    await world.list(replica, LARGE)
    assert await asyncio.gather(*(replica.get() for _ in range(3))) == [LARGE] * 3
    world.upstream.files[url_of()] = WRONG
    with pytest.raises(UpstreamBytesError):
        await replica.get()
    assert not world.kept
    assert world.upstream.open_streams == 0


async def test_a_disk_that_fills_up_costs_no_download(world: World) -> None:
    replica = world.replica(has_cache=False, scratch_bytes=2 * 64 * 1024**2)
    await world.list(replica, LARGE, size=None)
    world.upstream.has_sizes = False
    replica.scratch_budget.release_fetched(-64 * 1024**2 + 10)
    assert await replica.get() == LARGE


async def test_ranges_pass_to_the_upstream_and_fill_nothing(world: World) -> None:
    replica = world.replica()
    await world.list(replica, LARGE)
    listed = await replica.listed()
    assert await received((await replica.downloads.open_part(listed, 1500, 70_000)).content) == LARGE[1500:70_000]
    await replica.idle()
    assert not world.kept
    assert world.upstream.calls[0] == f"part {url_of()} 1500-70000"
    assert world.upstream.opens(url_of()) == 0
    await replica.get()
    calls = len(world.upstream.calls)
    content = (await replica.downloads.open_part(listed, 1, 3)).content
    assert isinstance(content, FileIO)
    content.close()
    assert len(world.upstream.calls) == calls


async def test_a_range_does_not_disturb_a_transfer(world: World) -> None:
    replica, gate = world.replica(), asyncio.Event()
    await world.list(replica, LARGE)
    waits = iter([gate])

    async def wait(position: int) -> None:
        if position >= 100_000 and (one := next(waits, None)):
            await one.wait()

    world.upstream.before_chunk = wait
    whole = asyncio.create_task(replica.get())
    await until(lambda: next(iter(replica.fills.running.values()), None) is not None)
    part = await received(
        (await replica.downloads.open_part(await replica.listed(), len(LARGE) - 10, len(LARGE))).content
    )
    assert part == LARGE[-10:]
    gate.set()
    assert await whole == LARGE
    assert world.upstream.opens(url_of()) == 1


async def test_of_an_upstream_without_ranges_one_whole_transfer_serves_all_parts(world: World) -> None:
    replica = world.replica()
    await world.list(replica, LARGE)
    world.upstream.has_ranges = False
    listed = await replica.listed()
    assert (
        await received((await replica.downloads.open_part(listed, 70_000, 80_000)).content) == LARGE[70_000:80_000]
    )
    await replica.idle()
    content = (await replica.downloads.open_part(listed, 10, 20)).content
    assert isinstance(content, FileIO)
    content.close()
    assert world.upstream.opens(url_of()) == 1
    assert world.upstream.open_streams == 0


async def test_a_size_that_is_not_listed_is_asked_once(world: World) -> None:
    replica = world.replica()
    await world.list(replica, LARGE, size=None)
    listed = await replica.listed()
    assert [await replica.downloads.size(listed) for _ in range(2)] == [len(LARGE)] * 2
    assert world.upstream.calls == [f"part {url_of()} 0-1"]
    assert world.upstream.open_streams == 0


async def test_a_size_that_the_upstream_does_not_know_stays_unknown(world: World) -> None:
    replica = world.replica()
    await world.list(replica, LARGE, size=None)
    world.upstream.has_sizes = False
    assert await replica.downloads.size(await replica.listed()) is None


async def test_a_client_that_leaves_takes_nothing_from_others(world: World) -> None:
    replica = world.replica()
    await world.list(replica, LARGE)
    leaver = streamed((await replica.downloads.open(await replica.listed())).content)
    await anext(leaver)
    del leaver
    assert await replica.get() == LARGE
    assert world.upstream.opens(url_of()) == 1
    assert world.kept == {sha256(LARGE)}


async def test_a_deleted_object_is_fetched_again(world: World) -> None:
    replica = world.replica(has_cache=False)
    await world.list(replica, LARGE)
    await replica.get()
    await world.storage.delete(layout.mirrored(sha256(LARGE)))
    assert await replica.get() == LARGE
    assert world.kept == {sha256(LARGE)}


@pytest.mark.parametrize("has_cache", [True, False])
async def test_a_damaged_object_fails_once_and_is_replaced(world: World, *, has_cache: bool) -> None:
    await world.list(world.replica(), LARGE)
    await world.replica().get()
    key = layout.mirrored(sha256(LARGE))
    world.memory.objects[key] = WRONG
    replica = world.replica(has_cache=has_cache)
    with pytest.raises(DamagedObjectError):
        await replica.get()
    await replica.idle()
    assert await replica.get() == LARGE
    assert world.memory.objects[key] == LARGE
    assert await world.replica().get() == LARGE
    assert world.upstream.opens(url_of()) == 2


async def test_a_file_whose_page_changed_during_its_transfer_is_cut(world: World) -> None:
    replica = world.replica()
    await world.list(replica, LARGE, sha256="", size=None)
    listed = await replica.listed()
    await world.list(replica, SMALL, "other-1.0.tar.gz")
    with pytest.raises(UpstreamBytesError, match="does not list"):
        await received((await replica.downloads.open(listed)).content)
    await replica.idle()
    assert not world.kept


async def test_a_file_that_a_person_has_deleted_is_soon_no_longer_taken_for_stored(world: World) -> None:
    """`wheelyard verify` advises to delete damaged objects: clients must not be redirected to nothing for long."""
    replica = world.replica()
    await world.list(replica, LARGE)
    await replica.get()
    assert await replica.downloads.is_stored(await replica.listed())
    await world.storage.delete(layout.mirrored(sha256(LARGE)))
    replica.clock += 60
    assert not await replica.downloads.is_stored(await replica.listed())
