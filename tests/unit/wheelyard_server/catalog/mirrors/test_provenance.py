"""Provenance objects of mirrored files."""

import asyncio
from pathlib import Path

import pytest

from support.mirrored_files import World, sha256
from wheelyard_server.catalog.mirrors.provenance import MAX_BYTES
from wheelyard_server.errors import NotFoundError, UpstreamAnswerError, UpstreamUnavailableError

URL = "https://upstream.example.com/integrity/demo/1.0/demo-1.0-py3-none-any.whl/provenance"
OBJECT = b'{"version": 1, "attestation_bundles": []}'


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


async def test_it_is_fetched_once_pinned_and_kept(world: World) -> None:
    replica = world.replica()
    await world.list(replica, b"", provenance_url=URL)
    world.upstream.files[URL] = OBJECT
    listed = await replica.listed()
    bodies = await asyncio.gather(*(replica.downloads.provenance(listed) for _ in range(20)))
    assert set(bodies) == {OBJECT}
    assert (await replica.listed()).file.provenance_sha256 == sha256(OBJECT)
    world.upstream.error = UpstreamUnavailableError("public", "is down")
    other = world.replica()
    assert await other.downloads.provenance(await other.listed()) == OBJECT
    assert world.upstream.calls == [f"read {URL}"]
    assert world.kept == {sha256(OBJECT)}


async def test_a_file_without_provenance_has_none(world: World) -> None:
    replica = world.replica()
    await world.list(replica, b"")
    with pytest.raises(NotFoundError):
        await replica.downloads.provenance(await replica.listed())


@pytest.mark.parametrize("body", [b"<html>", b"[]", b"{", b'"a"' + b" " * MAX_BYTES])
async def test_something_else_is_an_error_and_not_kept(world: World, body: bytes) -> None:
    replica = world.replica()
    await world.list(replica, b"", provenance_url=URL)
    world.upstream.files[URL] = body
    with pytest.raises(UpstreamAnswerError):
        await replica.downloads.provenance(await replica.listed())
    assert not world.kept


async def test_files_with_the_same_digest_keep_their_own_provenance(world: World) -> None:
    """Any project may list the digest of another's file, with attestations of its own making."""
    replica = world.replica()
    await world.list(replica, b"", provenance_url=URL)
    listed = await replica.listed()
    forged = listed._replace(
        url="https://evil.example.com/x.whl", file=listed.file.replace(provenance_url=f"{URL}/forged")
    )
    world.upstream.files = {URL: OBJECT, f"{URL}/forged": b'{"forged": true}'}
    _, body = await asyncio.gather(replica.downloads.provenance(forged), replica.downloads.provenance(listed))
    assert body == OBJECT
