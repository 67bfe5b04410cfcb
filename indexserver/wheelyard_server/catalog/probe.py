"""Is it safe to write here? Some servers that speak S3 ignore conditions, or check them and then write.

All that keeps a project whole is its document's compare-and-swap. So it is tried out, on objects of its own, in so
many races that luck does not count.
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
"""In one race. More of them wait for each other: what two lose, forty do not lose more often."""
RACES_AT_ONCE = 8
FAILURE_RATE = 1 / 20
"""A server that fails so many races to create an object, or so many to replace one, ..."""
ERROR_RATE = 1 / 10_000
"""... is taken for safe so rarely."""
RACES = math.ceil(math.log(ERROR_RATE) / math.log(1 - FAILURE_RATE))
_TRIES = 3

Write = Callable[[bytes], Awaitable[ETag]]


class _Undecided(Exception):  # noqa: N818 - no error: it says nothing about the server
    """No writer knows that it won: a retry inside the client met its own success."""


async def check_conditional_writes(storage: Storage, races: int = RACES) -> None:
    """Return if in every race exactly one writer wins, and what it wrote is what is there.

    Raises `UnsafeStorageError` if not, and `StorageUnavailableError` if it could not be found out.
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

    # Nothing is given up halfway: what is written after it was cleaned up would stay.
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
    """Let all write at the same time; return the ETag of what the one who won wrote."""
    # No two bodies are the same, in both races: an ETag may be a digest of the body. Their length is.
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
        raise _unsafe(f"kept what it had refused to {what}")
    return etag


def _unsafe(what: str) -> UnsafeStorageError:
    return UnsafeStorageError(
        f"The storage {what}: its conditional writes are not atomic, and uploads could be lost. Packages can be"
        " read, but not written. Use a server that is safe, see docs/operations.md"
    )


def _has_lost(outcome: BaseException) -> bool:
    return isinstance(outcome, PreconditionFailedError)


async def _clean_up(storage: Storage, key: str) -> None:
    try:
        await storage.delete(key)
    except StorageError:
        # It is small, and the garbage collection takes it.
        return
