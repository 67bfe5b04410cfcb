"""Counts fetches in memory, at the price of one look into a dictionary each.

The number of rows is bounded by hour: beyond the bound, addresses become networks, then fetchers of
a file become one row. So no client can make the log grow, and none can push others out of it.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

from wheelyard_server.catalog.fetches.rows import (
    OTHER,
    SECONDS_PER_HOUR,
    FetchedFile,
    Login,
    Row,
    hour_of,
    network_of,
)
from wheelyard_server.clock import EpochClock
from wheelyard_server.settings import RecordedAddresses

MAX_ROWS = 50_000
"""Rows of an hour with full addresses. There are at most twice as many in all."""
MAX_WAITING_ROWS = 100_000
"""Rows of past hours that wait to be written while the storage does not answer."""

FileKey = tuple[str, str, str, str]
"""The fields of a `FetchedFile`: a plain tuple takes a quarter of the time."""
_Key = tuple[FileKey, Login, str, str]
"""File, login, address and client."""


_OTHER_LOGIN = Login("", OTHER)
_RECORDED: Mapping[RecordedAddresses, Callable[[str], str] | None] = {
    RecordedAddresses.FULL: None,
    RecordedAddresses.NETWORK: network_of,
    RecordedAddresses.NONE: lambda _: "",
}
"""The recorded part of an address; None is all of it."""


@dataclass(slots=True)
class _Tally:
    first: float
    last: float
    whole: int = 0
    parts: int = 0


@dataclass(frozen=True, slots=True)
class Counted:
    """Fetches that were counted since the last time."""

    rows: Mapping[FetchedFile, list[Row]] = field(default_factory=dict)
    dropped: int = 0
    """Fetches that are in no row."""


class FetchCounter:
    """The fetches of one process that were not written yet."""

    def __init__(
        self,
        clock: EpochClock,
        addresses: RecordedAddresses = RecordedAddresses.FULL,
        max_rows: int = MAX_ROWS,
        max_waiting_rows: int = MAX_WAITING_ROWS,
    ) -> None:
        self._clock = clock
        self._recorded_of = _RECORDED[addresses]
        self._max_rows = max_rows
        self._max_waiting = max_waiting_rows
        self._hour_ends = 0.0
        self._tallies: dict[_Key, _Tally] = {}
        self._seen: set[_Key] = set()
        """All keys of this hour, also of rows that were taken."""
        self._past: list[tuple[int, dict[_Key, _Tally]]] = []
        """Hours that ended since the last time, each by its beginning."""
        self._dropped = 0
        self.total = 0
        """Fetches since the start, for the metrics."""
        self.dropped = 0
        """Those of them that are in no row."""
        self.listener: Callable[[Collection[FetchedFile]], None] = lambda _: None
        """Gets the files of all fetches that are taken."""

    @property
    def waiting_rows(self) -> int:
        """Return the number of rows in memory."""
        return len(self._tallies) + sum(len(tallies) for _, tallies in self._past)

    def count(self, file: FileKey, login: Login, address: str, client: str, *, is_part: bool = False) -> None:
        """Count a fetch by a client of this family, of a whole file or of a part of it."""
        if not is_part:
            self.count_whole(file, login, address, client)
            return
        self.total += 1
        tally = self._tally(file, login, address, client)
        if tally is None:
            self._drop(1)
        else:
            tally.parts += 1

    def count_whole(self, file: FileKey, login: Login, address: str, client: str, number: int = 1) -> None:
        """Count so many fetches of a whole file. A hot download comes here: it makes one look and no call."""
        self.total += number
        now = self._clock()
        # As `_tally`, without its call.
        tally = self._tallies.get((file, login, address, client))
        if tally is None or now >= self._hour_ends:
            tally = self._tally(file, login, address, client)
            if tally is None:
                self._drop(number)
                return
        tally.whole += number
        tally.last = now

    def _tally(self, file: FileKey, login: Login, address: str, client: str) -> _Tally | None:
        """Return the tally of a fetcher, which fetches now; None if there are too many rows."""
        now = self._clock()
        if now >= self._hour_ends:
            self._begin_hour(now)
        if self._recorded_of is not None:
            address = self._recorded_of(address)
        key = (file, login, address, client)
        tally = self._tallies.get(key) or self._new_tally(key, now)
        if tally is not None:
            tally.last = now
        return tally

    def take(self) -> Counted:
        """Return the fetches since the last time, which are the caller's from then on."""
        hour = int(self._hour_ends) - SECONDS_PER_HOUR
        rows: dict[FetchedFile, list[Row]] = {}
        for began, tallies in (*self._past, (hour, self._tallies)):
            for key, tally in tallies.items():
                rows.setdefault(FetchedFile(*key[0]), []).append(_as_row(key, tally, began))
        self.listener(rows)
        taken = Counted(rows, self._dropped)
        self._past, self._tallies, self._dropped = [], {}, 0
        return taken

    def _begin_hour(self, now: float) -> None:
        """Set the rows of the hour before aside, or drop them if too many wait already."""
        if self._tallies:
            waiting = sum(len(tallies) for _, tallies in self._past)
            if waiting + len(self._tallies) > self._max_waiting:
                self._drop(sum(each.whole + each.parts for each in self._tallies.values()))
            else:
                self._past.append((int(self._hour_ends) - SECONDS_PER_HOUR, self._tallies))
        self._tallies, self._seen = {}, set()
        self._hour_ends = hour_of(now) + SECONDS_PER_HOUR

    def _drop(self, count: int) -> None:
        self._dropped += count
        self.dropped += count

    def _new_tally(self, key: _Key, now: float) -> _Tally | None:
        """Return the tally of a key that has none yet, or of a coarser key; None if there are too many rows."""
        found = self._bounded(key)
        if found is None:
            return None
        self._seen.add(found)
        known = self._tallies.get(found)
        if known is None:
            known = self._tallies[found] = _Tally(now, now)
        return known

    def _bounded(self, key: _Key) -> _Key | None:
        """Return the first of the key and its coarser forms for which there is a row, or space."""
        file, login, address, client = key
        wide = (file, login, network_of(address), client)
        other = (file, _OTHER_LOGIN, "", "")
        for each, max_rows in ((key, 1.0), (wide, 1.5), (other, 2.0)):
            if each in self._seen or len(self._seen) < max_rows * self._max_rows:
                return each
        return None


def _as_row(key: _Key, tally: _Tally, hour: int) -> Row:
    _, login, address, client = key
    return Row(*login, address, client, hour, tally.whole, tally.parts, int(tally.first), int(tally.last))
