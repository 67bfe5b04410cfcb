"""Core metadata of mirrored wheels: the upstream's if it is right, else that of the wheel."""

import asyncio
import io
import zipfile
from pathlib import Path

import pytest

from support import distributions
from support.contents import received
from support.mirrored_files import WHEEL, Replica, World, sha256, url_of
from wheelyard_server.catalog.counts import MirrorEvent
from wheelyard_server.errors import (
    NotFoundError,
    UnsafeStorageError,
    UpstreamAnswerError,
    UpstreamUnavailableError,
)
from wheelyard_server.model.mirror import MirroredFile
from wheelyard_server.storage import layout

OTHER = b"Metadata-Version: 2.1\nName: demo\nVersion: 1.0\nRequires-Dist: evil\n"
SIDECAR = f"{url_of()}.metadata"


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


@pytest.fixture
def wheel(tmp_path: Path) -> bytes:
    return distributions.wheel(tmp_path).read_bytes()


@pytest.fixture
def metadata(wheel: bytes) -> bytes:
    with zipfile.ZipFile(io.BytesIO(wheel)) as archive:
        return archive.read("demo-1.0.dist-info/METADATA")


async def file_of(replica: Replica) -> MirroredFile:
    return (await replica.listed()).file


async def read(replica: Replica) -> bytes:
    return await replica.downloads.core_metadata(await replica.listed())


async def test_announced_metadata_is_fetched_once_and_kept_under_its_digest(
    world: World, wheel: bytes, metadata: bytes
) -> None:
    """T11, T14."""
    replica = world.replica()
    await world.list(replica, wheel, core_metadata_sha256=sha256(metadata))
    world.upstream.files[SIDECAR] = metadata
    assert set(await asyncio.gather(*(read(replica) for _ in range(50)))) == {metadata}
    assert await read(world.replica()) == metadata
    assert world.upstream.calls == [f"read {SIDECAR}"]
    assert world.kept == {sha256(metadata)}


async def test_metadata_without_a_digest_is_pinned(world: World, wheel: bytes, metadata: bytes) -> None:
    replica = world.replica()
    await world.list(replica, wheel, core_metadata_sha256="")
    world.upstream.files[SIDECAR] = metadata
    assert await read(replica) == metadata
    file = await file_of(replica)
    assert (file.core_metadata_sha256, file.extracted) == (sha256(metadata), False)
    world.upstream.files[SIDECAR] = OTHER
    assert await read(world.replica()) == metadata


@pytest.mark.parametrize("announced", ["the wheel's", "another"])
async def test_metadata_with_a_wrong_digest_is_replaced_by_that_in_the_wheel(
    world: World, wheel: bytes, metadata: bytes, announced: str
) -> None:
    """T13."""
    replica = world.replica()
    digest = sha256(wheel) if announced == "the wheel's" else sha256(b"?")
    await world.list(replica, wheel, core_metadata_sha256=digest)
    world.upstream.files[SIDECAR] = metadata
    assert await read(replica) == metadata
    file = await file_of(replica)
    assert (file.core_metadata_sha256, file.extracted) == (sha256(metadata), True)
    assert replica.counts.mirrored[MirrorEvent.METADATA_REPLACED] == 1
    assert world.upstream.opens(url_of()) == 0


async def test_announced_metadata_that_is_missing_comes_from_the_wheel(
    world: World, wheel: bytes, metadata: bytes
) -> None:
    """T14."""
    replica = world.replica()
    await world.list(replica, wheel, core_metadata_sha256=sha256(metadata))
    assert await read(replica) == metadata


async def test_an_announcement_that_cannot_be_kept_is_dropped(world: World) -> None:
    replica = world.replica()
    await world.list(replica, b"no wheel at all", core_metadata_sha256="")
    with pytest.raises(UpstreamAnswerError, match="does not have"):
        await read(replica)
    assert (await file_of(replica)).core_metadata_sha256 is None
    with pytest.raises(NotFoundError):
        await read(replica)


async def test_an_upstream_that_is_down_drops_no_announcement(world: World, wheel: bytes) -> None:
    replica = world.replica()
    await world.list(replica, wheel, core_metadata_sha256="")
    world.upstream.error = UpstreamUnavailableError("public", "is down")
    with pytest.raises(UpstreamUnavailableError):
        await read(replica)
    assert (await file_of(replica)).core_metadata_sha256 == ""


async def test_metadata_that_the_upstream_lacks_is_known_after_a_fill(
    world: World, wheel: bytes, metadata: bytes
) -> None:
    """T12: an upstream without core metadata."""
    replica = world.replica()
    await world.list(replica, wheel)
    assert await replica.get() == wheel
    file = await file_of(replica)
    assert (file.core_metadata_sha256, file.extracted) == (sha256(metadata), True)
    assert await read(world.replica()) == metadata
    assert replica.counts.mirrored[MirrorEvent.METADATA_EXTRACTED] == 1
    assert world.kept == {sha256(wheel), sha256(metadata)}


