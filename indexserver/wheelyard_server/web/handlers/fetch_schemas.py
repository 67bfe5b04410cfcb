"""The schemas of the management API that are about fetches."""

from collections.abc import Iterable
from datetime import UTC, date, datetime

from wheelyard_server.catalog.fetches.answers import OfDay, Statistics, Uses, Who, WhoFetched
from wheelyard_server.catalog.fetches.fetch_log import Coverage
from wheelyard_server.web.handlers.management_schemas import ApiStruct

UNKNOWN_HERE = (
    "Caches and mirrors between this index and its clients answer without asking it.",
    "A redirect to the storage counts when it is given out, whether the client follows it or not.",
    "All answers with parts of a file that one client gets within an hour count once.",
)
"""Limits of every answer."""
NOT_KEPT = "This index keeps no fetch log: fetchLog.days is 0."


class LogCoverage(ApiStruct, frozen=True):
    """What an answer is based on, and what it cannot know."""

    days: int
    """Days that were asked for, today included."""
    kept_days: int
    """Days before today that the index keeps."""
    since: date | None
    """The first of the days that the log has; null if it has none."""
    dropped: int
    """Fetches of any file that are in no row, since there were too many rows."""
    coarse: int
    """Fetches in rows that stand for a network or for all other clients, since there were too many rows."""
    killed_servers: int
    """Servers that ended without writing their last minute."""
    damaged: tuple[str, ...]
    """Objects in the storage that cannot be read, whose fetches are missing."""
    omitted: int
    """Fetches in rows beyond the bound of the answer: ask for fewer days, or for one version."""
    notes: tuple[str, ...]
    """Limits of every answer."""

    @classmethod
    def of(cls, coverage: Coverage) -> "LogCoverage":
        """Describe what is known of an answer."""
        return cls(
            days=coverage.days,
            kept_days=coverage.kept_days,
            since=coverage.since,
            dropped=coverage.dropped,
            coarse=coverage.coarse,
            killed_servers=len(coverage.killed),
            damaged=coverage.damaged,
            omitted=coverage.omitted,
            notes=UNKNOWN_HERE if coverage.kept_days else (NOT_KEPT, *UNKNOWN_HERE),
        )


class Fetch(ApiStruct, frozen=True):
    """The fetches of one file by one client."""

    project: str
    version: str
    filename: str
    sha256: str
    """Empty if the upstream lists none, and no fetch of the file was recorded after it was known."""
    user: str | None
    """Null for anonymous."""
    method: str
    """How the user logged in, `none` for anonymous; `other` stands for all clients beyond the log's bounds."""
    workload: str | None
    """The subject of a signed token, such as system:serviceaccount:ci:jenkins-agent."""
    address: str
    """Address or network of the client; empty if it is not recorded."""
    client: str
    """The family of the client, such as pip."""
    fetches: int
    parts: int
    """Answers with parts of the file."""
    first: datetime
    last: datetime

    @classmethod
    def of(cls, who: Who) -> "Fetch":
        """Describe the fetches of a file by a client."""
        (project, filename, sha256, version), (login, address, client), uses = who
        return cls(
            project=project,
            version=version,
            filename=filename,
            sha256=sha256,
            user=login.user or None,
            method=login.method,
            workload=login.workload or None,
            address=address,
            client=client,
            fetches=uses.fetches,
            parts=uses.parts,
            first=_time(uses.first),
            last=_time(uses.last),
        )


class Fetches(ApiStruct, frozen=True):
    """The fetches of the files that were asked for, the last one first."""

    fetches: tuple[Fetch, ...]
    coverage: LogCoverage

    @classmethod
    def of(cls, found: WhoFetched, coverage: Coverage) -> "Fetches":
        """Describe an answer of the fetch log."""
        return cls(fetches=tuple(map(Fetch.of, found.rows())), coverage=LogCoverage.of(coverage))


class VersionUse(ApiStruct, frozen=True):
    """How often a version was fetched."""

    version: str
    fetches: int
    last: datetime


class ClientUse(ApiStruct, frozen=True):
    """How often a family of clients fetched a project."""

    client: str
    fetches: int


class DayUse(ApiStruct, frozen=True):
    """How often a version was fetched on one day (UTC) by a family of clients."""

    day: date
    version: str
    client: str
    fetches: int


class ProjectStatistics(ApiStruct, frozen=True):
    """How often a project was fetched: by version, by client, and by day, the last one first."""

    name: str
    fetches: int
    versions: tuple[VersionUse, ...]
    clients: tuple[ClientUse, ...]
    days: tuple[DayUse, ...]
    coverage: LogCoverage

    @classmethod
    def of(cls, found: Statistics, coverage: Coverage) -> "ProjectStatistics":
        """Describe the statistics of a project."""
        rows = found.rows()
        return cls(
            name=found.project,
            fetches=sum(uses.fetches for _, uses in rows),
            versions=_by_version(rows),
            clients=_by_client(rows),
            days=tuple(
                DayUse(day=each.day, version=each.version, client=each.client, fetches=uses.fetches)
                for each, uses in rows
            ),
            coverage=LogCoverage.of(coverage),
        )


def _by_version(rows: Iterable[tuple[OfDay, Uses]]) -> tuple[VersionUse, ...]:
    found: dict[str, tuple[int, int]] = {}
    for each, uses in rows:
        fetches, last = found.get(each.version, (0, 0))
        found[each.version] = fetches + uses.fetches, max(last, uses.last)
    most_first = sorted(found.items(), key=lambda item: (-item[1][0], item[0]))
    return tuple(
        VersionUse(version=version, fetches=fetches, last=_time(last)) for version, (fetches, last) in most_first
    )


def _by_client(rows: Iterable[tuple[OfDay, Uses]]) -> tuple[ClientUse, ...]:
    found: dict[str, int] = {}
    for each, uses in rows:
        found[each.client] = found.get(each.client, 0) + uses.fetches
    most_first = sorted(found.items(), key=lambda item: (-item[1], item[0]))
    return tuple(ClientUse(client=client, fetches=fetches) for client, fetches in most_first)


def _time(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
