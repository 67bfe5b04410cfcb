"""What people do with advisories: load an export, and accept that a feed takes records away."""

from collections.abc import Awaitable, Callable
from contextlib import suppress

from wheelyard_server.catalog.advisories.following import FollowedAdvisories
from wheelyard_server.catalog.advisories.merging import LEAST_SHARE
from wheelyard_server.catalog.advisories.pointer import Amount, Pointer, read, write
from wheelyard_server.catalog.advisories.updating import Updates
from wheelyard_server.clock import WallClock
from wheelyard_server.errors import NothingWaitsError, PreconditionFailedError, StorageUnavailableError
from wheelyard_server.feed import Export
from wheelyard_server.storage import Storage, layout

_TRIES = 5


class AdvisoriesByHand:
    """Changes the pointer for a person. Raises `StorageError` if the storage does not answer."""

    def __init__(self, storage: Storage, followed: FollowedAdvisories, now: WallClock) -> None:
        self._storage = storage
        self._followed = followed
        self._updates = Updates(storage, followed, now)

    async def load(self, export: Export, source: str, *, is_accepted: bool = False) -> Pointer:
        """Put an export in force, and return the pointer.

        `is_accepted`: also if it takes away more than a feed may.
        """

        async def loaded(pointer: Pointer) -> Pointer:
            accepted = Amount() if is_accepted else pointer.accepted
            updated = await self._updates.with_export(pointer.replace(accepted=accepted), export)
            return updated.replace(source=source, export_etag="", listing_etag="", claim=None, failure=None)

        return await self._swap(loaded)

    async def accept(self) -> Pointer:
        """Let the next export take away as much as the one that waits; raise `NothingWaitsError`."""

        async def accepted(pointer: Pointer) -> Pointer:
            if pointer.waiting is None:
                raise NothingWaitsError
            amount = pointer.waiting.amount
            least = Amount(
                records=int(amount.records * LEAST_SHARE),
                malware=int(amount.malware * LEAST_SHARE),
                changed=amount.changed,
            )
            return pointer.replace(
                accepted=least, waiting=None, exported=None, export_etag="", tried=None, claim=None
            )

        return await self._swap(accepted)

    async def _swap(self, change: Callable[[Pointer], Awaitable[Pointer]]) -> Pointer:
        for _ in range(_TRIES):
            stored = await read(self._storage)
            await self._followed.take(stored)
            changed = await change(stored.pointer)
            with suppress(PreconditionFailedError):
                await self._followed.take(await write(self._storage, changed, stored.etag))
                return changed
        raise StorageUnavailableError(layout.CURRENT_ADVISORIES, "too many concurrent writers")
