"""Fetch logs with a clock of their own, on any storage."""

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from wheelyard_server.catalog.fetches.answers import FetchFilter, Who
from wheelyard_server.catalog.fetches.fetch_log import Coverage, FetchLog
from wheelyard_server.catalog.fetches.rows import Login
from wheelyard_server.catalog.write_gate import WriteGate
from wheelyard_server.settings import FetchLogSettings
from wheelyard_server.storage import Storage

NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)
ANN = Login("team.ann", "token")
JENKINS = Login("ci.jenkins", "serviceaccount", "system:serviceaccount:ci:jenkins-agent")
NOBODY = Login("", "none")
ALL = FetchFilter()
KEPT = FetchLogSettings()


class Clock:
    """A wall clock in seconds since 1970 that tests move."""

    def __init__(self, at: datetime = NOON) -> None:
        self.at = at

    def __call__(self) -> float:
        return self.at.timestamp()

    def forward(self, **amount: float) -> None:
        self.at += timedelta(**amount)


def digest_of(filename: str) -> str:
    """Return a digest that only this file has."""
    return filename.encode().hex().ljust(64, "0")[:64]


class Replica:
    """One server's fetch log."""

    def __init__(self, storage: Storage, clock: Clock, settings: FetchLogSettings = KEPT) -> None:
        self.clock = clock
        self.log = FetchLog(storage, settings, clock, WriteGate())

    def fetch(
        self,
        filename: str = "demo-1.0.tar.gz",
        login: Login = NOBODY,
        address: str = "192.0.2.7",
        client: str = "pip",
        *,
        digest: str | None = None,
        is_part: bool = False,
    ) -> None:
        """Count a fetch of a file, whose name says its project and version."""
        project, _, rest = filename.partition("-")
        version = rest.removesuffix(".tar.gz").removesuffix("-py3-none-any.whl")
        file = (project, filename, digest_of(filename) if digest is None else digest, version)
        self.log.counter.count(file, login, address, client, is_part=is_part)

    async def who(self, wanted: FetchFilter = ALL, days: int = 90) -> tuple[Who, ...]:
        answer, _ = await self.log.who(wanted, days)
        return answer.rows()

    async def coverage(self, days: int = 90) -> Coverage:
        return (await self.log.who(ALL, days))[1]

    async def counts(self) -> Counter[tuple[str, str, str]]:
        """Return how often each user at an address fetched each file."""
        return counted(await self.who())


def counted(rows: Iterable[Who]) -> Counter[tuple[str, str, str]]:
    found: Counter[tuple[str, str, str]] = Counter()
    for file, fetcher, uses in rows:
        found[file.filename, fetcher.login.user, fetcher.address] += uses.fetches
    return found
