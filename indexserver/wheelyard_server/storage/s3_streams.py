"""Streams of bytes out of a bucket: whole objects and parts, with a check that no byte is missing."""

from collections.abc import AsyncIterable, AsyncIterator

from wheelyard_server.errors import StorageUnavailableError
from wheelyard_server.storage.s3_errors import translated


async def as_bytes(chunks: AsyncIterable[bytes]) -> AsyncIterator[bytes]:
    """Yield obstore's buffers as bytes."""
    async for chunk in chunks:
        yield bytes(chunk)


async def part_of(chunks: AsyncIterator[bytes], start: int, end: int) -> AsyncIterator[bytes]:
    """Yield the bytes from `start` up to, but not including, `end` of a whole object."""
    position = 0
    async for chunk in chunks:
        if position + len(chunk) > start:
            yield chunk[max(0, start - position) : end - position]
        position += len(chunk)
        if position >= end:
            return


async def of_length(key: str, chunks: AsyncIterator[bytes], expected: int) -> AsyncIterator[bytes]:
    """Yield the chunks; raise `StorageUnavailableError` at the end if they were not `expected` bytes."""
    received = 0
    with translated(key):
        async for chunk in chunks:
            received += len(chunk)
            yield chunk
    if received != expected:
        raise StorageUnavailableError(key, f"the stream ended after {received} of {expected} bytes")


async def empty() -> AsyncIterator[bytes]:
    """Yield nothing."""
    none: tuple[bytes, ...] = ()
    for chunk in none:
        yield chunk