async def test_a_range_of_a_wheel_lets_the_next_page_announce_its_metadata(
    world: World, wheel: bytes, metadata: bytes
) -> None:
    """Clients read the end of a wheel if its metadata is not announced."""
    replica = world.replica()
    await world.list(replica, wheel)
    listed = await replica.listed()
    for _ in range(3):
        await received((await replica.downloads.open_part(listed, len(wheel) - 100, len(wheel))).content)
    await replica.idle()
    file = await file_of(replica)
    assert (file.core_metadata_sha256, file.extracted) == (sha256(metadata), True)
    assert world.upstream.opens(url_of()) == 0
    calls = len(world.upstream.calls)
    assert await read(world.replica()) == metadata
    assert len(world.upstream.calls) == calls
    assert replica.counts.mirrored[MirrorEvent.METADATA_EXTRACTED] == 1


@pytest.mark.parametrize("filename", [WHEEL, "demo-1.0.tar.gz"])
async def test_what_cannot_be_extracted_is_tried_once(world: World, filename: str) -> None:
    replica = world.replica()
    await world.list(replica, b"x" * 1000, filename)
    listed = await replica.listed(filename)
    for _ in range(3):
        await received((await replica.downloads.open_part(listed, 1, 2)).content)
        await replica.idle()
    assert (await replica.listed(filename)).file.core_metadata_sha256 is None
    assert len(world.upstream.calls) == (4 if filename == WHEEL else 3)


async def test_an_extraction_that_an_outage_ended_is_tried_again(
    world: World, wheel: bytes, metadata: bytes
) -> None:
    replica = world.replica()
    await world.list(replica, wheel)
    listed = await replica.listed()
    content = (await replica.downloads.open_part(listed, 1, 2)).content
    world.upstream.error = UpstreamUnavailableError("public", "is down")
    await replica.idle()
    world.upstream.error = None
    await received(content)
    assert (await file_of(replica)).core_metadata_sha256 is None
    await received((await replica.downloads.open_part(listed, 1, 2)).content)
    await replica.idle()
    assert (await file_of(replica)).core_metadata_sha256 == sha256(metadata)


async def test_metadata_that_differs_from_the_wheel_is_replaced_after_a_fill(
    world: World, wheel: bytes, metadata: bytes
) -> None:
    """T15: an upstream may change the metadata of a wheel."""
    replica = world.replica()
    await world.list(replica, wheel, core_metadata_sha256=sha256(OTHER))
    world.upstream.files[SIDECAR] = OTHER
    assert await read(replica) == OTHER
    await replica.get()
    file = await file_of(replica)
    assert (file.core_metadata_sha256, file.extracted) == (sha256(metadata), True)
    assert await read(replica) == metadata
    assert replica.counts.mirrored[MirrorEvent.METADATA_REPLACED] == 1


async def test_metadata_that_agrees_with_the_wheel_stays_as_it_is(
    world: World, wheel: bytes, metadata: bytes
) -> None:
    replica = world.replica()
    await world.list(replica, wheel, core_metadata_sha256=sha256(metadata))
    before = await file_of(replica)
    await replica.get()
    assert await file_of(replica) == before
    assert not replica.counts.mirrored[MirrorEvent.METADATA_REPLACED]


async def test_extracted_metadata_that_was_lost_is_extracted_again(
    world: World, wheel: bytes, metadata: bytes
) -> None:
    await world.list(world.replica(), wheel)
    await world.replica().get()
    await world.storage.delete(layout.mirrored(sha256(metadata)))
    assert await read(world.replica()) == metadata
    assert sha256(metadata) in world.kept
    assert world.upstream.opens(url_of()) == 1


async def test_metadata_is_served_although_it_cannot_be_pinned(world: World, wheel: bytes, metadata: bytes) -> None:
    replica = world.replica()
    await world.list(replica, wheel, core_metadata_sha256="")
    world.upstream.files[SIDECAR] = metadata
    replica.gate.refuse(UnsafeStorageError("conditional writes are not atomic"))
    assert await read(replica) == metadata
    assert not world.kept


async def test_damaged_metadata_in_the_storage_is_fetched_again(
    world: World, wheel: bytes, metadata: bytes
) -> None:
    replica = world.replica()
    await world.list(replica, wheel, core_metadata_sha256=sha256(metadata))
    world.upstream.files[SIDECAR] = metadata
    world.memory.objects[layout.mirrored(sha256(metadata))] = metadata[::-1]
    assert await read(replica) == metadata
    assert world.memory.objects[layout.mirrored(sha256(metadata))] == metadata


@pytest.mark.parametrize("has_digest", [True, False])
async def test_the_metadata_of_a_kept_wheel_needs_no_upstream(
    world: World, wheel: bytes, metadata: bytes, *, has_digest: bool
) -> None:
    """U12: clients that install from a lock fetch the wheel alone; others ask for its metadata in the outage."""
    replica = world.replica()
    file = await world.list(replica, wheel, core_metadata_sha256=sha256(metadata) if has_digest else "")
    await world.storage.store({layout.mirrored(file.sha256): wheel})
    world.upstream.error = UpstreamUnavailableError("public", "is down")
    assert await read(replica) == metadata
    assert (await file_of(replica)).core_metadata_sha256 == sha256(metadata)
    assert sha256(metadata) in world.kept
    assert world.upstream.calls == [f"read {SIDECAR}"]


async def test_other_metadata_than_the_announced_is_not_served_in_its_place(world: World, wheel: bytes) -> None:
    replica = world.replica()
    file = await world.list(replica, wheel, core_metadata_sha256=sha256(OTHER))
    await world.storage.store({layout.mirrored(file.sha256): wheel})
    world.upstream.error = UpstreamUnavailableError("public", "is down")
    with pytest.raises(UpstreamUnavailableError):
        await read(replica)
