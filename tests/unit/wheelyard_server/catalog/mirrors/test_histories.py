"""Any interleaving of replicas, people, upstreams and outages: one name has one owner, and one file one content.

A history is a list of steps. Some run to their end, others are started and go on while the next
steps run, so that replicas race in the storage. What clients then see is compared with everything
that any client has ever seen.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example
from hypothesis import strategies as st

from support import distributions
from support.catalogs import upload
from support.fake_upstream import FakeTime, FakeUpstream, configured, page, page_file, replica
from support.memory_storage import MemoryStorage
from support.properties import given, settings
from wheelyard_server.catalog import encoding
from wheelyard_server.catalog.catalog import Catalog
from wheelyard_server.catalog.edits import Selection
from wheelyard_server.catalog.mirrors import first_pages, revalidation
from wheelyard_server.catalog.mirrors.owners import ABSENT_SECONDS
from wheelyard_server.errors import NotFoundError, WheelyardError
from wheelyard_server.model import Project
from wheelyard_server.model.mirror import MirroredFile
from wheelyard_server.model.status import Status
from wheelyard_server.names import NormalizedName, parse_project_name
from wheelyard_server.policy.confirmation import CONFIRMED_AFTER
from wheelyard_server.upstream import Absent, Page, Unchanged

DEMO = parse_project_name("demo")
ACME = parse_project_name("acme")
VERSIONS = ("1.0", "2.0")
REPLICAS = 3
EXAMPLES = 100
TURNS = 4
"""Turns of the event loop between steps that go on."""


@pytest.fixture(autouse=True, scope="module")
def impatient() -> Any:
    """Let readers wait for other tasks, not for time: every question is answered within some turns."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(revalidation, "PATIENCE_SECONDS", 5.0)
        patch.setattr(first_pages, "PATIENCE_SECONDS", 5.0)
        yield


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("wheels")
    paths = [distributions.wheel(folder, name, version) for name in (DEMO, ACME) for version in VERSIONS]
    return {path.name: path.read_bytes() for path in paths}


class Watched(FakeUpstream):
    """An upstream that remembers when it last said that it has no such project."""

    def __init__(self, name: str, time: FakeTime) -> None:
        super().__init__(name, f"https://{name}.example.com/simple/")
        self.delay = lambda: asyncio.sleep(0)
        self.absent_at = self.absent_since = float("-inf")
        self.was_ever_absent = False
        self._time = time

    async def page(self, project: NormalizedName, etag: str = "") -> Page | Unchanged | Absent:
        answer = await super().page(project, etag)
        if isinstance(answer, Absent):
            self.absent_since = self._time.seconds if self.absent_since == float("-inf") else self.absent_since
            self.absent_at, self.was_ever_absent = self._time.seconds, True
        else:
            self.absent_since = float("-inf")
        return answer

    @property
    def is_surely_absent(self) -> bool:
        """Return whether it has said so twice, ten minutes apart, and nothing else between."""
        return self.absent_at - self.absent_since >= CONFIRMED_AFTER.total_seconds()


