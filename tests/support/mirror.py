"""Three replicas whose clocks differ, writes that take their time, and a mirror that does as bandersnatch does."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import Enum, auto

from support.memory_storage import MemoryStorage, etag_of
from wheelyard_server.catalog.documents import Documents
from wheelyard_server.catalog.project_list import ProjectList
from wheelyard_server.catalog.serials import last_serial
from wheelyard_server.catalog.stored_project import Views
from wheelyard_server.model import File, Project
from wheelyard_server.names import NormalizedName, parse_project_name
from wheelyard_server.settings import Freshness
from wheelyard_server.storage import ETag, layout
from wheelyard_server.storage.s3 import WRITE_SECONDS

START = datetime(2026, 1, 1, tzinfo=UTC)
PROJECTS = tuple(map(parse_project_name, ("a", "b", "c")))
TURNS = 50
"""Turns of the event loop after which nothing continues by itself."""


@dataclass
class Time:
    """The true time, and that of clocks which are wrong."""

    now: datetime = START

    def clock(self, ahead: float) -> Callable[[], datetime]:
        """Return a clock that is ahead by so many seconds."""
        return lambda: self.now + timedelta(seconds=ahead)


@dataclass(frozen=True)
class _Write:
    begun: datetime
    takes_effect: asyncio.Future[None]


class SlowStorage(MemoryStorage):
    """Documents are written when somebody says so, in any order."""

    def __init__(self, time: Time) -> None:
        super().__init__()
        self._time = time
        self.pending: list[_Write] = []

    async def write(self, key: str, body: bytes, *, expected: ETag | None) -> ETag:
        if key.startswith(layout.DOCUMENTS):
            write = _Write(self._time.now, asyncio.get_running_loop().create_future())
            self.pending.append(write)
            await write.takes_effect
            self.pending.remove(write)
        return await super().write(key, body, expected=expected)


class Replica:
    """What a server knows of a storage."""

    def __init__(self, storage: MemoryStorage, clock: Callable[[], datetime]) -> None:
        self.documents = Documents(storage, views=Views(now=clock))
        self.projects = ProjectList(storage, self.documents, Freshness(), now=clock)


class Api(Enum):
    """How a mirror asks what has changed."""

    SIMPLE = auto()
    """It reads the serials of all projects, and compares."""
    XML_RPC = auto()


@dataclass
class Mirror:
    """Bandersnatch 6.8: `Master.changed_packages` and `BandersnatchMirror.determine_packages_to_sync`."""

    api: Api
    serial: int = 0
    copied: dict[str, ETag] = field(default_factory=dict)

    async def synchronize(self, asked: Replica, read: Replica) -> None:
        """Bring the copy up to date: ask one replica what has changed, and read it from another."""
        listing = await asked.projects.listing()
        wanted = {
            entry.name: serial for entry, serial in listing.with_serials() if self._wants(entry.serial, serial)
        }
        for name, serial in wanted.items():
            project, etag = await read.documents.read(NormalizedName(name))
            assert last_serial(project) >= serial, "the mirror takes this for an old page"
            assert etag is not None
            self.copied[name] = etag
        self.serial = max([self.serial, *wanted.values()])

    def _wants(self, entry: int, shown: int) -> bool:
        return (shown if self.api is Api.SIMPLE else entry) > self.serial


class World:
    """All of it."""

    def __init__(self, api: Api, ahead: tuple[float, float, float]) -> None:
        self.time = Time()
        self.storage = SlowStorage(self.time)
        self.replicas = [Replica(self.storage, self.time.clock(each)) for each in ahead]
        self.mirror = Mirror(api)
        self._writers: list[asyncio.Task[Project]] = []

    async def begin_write(self, replica: int, project: int) -> None:
        """Publish a file; the write takes its time."""
        file = _file(len(self._writers))
        documents = self.replicas[replica].documents
        change = documents.change(
            PROJECTS[project], lambda if_none_match: if_none_match.replace(files=(*if_none_match.files, file))
        )
        self._writers.append(asyncio.create_task(change))
        await _turns()

    async def finish_write(self, which: int) -> None:
        """Let a write take effect; its writer may have to try again."""
        if self.storage.pending:
            self.storage.pending[which % len(self.storage.pending)].takes_effect.set_result(None)
            await _turns()

    async def wait(self, seconds: int) -> None:
        """Let time pass, and with it writes take effect that may take no longer."""
        for _ in range(seconds):
            self.time.now += timedelta(seconds=1)
            oldest = self.time.now - timedelta(seconds=WRITE_SECONDS)
            for write in [each for each in self.storage.pending if each.begun <= oldest]:
                write.takes_effect.set_result(None)
                await _turns()

    async def synchronize(self, asked: int, read: int) -> None:
        """Run the mirror."""
        await self.mirror.synchronize(self.replicas[asked], self.replicas[read])

    async def settle(self) -> None:
        """Let all writers end, and the mirror run every second for long enough; it must have everything then."""
        while self.storage.pending:
            await self.finish_write(0)
        await asyncio.gather(*self._writers)
        for _ in range(200):
            await self.wait(1)
            await self.synchronize(0, 1)
        documents = {name: self.storage.objects.get(layout.document(name)) for name in PROJECTS}
        everything = {name: etag_of(body) for name, body in documents.items() if body is not None}
        assert self.mirror.copied == everything, "the mirror has missed something"


async def _turns() -> None:
    for _ in range(TURNS):
        await asyncio.sleep(0)


def _file(number: int) -> File:
    return File(
        filename=f"{number}.whl",
        version="1.0",
        upload_id=f"{number}",
        size=1,
        sha256="0" * 64,
        upload_time=START,
        uploader="ann",
        core_metadata_sha256="0" * 64,
    )
