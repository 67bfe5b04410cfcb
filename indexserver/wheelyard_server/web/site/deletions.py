"""What a person must know before versions are deleted, and must type."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from wheelyard_server.access.guard import GuardedCatalog
from wheelyard_server.access.rules import Verb
from wheelyard_server.catalog.fetches.answers import Who
from wheelyard_server.names import NormalizedName, version_key

DAYS = 30
MAX_ROWS = 20


class Deletion(NamedTuple):
    """The versions that a person wants to delete."""

    project: NormalizedName
    versions: Sequence[str]

    @property
    def to_type(self) -> str:
        """Return what the person must type: the version, or the project's name for several."""
        return self.versions[0] if len(self.versions) == 1 else self.project


class FetcherRow(NamedTuple):
    """A user, workload or address that fetched the versions."""

    who: str
    fetches: int
    last: datetime


class Fetched(NamedTuple):
    """The fetches of the last days."""

    days: int
    fetches: int
    rows: Sequence[FetcherRow]
    """The last fetchers first; empty for visitors who may not know them."""
    more: int
    """Fetchers beyond the bound."""
    may_know: bool
    is_logged: bool


async def fetched_lately(catalog: GuardedCatalog, deletion: Deletion) -> Fetched:
    """Return how often the versions were fetched, and by whom if the visitor manages the project."""
    name, keys = deletion.project, {version_key(each) for each in deletion.versions}
    if not catalog.may(Verb.MANAGE, name):
        statistics, coverage = await catalog.statistics(name, DAYS)
        fetches = sum(uses.fetches for day, uses in statistics.rows() if version_key(day.version) in keys)
        return Fetched(DAYS, fetches, (), 0, may_know=False, is_logged=coverage.kept_days > 0)
    found, coverage = await catalog.who_fetched_project(name, "", DAYS)
    rows = [_row(each) for each in found.rows() if version_key(each.file.version) in keys]
    shown, fetches = rows[:MAX_ROWS], sum(each.fetches for each in rows)
    return Fetched(DAYS, fetches, shown, len(rows) - len(shown), may_know=True, is_logged=coverage.kept_days > 0)


def _row(found: Who) -> FetcherRow:
    login, address = found.fetcher.login, found.fetcher.address
    who = ", ".join(each for each in (login.user or "anonymous", login.workload) if each)
    last = datetime.fromtimestamp(found.uses.last, UTC)
    return FetcherRow(f"{who} from {address}" if address else who, found.uses.fetches, last)
