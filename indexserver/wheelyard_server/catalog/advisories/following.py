"""Follows the pointer: puts in force what it names. It never puts less in force because something failed (U11)."""

import logging
from collections.abc import Callable

from wheelyard_server.catalog.advisories import layers
from wheelyard_server.catalog.advisories.layers import Layer
from wheelyard_server.catalog.advisories.pointer import NO_POINTER, Pointer, StoredPointer, read
from wheelyard_server.errors import DamagedObjectError
from wheelyard_server.policy.advisories import NO_ADVISORIES, Advisories, PackedAdvisories
from wheelyard_server.storage import Fingerprint, Storage, cheap_checks, layout, local_paths

log = logging.getLogger(__name__)

CHECK_SECONDS = 5.0
"""How often each replica looks at the pointer. It costs a conditional GET, or a look at a local file."""
LOST = "lost"
"""The revision of advisories that were there and cannot be read."""


class FollowedAdvisories:
    """The advisories in force on this replica."""

    def __init__(self, storage: Storage, put_in_force: Callable[[Advisories], None]) -> None:
        self._storage = storage
        self._put_in_force = put_in_force
        self._stored = NO_POINTER
        self._layers: dict[str, Layer] = {}
        """The layers in force, by digest."""
        self._seen: Fingerprint | None = None
        """The fingerprint of the pointer, if it is a local file."""
        self.value = NO_ADVISORIES
        """The advisories in force."""
        self.problem = ""
        """Why those that the storage names are not in force, for people; "" if they are."""

    @property
    def pointer(self) -> Pointer:
        """Return the pointer as it was last read."""
        return self._stored.pointer

    @property
    def stored(self) -> StoredPointer:
        """Return the same with its ETag, for a conditional write."""
        return self._stored

    async def follow(self) -> None:
        """Put in force what the storage names; raise `StorageUnavailableError` if it does not answer."""
        local = local_paths(self._storage)
        seen = None if local is None else local.fingerprint(layout.CURRENT_ADVISORIES)
        if not await self._is_unchanged(seen):
            await self.take(await read(self._storage))
            if self.problem:
                # Perhaps another pointer was written, and what this one named was removed.
                await self.take(await read(self._storage))
            self._seen = seen

    async def take(self, stored: StoredPointer) -> None:
        """Put in force what a pointer names; raise `StorageUnavailableError`."""
        if stored.is_damaged:
            self._lose(f"{layout.CURRENT_ADVISORIES} cannot be read")
        elif not stored.pointer.digests and self.value.are_known:
            # It was there before: it is lost, or a server that fetches them again has just begun.
            self._lose(f"{layout.CURRENT_ADVISORIES} names none")
        elif stored.pointer.digests != tuple(self._layers) or self.problem:
            await self._load(stored.pointer)
        self._stored = stored

    @property
    def layers(self) -> tuple[Layer, ...]:
        """Return the layers in force, the latest changes first."""
        return tuple(self._layers.values())

    async def _load(self, pointer: Pointer) -> None:
        try:
            loaded = {each: await self._layer(each) for each in pointer.digests}
        except DamagedObjectError as error:
            self._lose(str(error))
            return
        self._layers, self.problem = loaded, ""
        if loaded:
            self._put(_advisories(pointer, tuple(loaded.values())))

    async def _layer(self, digest: str) -> Layer:
        return self._layers.get(digest) or await layers.load(self._storage, digest)

    def _lose(self, reason: str) -> None:
        """Keep what is in force. If nothing is, files of upstreams are refused until there are advisories again."""
        if reason != self.problem:
            log.error("The advisories of this index cannot be read, they are fetched again if possible: %s", reason)
        self.problem = reason
        if not self.value.are_known:
            self._put(Advisories(LOST, are_lost=True))

    def _put(self, advisories: Advisories) -> None:
        self.value = advisories
        self._put_in_force(advisories)

    async def _is_unchanged(self, seen: Fingerprint | None) -> bool:
        """Return whether the storage confirms cheaply that the pointer is the one that was read."""
        if self.problem:
            return False
        if seen is not None:
            return seen == self._seen
        checks, etag = cheap_checks(self._storage), self._stored.etag
        return (
            checks is not None and etag is not None and await checks.is_unchanged(layout.CURRENT_ADVISORIES, etag)
        )


def _advisories(pointer: Pointer, of_it: tuple[Layer, ...]) -> Advisories:
    digests = {digest: name for layer in reversed(of_it) for digest, name in layer.digests.items()}
    return Advisories(pointer.revision, PackedAdvisories(tuple(layer.names for layer in of_it)), digests)