@dataclass
class World:
    """An index of three replicas, two upstreams, and everything that its clients have seen."""

    wheels: dict[str, bytes] = field(repr=False)
    folder: Path
    storage: MemoryStorage = field(default_factory=MemoryStorage)
    time: FakeTime = field(default_factory=FakeTime)
    running: list[asyncio.Task[None]] = field(default_factory=list)
    seen: dict[tuple[str, str], set[str]] = field(default_factory=dict)
    """Digests by owner and filename."""
    is_changing: bool = False
    """Whether a person or an upload may be changing the document."""
    uploads: int = 0

    def __post_init__(self) -> None:
        self.first, self.second = Watched("first", self.time), Watched("second", self.time)
        self.replicas = [self.replica() for _ in range(REPLICAS)]

    def replica(self) -> Catalog:
        upstreams = configured(self.first), configured(self.second)
        return replica(self.storage, self.time, *upstreams, private=("acme*",))

    async def read(self, number: int) -> None:
        """Read the page, and check every file of it."""
        catalog = self.replicas[number]
        try:
            view = await catalog.project(DEMO)
        except NotFoundError:
            self.check_absence()
            return
        except WheelyardError:
            return
        assert len({type(file) for file in view.files}) <= 1, "files of two owners on one page"
        if view.project.owner == "second":
            assert self.first.was_ever_absent, "the second upstream got a name that the first one may have"
        for file in view.files:
            assert isinstance(file, MirroredFile) is bool(view.project.owner)
            self.note(view.project.owner, file.filename, file.sha256)

    def check_absence(self) -> None:
        """Check that an absence has a cause: the document, or both upstreams have said so lately."""
        if self.is_changing:
            return
        body = self.storage.objects.get("projects/demo.json")
        project = Project(name=DEMO) if body is None else encoding.decode(body)
        mirror = project.mirror
        is_own = not project.owner and bool(project.deleted or project.claimed)
        owner = self.first if project.owner == "first" else self.second
        is_gone = mirror is not None and owner.is_surely_absent
        was_said = self.time.seconds - min(self.first.absent_at, self.second.absent_at) <= ABSENT_SECONDS
        assert is_own or is_gone or was_said, "an absence without a cause"

    def note(self, owner: str, filename: str, digest: str) -> None:
        """Remember what a client got; a filename never has two digests of one owner."""
        known = self.seen.setdefault((owner, filename), set())
        known.add(digest)
        assert len(known) == 1, f"{filename} of {owner or 'this index'} has had several contents"
        assert self.seen.get(("", filename), known) == known, f"{filename} was published here with other contents"

    async def open(self, number: int, upstream: str, version: str) -> None:
        """Download by a URL that a lock file has."""
        filename = f"demo-{version}-py3-none-any.whl"
        with suppress(NotFoundError, WheelyardError):
            found = await self.replicas[number].mirrored.find(DEMO, upstream, f"packages/{filename}")
            assert (found.project.owner, found.project.files) == (upstream, ())
            self.note(upstream, filename, found.file.sha256)

    async def publish(self, number: int, name: str, version: str) -> None:
        self.uploads += 1
        self.is_changing = True
        folder = self.folder / str(self.uploads)
        folder.mkdir()
        path = folder / f"{name}-{version}-py3-none-any.whl"
        path.write_bytes(self.wheels[path.name])
        with suppress(WheelyardError):
            await self.replicas[number].publish(upload(path))

    async def person(self, number: int, act: str) -> None:
        catalog, self.is_changing = self.replicas[number], True
        acts: dict[str, Callable[[], Awaitable[object]]] = {
            "claim": lambda: catalog.claim(DEMO),
            "release": lambda: catalog.release(DEMO),
            "refresh": lambda: catalog.refresh(DEMO),
            "delete": lambda: catalog.delete(DEMO, Selection()),
            "quarantine": lambda: catalog.set_status(DEMO, Status.QUARANTINED, "odd"),
            "activate": lambda: catalog.set_status(DEMO, Status.ACTIVE, ""),
        }
        with suppress(WheelyardError):
            await acts[act]()

    async def read_everywhere(self) -> None:
        """Let every replica show what it has by now, twice: the first answer may come before the upstream's."""
        for number in (*range(REPLICAS), *range(REPLICAS)):
            await self.start(self.read(number))
            await self.finish()

    def restart(self, number: int) -> None:
        self.replicas[number] = self.replica()

    def change(self, which: str, versions: tuple[str, ...], salt: bytes, serial: int) -> None:
        """Let an upstream have these versions, with bytes of its own."""
        upstream = self.first if which == "first" else self.second
        files = [page_file(f"demo-{v}-py3-none-any.whl", which.encode() + v.encode() + salt) for v in versions]
        if files:
            upstream.pages["demo"] = page(*files, serial=serial)
        else:
            upstream.pages.pop("demo", None)

    def outage(self, which: str, *, begins: bool) -> None:
        upstream = self.first if which == "first" else self.second
        if begins:
            upstream.fail()
        else:
            upstream.error = None

    async def start(self, work: Coroutine[Any, Any, None]) -> None:
        self.running.append(asyncio.create_task(work))
        for _ in range(TURNS):
            await asyncio.sleep(0)

    async def finish(self) -> None:
        """Wait for everything that goes on; raise the first failure of a check."""
        await asyncio.gather(*self.running)
        self.running.clear()
        self.is_changing = False
        for _ in range(60):
            await asyncio.sleep(0)


