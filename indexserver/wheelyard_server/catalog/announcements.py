"""Announces what happens without a request of its own: exceptions, and malware in what was fetched before."""

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from functools import cache

from wheelyard_server.catalog.current_basis import CurrentBasis
from wheelyard_server.catalog.documents import Documents
from wheelyard_server.catalog.fetches.answers import Tallies, Uses
from wheelyard_server.catalog.fetches.fetch_log import FetchLog
from wheelyard_server.catalog.fetches.rows import FetchedFile, FileRows
from wheelyard_server.clock import WallClock
from wheelyard_server.events import Events
from wheelyard_server.events.kinds import Fetched, exception_ended, exception_used, malware_fetched
from wheelyard_server.model import File, Project
from wheelyard_server.model.mirror import MirroredFile
from wheelyard_server.names import NormalizedName
from wheelyard_server.policy.advisories import Advisories
from wheelyard_server.policy.basis import Basis
from wheelyard_server.policy.judge import Judge
from wheelyard_server.settings.policy import Action, PolicyException

ANNOUNCE_SECONDS = 60
"""How often this is done. Fetches are known within a minute, too."""
MAX_FETCHED = 10_000
"""Fetched files that wait to be looked at: those of names that an exception is about."""
ENDED_FOR = timedelta(days=1)
"""How long after its end an exception is announced: servers may be down when it ends."""


class Announcements:
    """Emits events about exceptions and fetches."""

    def __init__(
        self, documents: Documents, basis: CurrentBasis, fetches: FetchLog, events: Events, now: WallClock
    ) -> None:
        self._documents = documents
        self._basis = basis
        self._fetches = fetches
        self._events = events
        self._now = now
        self._fetched: dict[FetchedFile, None] = {}
        self._before = (basis.value, now())
        """The basis of the last time, and when that was: an exception may have ended after a fetch."""
        self._checked = ""
        """The revision of the advisories that the fetch log was last compared with."""
        fetches.counter.listener = self._note

    async def announce(self) -> None:
        """Announce what has happened; raise `StorageError` or `BusyError`, then the next call does the rest."""
        self._announce_ended()
        await self._announce_used()
        await self._announce_malware()

    async def finish(self) -> None:
        """Do as `announce` with all fetches until now: the server ends."""
        await self._fetches.flush()
        await self.announce()

    def _note(self, files: Iterable[FetchedFile]) -> None:
        rulebooks = [basis.policy.rulebook for basis, _ in self._moments]
        for file in files:
            has_exception = any(rulebook.of(file.project).exceptions for rulebook in rulebooks)
            if len(self._fetched) < MAX_FETCHED and has_exception:
                self._fetched[file] = None

    def _announce_ended(self) -> None:
        now = self._now()
        for exception in self._basis.policy.rules.exceptions:
            if exception.until <= now < exception.until + ENDED_FOR:
                self._events.emit(exception_ended(exception))

    async def _announce_used(self) -> None:
        for fetched in list(self._fetched):
            stored = await self._documents.read(NormalizedName(fetched.project))
            file = await self._documents.offers(stored).file(fetched.filename)
            if file is not None:
                for exception in dict.fromkeys(self._lifting(stored.project, file)):
                    self._events.emit(exception_used(fetched.project, file, exception, self._now()))
            self._fetched.pop(fetched, None)
        self._before = (self._basis.value, self._now())

    @property
    def _moments(self) -> tuple[tuple[Basis, datetime], ...]:
        """Return the bases between which the noted files were fetched, each with a moment."""
        return self._before, (self._basis.value, self._now())

    def _lifting(self, project: Project, file: File | MirroredFile) -> Iterator[PolicyException]:
        """Yield the exceptions without which a file would have been refused at one of the moments."""
        for basis, at in self._moments:
            for each in Judge(project, basis, at).objections(file):
                if each.action is Action.BLOCK and each.holds(at) and each.exception and each.is_lifted(at):
                    yield each.exception

    async def _announce_malware(self) -> None:
        basis = self._basis.value
        advisories = basis.advisories
        if advisories.revision == self._checked or not self._fetches.is_kept:
            return
        suspects = _Suspects(advisories)
        await self._fetches.collect(suspects, self._fetches.settings.days)
        for file, uses in suspects.found.by_key.items():
            stored = await self._documents.read(NormalizedName(file.project))
            ids = _malware(stored.project, file, basis)
            if ids:
                self._events.emit(malware_fetched(_fetched(file, uses), ids, self._now()))
        self._checked = advisories.revision


class _Suspects:
    """Collects the fetched files that may be malware: few, although most projects have some advisory."""

    def __init__(self, advisories: Advisories) -> None:
        self.found: Tallies[FetchedFile] = Tallies()
        self._advisories = advisories
        self._has_malware = cache(lambda name: any(each.is_malware for each in advisories.of(name)))

    def add(self, _day: date, line: FileRows) -> None:
        if self._is_suspect(line.file):
            for row in line.rows:
                self.found.add(line.file, row)

    def _is_suspect(self, file: FetchedFile) -> bool:
        if file.sha256 in self._advisories.digests:
            return True
        concerning = self._advisories.concerning
        return self._has_malware(file.project) and any(
            each.is_malware for each in concerning(file.project, file.version)
        )

    @property
    def omitted(self) -> int:
        return self.found.omitted


def _malware(project: Project, file: FetchedFile, basis: Basis) -> tuple[str, ...]:
    """Return the ids of the advisories that call a file malware."""
    about = basis.advisories_about(project.name, file.version, [file.sha256], is_own=project.mirror is None)
    return tuple(each.id for each in about if each.is_malware)


def _fetched(file: FetchedFile, uses: Uses) -> Fetched:
    last = datetime.fromtimestamp(uses.last, UTC)
    return Fetched(file.project, file.version, file.filename, file.sha256, uses.fetches, last)
