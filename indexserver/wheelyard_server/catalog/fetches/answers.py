"""Answers to questions about fetches, put together day by day."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from typing import Generic, NamedTuple, TypeVar

from wheelyard_server.catalog.fetches.rows import FetchedFile, Fetcher, FileRows, Row
from wheelyard_server.names import version_key

K = TypeVar("K")

MAX_ROWS = 10_000
"""Rows of an answer."""
MAX_USED_FILES = 200_000
"""Files in an answer that is not shown, but compared with something."""


@dataclass(slots=True)
class Uses:
    """A number of fetches, and when the first and the last of them were, in seconds since 1970."""

    first: int
    last: int
    fetches: int = 0
    parts: int = 0

    def add(self, row: Row) -> None:
        """Add the fetches of a row."""
        self.first, self.last = min(self.first, row.first), max(self.last, row.last)
        self.fetches += row.fetches
        self.parts += row.parts


class Tallies(Generic[K]):
    """Uses by key, up to a number of keys."""

    def __init__(self, max_keys: int = MAX_ROWS) -> None:
        self.by_key: dict[K, Uses] = {}
        self.omitted = 0
        """Fetches of keys beyond the bound."""
        self._max_keys = max_keys

    def add(self, key: K, row: Row) -> None:
        """Add the fetches of a row."""
        uses = self.by_key.get(key)
        if uses is None:
            if len(self.by_key) >= self._max_keys:
                self.omitted += row.fetches
                return
            uses = self.by_key[key] = Uses(row.first, row.last)
        uses.add(row)


@dataclass(frozen=True, slots=True)
class FetchFilter:
    """Which fetches are asked for: those that have all that is set."""

    sha256: str = ""
    project: str = ""
    version: str = ""
    covers: Callable[[str], bool] = lambda _: True
    """Whether the asker may know of a project's fetches."""

    def wants_line(self, line: bytes) -> bool:
        """Return whether a line of the log may have wanted fetches, without decoding it."""
        if self.project and not line.startswith(f'["{self.project}",'.encode()):
            return False
        # A file whose digest was not known yet may turn out to have this one.
        return not self.sha256 or self.sha256.encode() in line or b',"",' in line

    def wants(self, file: FetchedFile) -> bool:
        """Return whether fetches of a file are wanted, or may be once its digest is known."""
        return (
            (not self.sha256 or file.sha256 in ("", self.sha256))
            and (not self.project or file.project == self.project)
            and (not self.version or version_key(file.version) == version_key(self.version))
            and self.covers(file.project)
        )


class Digests:
    """The digests of files, by project and filename: a filename never has two (U4)."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], str] = {}

    def add(self, file: FetchedFile) -> None:
        """Remember a file's digest."""
        if file.sha256:
            self._known[file.project, file.filename] = file.sha256

    def named(self, file: FetchedFile) -> FetchedFile:
        """Return a file with its digest, if any fetch of it has one."""
        return file if file.sha256 else file._replace(sha256=self._known.get((file.project, file.filename), ""))


class Who(NamedTuple):
    """The fetches of one file by one fetcher."""

    file: FetchedFile
    fetcher: Fetcher
    uses: Uses


@dataclass(slots=True)
class WhoFetched:
    """The fetchers of the wanted files."""

    wanted: FetchFilter
    _tallies: Tallies[tuple[FetchedFile, Fetcher]] = field(default_factory=Tallies)
    _digests: Digests = field(default_factory=Digests)

    def add(self, _day: date, line: FileRows) -> None:
        """Add a line of the log."""
        if not self.wanted.wants(line.file):
            return
        self._digests.add(line.file)
        for row in line.rows:
            self._tallies.add((line.file, row.fetcher), row)

    @property
    def omitted(self) -> int:
        """Return the fetches that are in no row of the answer."""
        return self._tallies.omitted

    def rows(self) -> tuple[Who, ...]:
        """Return the fetchers of each file, the last one first."""
        found = [
            Who(named, fetcher, uses)
            for (file, fetcher), uses in self._tallies.by_key.items()
            if (named := self._digests.named(file)).sha256 or not self.wanted.sha256
        ]
        return tuple(sorted(found, key=lambda each: (-each.uses.last, each.file, each.fetcher)))


class OfDay(NamedTuple):
    """Fetches of one day, by version and client."""

    day: date
    version: str
    client: str


@dataclass(slots=True)
class Statistics:
    """How often a project was fetched."""

    project: str
    _tallies: Tallies[OfDay] = field(default_factory=Tallies)

    def add(self, day: date, line: FileRows) -> None:
        """Add a line of the log."""
        if line.project == self.project:
            for row in line.rows:
                self._tallies.add(OfDay(day, line.version, row.client), row)

    @property
    def omitted(self) -> int:
        """Return the fetches that are in no row of the answer."""
        return self._tallies.omitted

    def rows(self) -> tuple[tuple[OfDay, Uses], ...]:
        """Return the fetches, the last day first."""
        return tuple(sorted(self._tallies.by_key.items(), key=lambda each: (-each[0].day.toordinal(), *each[0])))


class UsedFile(NamedTuple):
    """A file that was fetched."""

    file: FetchedFile
    fetches: int
    last: int
    """In seconds since 1970."""


@dataclass(slots=True)
class Used:
    """All files that were fetched."""

    covers: Callable[[str], bool] = lambda _: True
    _tallies: Tallies[FetchedFile] = field(default_factory=lambda: Tallies(MAX_USED_FILES))
    _digests: Digests = field(default_factory=Digests)

    def add(self, _day: date, line: FileRows) -> None:
        """Add a line of the log."""
        if self.covers(line.project):
            self._digests.add(line.file)
            for row in line.rows:
                self._tallies.add(line.file, row)

    @property
    def omitted(self) -> int:
        """Return the fetches of files beyond the bound."""
        return self._tallies.omitted

    def files(self) -> tuple[UsedFile, ...]:
        """Return the files, sorted, each once."""
        found: dict[FetchedFile, UsedFile] = {}
        for file, uses in self._tallies.by_key.items():
            named = self._digests.named(file)
            known = found.get(named, UsedFile(named, 0, 0))
            found[named] = UsedFile(named, known.fetches + uses.fetches, max(known.last, uses.last))
        return tuple(found[file] for file in sorted(found))
