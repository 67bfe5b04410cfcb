"""A test whether conditional writes are atomic, which they are not on some servers that speak S3.

Some ignore conditions; others check them first and write later. But only the compare-and-swap of
its document keeps a project consistent. So this tries it on objects of its own, in enough races to
rule out luck.
"""

import asyncio
import math
import uuid
from collections.abc import Awaitable, Callable

from wheelyard_server.errors import (
    PreconditionFailedError,
    StorageError,
    StorageUnavailableError,
    UnsafeStorageError,
    WheelyardError,
)
from wheelyard_server.storage import ETag, Storage, layout

WRITERS = 4
"""Writers per race. More writers only wait for each other, and reveal no more than these."""
RACES_AT_ONCE = 8
FAILURE_RATE = 1 / 20
"""A server that fails this share of the races to create an object, or to replace one, ..."""
ERROR_RATE = 1 / 10_000
"""... passes with at most this probability."""
RACES = math.ceil(math.log(ERROR_RATE) / math.log(1 - FAILURE_RATE))
_TRIES = 3

Write = Callable[[bytes], Awaitable[ETag]]


class _Undecided(Exception):  # noqa: N818 - a result, not an error
    """The race has no result: no writer knows that it won, since a retry in the client met its own success."""


async def check_conditional_writes(storage: Storage, races: int = RACES) -> None:
    """Return if in every race exactly one writer wins, and its bytes are stored.

    Raises `UnsafeStorageError` if not, and `StorageUnavailableError` if the test has no result.
    """
    left, failed = iter(range(races)), list[WheelyardError]()

    async def run() -> None:
        for _ in left:
            if failed:
                return
            try:
                await _decided(storage)
            except WheelyardError as error:
                failed.append(error)

    # No race is canceled: an object that is written after the clean-up would stay.
    await asyncio.gather(*(run() for _ in range(RACES_AT_ONCE)))
    if failed:
        raise next((error for error in failed if isinstance(error, UnsafeStorageError)), failed[0])


async def _decided(storage: Storage) -> None:
    for _ in range(_TRIES):
        key = layout.probe(uuid.uuid4().hex)
        try:
            await _race(storage, key)
        except _Undecided:
            continue
        finally:
            await _clean_up(storage, key)
        return
    raise StorageUnavailableError(key, "no writer knows that it won")


async def _race(storage: Storage, key: str) -> None:
    etag = await _one_wins(storage, key, "create", lambda body: storage.write(key, body, expected=None))
    await _one_wins(storage, key, "replace", lambda body: storage.write(key, body, expected=etag))


async def _one_wins(storage: Storage, key: str, what: str, write: Write) -> ETag:
    """Start all writes concurrently; return the ETag of the winner's object."""
    # All bodies differ, across both races, since an ETag may be a digest of the body. Their lengths
    # are equal.
    bodies = [f"{what:8}{number:4}".encode() for number in range(WRITERS)]
    outcomes = await asyncio.gather(*map(write, bodies), return_exceptions=True)
    winners = [body for body, each in zip(bodies, outcomes, strict=True) if not isinstance(each, BaseException)]
    if len(winners) > 1:
        raise _unsafe(f"let {len(winners)} of {WRITERS} writers {what} the same object")
    unexpected = [each for each in outcomes if isinstance(each, BaseException) and not _has_lost(each)]
    if unexpected:
        raise unexpected[0]
    if not winners:
        raise _Undecided
    found, etag = await storage.read(key)
    if found != winners[0]:
        raise _unsafe(f"stored the bytes of a writer that it had refused to let {what} the object")
    return etag


def _unsafe(what: str) -> UnsafeStorageError:
    return UnsafeStorageError(
        f"The storage {what}: its conditional writes are not atomic, so uploads could be lost. Packages can be"
        " read, but not written. Use a server that is safe, see docs/operations.md"
    )


def _has_lost(outcome: BaseException) -> bool:
    return isinstance(outcome, PreconditionFailedError)


async def _clean_up(storage: Storage, key: str) -> None:
    try:
        await storage.delete(key)
    except StorageError:
        # It is small, and garbage collection will remove it.
        return
