import asyncio
import hashlib
import os
import threading
from pathlib import Path

import pytest

from support.patience import HANG_SECONDS, let_tasks_run
from wheelyard_server.catalog.scratch import CHUNKS_AHEAD, IN_ONE_THREAD_BYTES, Received, Scratch
from wheelyard_server.errors import FileTooLargeError


def contents(received: Received) -> bytes:
    with received.open() as file:
        return file.read()


async def test_leftovers_of_a_crash_are_removed_at_start_and_running_uploads_of_other_processes_are_kept(
    tmp_path: Path,
) -> None:
    first = Scratch(tmp_path, 100)
    leftover = tmp_path / "upload-leftover"
    leftover.write_bytes(b"x")
    with first.receiver() as receiver:
        await receiver.write(b"some")
        second = Scratch(tmp_path, 100)
        assert not leftover.exists()
        received = await receiver.finish(b"thing")
        assert contents(received) == b"something"
        with second.receiver() as other:
            await other.write(b"some")
            assert contents(await other.finish(b"thing else")) == b"something else"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("size", [0, IN_ONE_THREAD_BYTES, IN_ONE_THREAD_BYTES + 1])
async def test_a_file_that_arrives_in_one_piece_stays_in_memory(tmp_path: Path, size: int) -> None:
    body = os.urandom(size)
    with Scratch(tmp_path, size).receiver({"md5"}) as receiver:
        received = await receiver.finish(body)
        assert list(tmp_path.iterdir()) == []
    assert received.source is body
    assert (contents(received), received.size) == (body, size)
    assert received.digests["md5"] == received.digest("md5") == hashlib.md5(body, usedforsecurity=False).hexdigest()
    assert received.digests["sha256"] == hashlib.sha256(body).hexdigest()


async def test_chunks_of_all_sizes_are_written_and_hashed_in_their_order(tmp_path: Path) -> None:
    sizes = (1, IN_ONE_THREAD_BYTES + 1, 0, 3 * IN_ONE_THREAD_BYTES, 7) * CHUNKS_AHEAD
    chunks = [os.urandom(size) for size in sizes]
    body = b"".join(chunks)
    with Scratch(tmp_path, len(body)).receiver({"md5"}) as receiver:
        for chunk in chunks[:-1]:
            await receiver.write(chunk)
        received = await receiver.finish(chunks[-1])
        assert isinstance(received.source, Path)
        assert (contents(received), received.size) == (body, len(body))
        assert received.digests == {
            "md5": hashlib.md5(body, usedforsecurity=False).hexdigest(),
            "sha256": hashlib.sha256(body).hexdigest(),
        }
        assert received.digest("blake2_256") == hashlib.blake2b(body, digest_size=32).hexdigest()


@pytest.mark.parametrize("chunks", [[b"12345678"], []])
async def test_a_file_of_one_byte_more_than_the_limit_is_refused(tmp_path: Path, chunks: list[bytes]) -> None:
    with Scratch(tmp_path, 8).receiver() as receiver:
        for chunk in chunks:
            await receiver.write(chunk)
        with pytest.raises(FileTooLargeError):
            await receiver.finish(b"9" * (9 - 8 * len(chunks)))


@pytest.mark.parametrize("size", [10, 2 * IN_ONE_THREAD_BYTES])
async def test_a_full_disk_is_reported_at_the_end_at_the_latest(tmp_path: Path, size: int) -> None:
    with Scratch(tmp_path, 10**9).receiver() as receiver, Path("/dev/full").open("wb") as full:
        await receiver.write(b"")
        # The disk's part.
        assert receiver._file is not None
        os.dup2(full.fileno(), receiver._file.fileno())
        with pytest.raises(OSError, match="No space left"):
            await receiver.finish(bytes(size))


async def test_the_number_of_chunks_ahead_of_a_slow_disk_is_limited(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Scratch(tmp_path, 10**9).receiver() as receiver:
        disk = threading.Event()
        monkeypatch.setattr(receiver, "_steps", [lambda _chunk: disk.wait(HANG_SECONDS)])
        for _ in range(CHUNKS_AHEAD):
            await receiver.write(b"x")
        waiting = asyncio.ensure_future(receiver.write(b"x"))
        await let_tasks_run()
        assert not waiting.done()
        disk.set()
        await waiting
