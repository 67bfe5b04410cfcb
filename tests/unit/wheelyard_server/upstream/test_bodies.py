"""Bodies in content codings, with bounds."""

import asyncio
import gzip
import zlib

import pytest
import zstandard

from wheelyard_server.upstream.bodies import (
    LARGE_BYTES,
    Room,
    TooLargeError,
    UnreadableCodingError,
    decoded,
    decoded_in,
)
from wheelyard_server.upstream.failures import HiccupError

PLAIN = b"<!DOCTYPE html>" + b"a" * 1_000_000
LIMIT = 2_000_000


def zstd(plain: bytes) -> bytes:
    return zstandard.ZstdCompressor().compress(plain)


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        ("", PLAIN),
        ("identity", PLAIN),
        ("gzip", gzip.compress(PLAIN)),
        (" GZip ", gzip.compress(PLAIN)),
        ("x-gzip", gzip.compress(PLAIN[:100]) + gzip.compress(PLAIN[100:])),
        ("zstd", zstd(PLAIN)),
        ("zstd", zstd(PLAIN[:100]) + zstd(PLAIN[100:])),
    ],
)
def test_bodies_are_decoded(coding: str, body: bytes) -> None:
    assert decoded(body, coding, LIMIT) == PLAIN


@pytest.mark.parametrize("coding", ["gzip", "zstd"])
def test_t40_a_body_that_is_cut_is_a_hiccup(coding: str) -> None:
    body = gzip.compress(PLAIN) if coding == "gzip" else zstd(PLAIN)
    for cut in (body[:-1], body[:-9], body[:20], body[:1], b""):
        with pytest.raises(HiccupError):
            decoded(cut, coding, LIMIT)


@pytest.mark.parametrize("coding", ["gzip", "zstd"])
def test_a_body_in_another_coding_is_unreadable(coding: str) -> None:
    body = gzip.compress(PLAIN) if coding == "gzip" else zstd(PLAIN)
    for other in (PLAIN, zlib.compress(PLAIN), body + b"xxxx"):
        with pytest.raises(UnreadableCodingError):
            decoded(other, coding, LIMIT)


@pytest.mark.parametrize("coding", ["br", "deflate", "gzip, zstd", "x"])
def test_codings_that_were_not_asked_for_are_unreadable(coding: str) -> None:
    with pytest.raises(UnreadableCodingError):
        decoded(PLAIN, coding, LIMIT)


def bomb(coding: str) -> bytes:
    zeros = b"\0" * (1 << 20)
    if coding == "gzip":
        compressor = zlib.compressobj(9, wbits=31)
        return b"".join(compressor.compress(zeros) for _ in range(200)) + compressor.flush()
    made = zstandard.ZstdCompressor(level=19).compressobj()
    return b"".join(made.compress(zeros) for _ in range(200)) + made.flush()


@pytest.mark.parametrize("coding", ["gzip", "zstd"])
def test_a_bomb_is_not_unpacked(coding: str) -> None:
    body = bomb(coding)
    assert len(body) < 500_000
    with pytest.raises(TooLargeError):
        decoded(body, coding, 1 << 20)


@pytest.mark.parametrize("size", [1, 1_000, 100_000, LARGE_BYTES + 1])
@pytest.mark.parametrize("coding", ["identity", "gzip"])
async def test_a_body_of_any_size_is_decoded_and_a_large_one_has_the_room_for_itself(
    size: int, coding: str
) -> None:
    plain, lock = b"a" * size, asyncio.Lock()
    room = Room(lock)
    body = gzip.compress(plain) if coding == "gzip" else plain
    assert await decoded_in(room, body, coding, 2 * LARGE_BYTES) == plain
    assert lock.locked() == (size > LARGE_BYTES)


async def test_a_small_body_that_unpacks_to_too_much_is_refused() -> None:
    with pytest.raises(TooLargeError):
        await decoded_in(Room(asyncio.Lock()), gzip.compress(b"a" * 100_000), "gzip", 99_999)
