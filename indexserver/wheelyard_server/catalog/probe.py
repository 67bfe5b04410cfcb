"""Is it safe to write here? Some servers that speak S3 ignore conditions, or check them and then write.

All that keeps a project whole is its document's compare-and-swap. So the server tries it out when it starts, with a
crowd, on objects of its own.
"""

import asyncio
import uuid
from collections.abc import Awaitable, Callable

from wheelyard_server.errors import (
    PreconditionFailedError,
    StorageError,
    StorageUnavailableError,
    UnsafeStorageError,
)
from wheelyard_server.storage import ETag, Storage, layout

WRITERS = 32


async def check_conditional_writes(storage: Storage) -> None:
    """Return if of many writers at once exactly one wins.

    Raises `UnsafeStorageError` if several do, and `StorageUnavailableError` if it could not be found out.
    """
    key = layout.probe(uuid.uuid4().hex)
    try:
        await _exactly_one(lambda body: storage.write(key, body, expected=None), "create", key)
        _, etag = await storage.read(key)
        await _exactly_one(lambda body: storage.write(key, body, expected=etag), "replace", key)
    finally:
        await _clean_up(storage, key)


async def _exactly_one(write: Callable[[bytes], Awaitable[ETag]], what: str, key: str) -> None:
    outcomes = await asyncio.gather(
        # No two bodies are the same: an ETag may be a digest of the body.
        *(write(f"{what} {number}".encode()) for number in range(WRITERS)),
        return_exceptions=True,
    )
    unexpected = [each for each in outcomes if isinstance(each, BaseException) and not _has_lost(each)]
    won = sum(not isinstance(each, BaseException) for each in outcomes)
    if won > 1:
        raise UnsafeStorageError(
            f"The storage let {won} of {WRITERS} writers {what} the same object: it does not honour conditional "
            "writes. Packages can be read, but not written. Use a server that does, see docs/operations.md"
        )
    if unexpected:
        raise unexpected[0]
    if won == 0:
        # A retry inside the client met its own success: that says nothing about the server.
        raise StorageUnavailableError(key, "no writer knows that it won")


def _has_lost(outcome: BaseException) -> bool:
    return isinstance(outcome, PreconditionFailedError)


async def _clean_up(storage: Storage, key: str) -> None:
    try:
        await storage.delete(key)
    except StorageError:
        # It is small, and everything under catalog/ may be deleted by anybody.
        return
