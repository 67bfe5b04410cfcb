"""Quarantine by hand: one small object in the storage, which every replica reads every two seconds.

What cannot be read never ends a quarantine: a replica keeps what it read last (U11).
"""

import asyncio
import logging
from collections.abc import Callable, Iterable
from typing import NamedTuple

import msgspec

from wheelyard_server.catalog.current_basis import CurrentBasis
from wheelyard_server.catalog.write_gate import WriteGate
from wheelyard_server.clock import EpochClock
from wheelyard_server.errors import (
    DamagedObjectError,
    InvalidRequestError,
    NotFoundError,
    ObjectNotFoundError,
    ObjectUnchangedError,
    PreconditionFailedError,
    StorageError,
    StorageUnavailableError,
)
from wheelyard_server.policy.quarantine import Quarantine, Quarantined
from wheelyard_server.storage import ETag, Storage, layout

log = logging.getLogger(__name__)

POLL_SECONDS = 2.0
"""How often each replica reads the object: 43,200 conditional GETs a day, also without a quarantine."""
READ_SECONDS = 2.0
"""How long a read may take. One that takes longer is tried again in the next round."""
IN_FORCE_SECONDS = 2 * POLL_SECONDS
"""After this time each replica has read a change, if its read took less than `POLL_SECONDS`."""
MAX_ENTRIES = 1_000
SWAP_TRIES = 20


class Read(NamedTuple):
    """The object as it was read last."""

    quarantine: Quarantine
    etag: ETag | None


_Change = Callable[[tuple[Quarantined, ...]], tuple[Quarantined, ...]]


class SharedQuarantine:
    """The quarantine of all replicas."""

    def __init__(self, storage: Storage, basis: CurrentBasis, writes: WriteGate, clock: EpochClock) -> None:
        self._storage = storage
        self._basis = basis
        self._writes = writes
        self._clock = clock
        self._sleep = asyncio.sleep
        self._turn = asyncio.Lock()
        """An older read must not be put in force after a newer one."""
        self._read = Read(Quarantine(), None)
        self.looked = 0.0
        """When the storage last answered, in seconds since 1970; 0: it has not yet."""
        self.error = ""
        """Why the present object is not in force; "" if it is."""

    @property
    def entries(self) -> tuple[Quarantined, ...]:
        """Return the entries in force on this replica, the oldest first."""
        return self._read.quarantine.entries

    async def follow(self) -> None:
        """Put the present object in force; log once that it cannot be read."""
        try:
            await self.refresh()
        except (StorageError, TimeoutError) as error:
            reason = str(error) or f"the storage did not answer within {READ_SECONDS:g} s"
            if not self.error:
                log.error("The quarantine cannot be read, the last one stays in force: %s", reason)  # noqa: TRY400
            self.error = reason
        else:
            if self.error:
                log.info("The quarantine can be read again")
            self.error = ""

    async def refresh(self) -> None:
        """Put the present object in force.

        Raises `TimeoutError`, `StorageUnavailableError`, and `DamagedObjectError` if it is lost or
        cannot be parsed.
        """
        async with self._turn:
            await self._refresh()
        if self._is_lost:
            raise DamagedObjectError(layout.QUARANTINE, "it was there before and is lost")

    async def _refresh(self) -> None:
        try:
            async with asyncio.timeout(READ_SECONDS):
                body, etag = await self._storage.read(layout.QUARANTINE, if_none_match=self._read.etag)
        except ObjectUnchangedError:
            pass
        except ObjectNotFoundError:
            self._read = Read(self._read.quarantine, None)
        else:
            self._put(Read(parse_quarantine(body), etag))
        self.looked = self._clock()

    @property
    def _is_lost(self) -> bool:
        return self._read.etag is None and bool(self.entries)

    async def add(self, entry: Quarantined) -> tuple[Quarantined, ...]:
        """Add an entry in place of one for the same files; return all once every replica must have read them.

        Raises `InvalidRequestError` if there are too many entries.
        """

        def with_entry(known: tuple[Quarantined, ...]) -> tuple[Quarantined, ...]:
            entries = united(known, [entry])
            if len(entries) > MAX_ENTRIES:
                raise InvalidRequestError(
                    f"There are {MAX_ENTRIES} entries already: write some into `deny` of the policy, and lift them"
                )
            return entries

        return await self._change(with_entry)

    async def lift(self, project: str = "", version: str = "", sha256: str = "") -> tuple[Quarantined, ...]:
        """Remove the entry for exactly these files; return all others once every replica must have read them.

        Raises `NotFoundError` if there is no such entry.
        """
        subject = (project, version, sha256)

        def without(known: tuple[Quarantined, ...]) -> tuple[Quarantined, ...]:
            if subject not in map(_subject, known):
                raise NotFoundError(
                    "Nothing is quarantined by exactly these words: see `wheelyard quarantine --list`"
                )
            return tuple(each for each in known if _subject(each) != subject)

        return await self._change(without)

    async def _change(self, change: _Change) -> tuple[Quarantined, ...]:
        await self._writes.passed()
        for _ in range(SWAP_TRIES):
            async with self._turn:
                is_done = await self._swap(change)
            if is_done:
                entries = self.entries
                await self._sleep(IN_FORCE_SECONDS)
                return entries
        raise StorageUnavailableError(layout.QUARANTINE, "too many concurrent writers")

    async def _swap(self, change: _Change) -> bool:
        """Try to write the changed entries; return whether they are in force here."""
        await self._refresh()
        changed, expected = Quarantine(entries=change(self.entries)), self._read.etag
        try:
            etag = await self._storage.write(layout.QUARANTINE, msgspec.json.encode(changed), expected=expected)
        except PreconditionFailedError:
            # It may be this very write, if an earlier answer to it was lost.
            await self._refresh()
            return self._read.quarantine == changed
        self._put(Read(changed, etag))
        return True

    def _put(self, read: Read) -> None:
        if read.quarantine != self._read.quarantine:
            self._basis.put_quarantine(read.quarantine)
            log.warning("%d entries are quarantined by hand", len(read.quarantine.entries))
        self._read = read


def _subject(entry: Quarantined) -> tuple[str, str, str]:
    return entry.project, entry.version, entry.sha256


def united(one: Iterable[Quarantined], other: Iterable[Quarantined]) -> tuple[Quarantined, ...]:
    """Return the entries of two quarantines; of two for the same files, that of the other."""
    return tuple({_subject(each): each for each in (*one, *other)}.values())


def parse_quarantine(body: bytes) -> Quarantine:
    """Parse the object; raise `DamagedObjectError`."""
    try:
        return msgspec.json.decode(body, type=Quarantine)
    except msgspec.MsgspecError as error:
        raise DamagedObjectError(layout.QUARANTINE, f"not a quarantine: {error}") from error
