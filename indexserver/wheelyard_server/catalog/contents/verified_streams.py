"""Downloads that are verified on the way: bytes are served only if their SHA-256 is right."""

import hashlib
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager

from wheelyard_server.errors import DamagedObjectError


async def verify_stream(chunks: AsyncIterator[bytes], sha256: str, key: str) -> AsyncIterator[bytes]:
    """Yield a file's chunks, the last one only if the digest of all of them is right.

    Raises `DamagedObjectError` instead of yielding the last chunk if it is wrong.
    """
    digest = hashlib.sha256()
    held_back = b""
    async for chunk in chunks:
        if held_back:
            yield held_back
        digest.update(chunk)
        held_back = chunk
    if digest.hexdigest() != sha256:
        raise DamagedObjectError(key, f"the stored bytes have the SHA-256 {digest.hexdigest()}")
    if held_back:
        yield held_back


def verify_bytes(body: bytes, sha256: str, key: str) -> bytes:
    """Return the bytes of a small object; raise `DamagedObjectError` if their digest is wrong."""
    digest = hashlib.sha256(body).hexdigest()
    if digest != sha256:
        raise DamagedObjectError(key, f"the stored bytes have the SHA-256 {digest}")
    return body


@asynccontextmanager
async def closed(chunks: AsyncIterator[bytes]) -> AsyncIterator[AsyncIterator[bytes]]:
    """Close a stream at the end, so that its connection ends now and not when Python collects it."""
    try:
        yield chunks
    finally:
        if isinstance(chunks, AsyncGenerator):
            await chunks.aclose()


async def started(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Return the stream once its first bytes are there; raise its error if they never come."""
    return _resumed(await anext(chunks, b""), chunks)


async def _resumed(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    async with closed(rest):
        yield first
        async for chunk in rest:
            yield chunk
