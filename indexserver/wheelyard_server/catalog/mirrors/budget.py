"""The size of all kept bytes of upstreams: a hard bound over all replicas.

`catalog/mirrored.json` has the size of the kept bytes, and how much each server may add to them. A
server reserves space for many files at once, so that few files cost a write of it. The number is
never too low: a repeated LIST corrects it downward. The object is derived: without it, a LIST makes
it again.
"""

import asyncio
import logging
import secrets
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

import msgspec

from wheelyard_server.catalog.counts import KeptSize
from wheelyard_server.clock import WallClock
from wheelyard_server.errors import (
    ObjectNotFoundError,
    PreconditionFailedError,
    StorageUnavailableError,
)
from wheelyard_server.storage import ETag, Storage, layout

log = logging.getLogger(__name__)

RESERVED_BYTES = 256 * 1024**2
"""What a server reserves at once, but never more than ..."""
RESERVED_SHARE = 64
"""... this part of the bound, unless one file needs more."""
RESERVED_FOR = timedelta(hours=1)
"""How long a server may use a reservation. A server that was killed returns none."""
STORED_WITHIN = timedelta(hours=1)
"""Longest time that storing a file takes, which may begin at the end of a reservation."""
COUNTED_EVERY = timedelta(hours=1)
"""How often the size is corrected, if the bound is reached."""
SWAP_TRIES = 20


class Reservation(msgspec.Struct, frozen=True, kw_only=True, rename="kebab"):
    """Space that one server may fill."""

    size: int
    """In bytes."""
    until: datetime
    """In UTC."""


class MirroredSize(msgspec.Struct, frozen=True, kw_only=True, rename="kebab"):
    """The content of `catalog/mirrored.json`."""

    size: int
    """Bytes of all objects below `mirrored/`, at most; without those that were stored by reservations below."""
    counted: datetime
    """When they were last counted, in UTC."""
    reserved: dict[str, Reservation] = {}
    """By a server's id."""

    @property
    def total(self) -> int:
        """Return the bytes that may be in the storage now or soon."""
        return self.size + sum(each.size for each in self.reserved.values())


class MirrorBudget:
    """One server's share of the bound."""

    def __init__(self, storage: Storage, max_bytes: int | None, now: WallClock) -> None:
        self._storage = storage
        self._max_bytes = max_bytes
        self._now = now
        self._server = secrets.token_hex(8)
        self._spent = 0
        self._own: Reservation | None = None
        self.has_ended_reservations = False
        """Whether servers had reserved space that they can no longer use, when the size was measured: how much of
        it they used is only known after a count."""
        self._measured: int | None = None
        self._listed: MirroredSize | None = None
        # A file that took space from a reservation while that is being returned would not count.
        self._taking = asyncio.Lock()

    async def take(self, size: int) -> bool:
        """Return whether this many more bytes may be stored now; raise `StorageError`."""
        if self._max_bytes is not None and size > self._max_bytes:
            return False
        async with self._taking:
            if not self._fits(size) and not await self._reserve(size):
                return False
            self._spent += size
            return True

    @property
    def kept(self) -> KeptSize:
        """Return the size that was measured last, without asking the storage."""
        return KeptSize(self._measured, self._max_bytes)

    async def measure(self) -> None:
        """Measure the size of all kept bytes, without those of other servers' reservations; raise `StorageError`.

        This costs one GET. If the object is missing, it costs a LIST, but at most once an hour.
        """
        written, _ = await self._written()
        self._note(await self._counted_lately() if written is None else written)

    def _note(self, known: MirroredSize) -> None:
        self._measured = known.size + (self._spent if self._server in known.reserved else 0)
        self.has_ended_reservations = len(self._valid(known)) < len(known.reserved)

    async def recount(self) -> None:
        """Correct the size by a LIST; raise `StorageError`."""
        written = await self._swap(lambda known: known, is_counted=True)
        if written is not None:
            self._note(written)

    def _fits(self, size: int) -> bool:
        own = self._own
        return own is not None and self._now() < own.until and self._spent + size <= own.size

    async def _reserve(self, size: int) -> bool:
        """Return what is left of the reservation, and reserve more; return whether there is space."""
        for wanted in dict.fromkeys((max(size, self._portion()), size)):
            if await self._reserved(wanted):
                return True
        known, _ = await self._read()
        is_recent = abs(self._now() - known.counted) < COUNTED_EVERY
        return not is_recent and await self._reserved(size, is_counted=True)

    async def _reserved(self, size: int, *, is_counted: bool = False) -> bool:
        written = await self._swap(partial(self._with_own, size), is_counted=is_counted)
        if written is None:
            return False
        self._own, self._spent = written.reserved[self._server], 0
        return True

    def _portion(self) -> int:
        return RESERVED_BYTES if self._max_bytes is None else min(RESERVED_BYTES, self._max_bytes // RESERVED_SHARE)

    def _with_own(self, size: int, known: MirroredSize) -> MirroredSize | None:
        """Return the numbers with a new reservation of this server; None if it does not fit."""
        others = {server: each for server, each in known.reserved.items() if server != self._server}
        spent = self._spent if self._server in known.reserved else 0
        mine = Reservation(size=size, until=self._now() + RESERVED_FOR)
        changed = msgspec.structs.replace(known, size=known.size + spent, reserved={**others, self._server: mine})
        return changed if self._max_bytes is None or changed.total <= self._max_bytes else None

    async def _swap(
        self, change: Callable[[MirroredSize], MirroredSize | None], *, is_counted: bool = False
    ) -> MirroredSize | None:
        """Write changed numbers and return them; None if `change` returned none. `is_counted`: count before."""
        for _ in range(SWAP_TRIES):
            known, etag = await self._read()
            if is_counted:
                known = await self._counted(known)
            changed = change(known)
            if changed is None:
                return None
            try:
                await self._storage.write(layout.MIRRORED_SIZE, msgspec.json.encode(changed), expected=etag)
            except PreconditionFailedError:
                continue
            return changed
        raise StorageUnavailableError(layout.MIRRORED_SIZE, "too many concurrent writers")

    async def _read(self) -> tuple[MirroredSize, ETag | None]:
        written, etag = await self._written()
        return written or await self._counted(self._unknown()), etag

    async def _written(self) -> tuple[MirroredSize | None, ETag | None]:
        try:
            body, etag = await self._storage.read(layout.MIRRORED_SIZE)
        except ObjectNotFoundError:
            return None, None
        try:
            return msgspec.json.decode(body, type=MirroredSize), etag
        except msgspec.MsgspecError as error:
            log.warning("%s cannot be read and is made again: %s", layout.MIRRORED_SIZE, error)
            return None, etag

    async def _counted_lately(self) -> MirroredSize:
        if self._listed is None or abs(self._now() - self._listed.counted) >= COUNTED_EVERY:
            self._listed = await self._counted(self._unknown())
        return self._listed

    def _unknown(self) -> MirroredSize:
        return MirroredSize(size=0, counted=self._now())

    async def _counted(self, known: MirroredSize) -> MirroredSize:
        """Return the numbers with the counted size.

        Objects that were stored by a reservation that is still there may be counted twice, never
        less than once: this is only written if no reservation has changed since `known` was
        read.
        """
        now = self._now()
        size = 0
        async for listed in self._storage.list(layout.MIRRORED):
            size += listed.size
        return MirroredSize(size=size, counted=now, reserved=self._valid(known))

    def _valid(self, known: MirroredSize) -> dict[str, Reservation]:
        """Return the reservations by which bytes may still be stored."""
        now = self._now()
        return {server: each for server, each in known.reserved.items() if now < each.until + STORED_WITHIN}