replicas = st.integers(0, REPLICAS - 1)
upstreams = st.sampled_from(["first", "second"])
versions = st.sampled_from([VERSIONS, VERSIONS[:1], VERSIONS[1:], ()])
people = st.sampled_from(["claim", "release", "refresh", "delete", "quarantine", "activate"])
names = st.sampled_from([DEMO, DEMO, ACME])
steps = st.one_of(
    st.tuples(st.just("sleep"), st.sampled_from([12, 700, 2_000, 90_000])),
    st.tuples(
        st.just("change"), upstreams, versions, st.sampled_from([b"", b"other"]), st.sampled_from([0, 0, 1, 2])
    ),
    st.tuples(st.just("person"), replicas, people),
    st.tuples(st.just("publish"), replicas, names, st.sampled_from(VERSIONS)),
    st.tuples(st.just("read"), replicas),
    st.tuples(st.just("open"), replicas, upstreams, st.sampled_from(VERSIONS)),
    st.tuples(st.just("outage"), upstreams, st.booleans()),
    st.tuples(st.just("restart"), replicas),
)


async def play(world: World, history: list[tuple[Any, ...]]) -> None:
    for kind, *arguments in history:
        match kind:
            case "read" | "open" | "publish" | "person":
                await world.start(getattr(world, kind)(*arguments))
            case "restart":
                world.restart(*arguments)
            case "change":
                world.change(*arguments)
            case "outage":
                await world.finish()
                world.outage(arguments[0], begins=arguments[1])
            case "sleep":
                await world.finish()
                world.time.sleep(*arguments)
                await world.read_everywhere()
        check(world)
    await world.finish()
    world.time.sleep(2_000)
    await world.read_everywhere()
    check(world)


def check(world: World) -> None:
    """Check what holds at every moment."""
    assert str(ACME) not in world.first.asked + world.second.asked, "a private name left the index"


CLAIMED_AND_RELEASED = [
    ("sleep", 12),
    ("person", 0, "claim"),
    ("change", "first", VERSIONS, b"other", 0),
    ("sleep", 12),
    ("person", 0, "release"),
    ("sleep", 700),
]
PUBLISHED_AND_RELEASED = [
    ("person", 0, "claim"),
    ("sleep", 12),
    ("publish", 0, DEMO, "1.0"),
    ("sleep", 12),
    ("person", 1, "delete"),
    ("sleep", 12),
    ("person", 2, "release"),
    ("sleep", 700),
]
SHORT_ABSENCE = [
    ("sleep", 12),
    ("change", "first", (), b"", 0),
    ("sleep", 2_000),
    ("outage", "first", True),
    ("sleep", 2_000),
]
OUTAGE_OF_THE_FIRST = [
    ("change", "second", VERSIONS, b"", 0),
    ("outage", "first", True),
    ("read", 0),
    ("sleep", 12),
]
OUTAGE_OF_BOTH = [("outage", "first", True), ("outage", "second", True), ("read", 0), ("sleep", 90_000)]


@example(history=CLAIMED_AND_RELEASED)
@example(history=PUBLISHED_AND_RELEASED)
@example(history=SHORT_ABSENCE)
@example(history=OUTAGE_OF_THE_FIRST)
@example(history=OUTAGE_OF_BOTH)
@settings(max_examples=EXAMPLES)
@given(history=st.lists(steps, min_size=3, max_size=25))
def test_no_history_shows_two_owners_other_bytes_or_an_outage_as_an_absence(
    wheels: dict[str, bytes], tmp_path_factory: pytest.TempPathFactory, history: list[tuple[Any, ...]]
) -> None:
    """U1, U3, U4, U7, U9, U10, U12."""
    world = World(wheels, tmp_path_factory.mktemp("uploads"))
    world.change("first", VERSIONS, b"", 1)
    asyncio.run(play(world, history))
