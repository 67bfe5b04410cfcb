"""Kept bytes of upstreams are checked, collected and copied; bytes that were never kept are no finding."""

import asyncio
from datetime import timedelta
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import strategies as st

from support.catalogs import DEMO
from support.fake_upstream import START, FakeTime, FakeUpstream, configured, page, page_file, replica
from support.memory_storage import MemoryStorage
from support.properties import given
from wheelyard_server.catalog import encoding, ownership
from wheelyard_server.catalog.catalog import Catalog
from wheelyard_server.catalog.documents import Documents
from wheelyard_server.catalog.mirrors.snapshot import Source, take
from wheelyard_server.catalog.packed_files import MIN_PACKED_FILES
from wheelyard_server.catalog.scratch import Scratch
from wheelyard_server.maintenance import gc
from wheelyard_server.maintenance.copy import Copier
from wheelyard_server.maintenance.events import Copied, Event, Finding, Foreign, Forgotten, Unreferenced
from wheelyard_server.maintenance.gc import GRACE, Collector
from wheelyard_server.maintenance.mirrored import digests
from wheelyard_server.maintenance.verify import StorageVerifier, contradictions
from wheelyard_server.model import Project
from wheelyard_server.storage import layout

WHEEL, SDIST = "demo-1.0-py3-none-any.whl", "demo-1.0.tar.gz"
BODY, METADATA, GARBAGE = b"wheel", b"metadata", b"garbage"


def key_of(body: bytes) -> str:
    return layout.mirrored(sha256(body).hexdigest())


class Index:
    """An index with a mirror of two files: the bytes and the metadata of one are kept, nothing of the other."""

    def __init__(self) -> None:
        self.storage, self.time, self.upstream = MemoryStorage(), FakeTime(), FakeUpstream()
        self.storage.now = START
        wheel = page_file(WHEEL, BODY, core_metadata=sha256(METADATA).hexdigest())
        self.upstream.put("demo", wheel, page_file(SDIST, b"never fetched"))

    async def made(self) -> "Index":
        await ownership.take_ownership(self.storage, None)
        await self.catalog.project(DEMO)
        for body in (BODY, METADATA, GARBAGE):
            self.keep(body)
        return self

    @property
    def catalog(self) -> Catalog:
        return replica(self.storage, self.time, configured(self.upstream))

    def keep(self, body: bytes) -> None:
        self.storage.objects[key_of(body)] = body
        self.storage.modified[key_of(body)] = self.time.now()

    @property
    def kept(self) -> set[bytes]:
        return {body for key, body in self.storage.objects.items() if key.startswith(layout.MIRRORED)}

    async def verify(self, *, quick: bool = False) -> list[Event]:
        found: list[Event] = []
        await StorageVerifier(self.storage, found.append, quick).run()
        return found

    async def collect(self, age: timedelta = GRACE, *, dry_run: bool = False) -> list[Event]:
        found: list[Event] = []
        await Collector(self.storage, found.append, self.time.now() + age, GRACE, dry_run).run()
        return found

    async def copy(self, folder: Path, target: MemoryStorage, *, with_mirrored: bool = True) -> list[Event]:
        found: list[Event] = []
        scratch = Scratch(folder, 1_000_000)
        await Copier(self.storage, target, scratch, found.append, with_mirrored=with_mirrored).run()
        return found


@pytest.fixture
async def index() -> Index:
    return await Index().made()


def problems(events: list[Event]) -> list[Event]:
    return [event for event in events if event.is_problem]


def forgotten(events: list[Event]) -> list[str]:
    return [event.key for event in events if isinstance(event, Forgotten)]


async def test_bytes_that_were_never_kept_are_no_finding(index: Index) -> None:
    events = await index.verify()
    assert problems(events) == []
    assert [each for each in events if isinstance(each, Unreferenced)] == [Unreferenced(key_of(GARBAGE), 7)]


@pytest.mark.parametrize("body", [BODY, METADATA, GARBAGE])
async def test_a_kept_object_with_another_digest_is_a_finding(index: Index, body: bytes) -> None:
    index.storage.objects[key_of(body)] = body[::-1]
    (found,) = problems(await index.verify())
    assert isinstance(found, Finding)
    assert (found.key, "has the SHA-256" in found.problem) == (key_of(body), True)


async def test_a_kept_file_with_another_size_is_a_finding_of_quick_too(index: Index) -> None:
    index.storage.objects[key_of(BODY)] = b"whee"
    assert [
        each.problem[:33] for each in problems(await index.verify(quick=True)) if isinstance(each, Finding)
    ] == ["has 4 bytes instead of 5: delete "]


async def test_what_does_not_belong_to_wheelyard_is_left_alone(index: Index) -> None:
    index.storage.objects["mirrored/zz/something"] = b"1"
    assert Foreign("mirrored/zz/something") in await index.verify()
    assert Foreign("mirrored/zz/something") in await index.collect()
    assert "mirrored/zz/something" in index.storage.objects


async def test_bytes_that_no_document_names_are_collected_after_their_grace_period(index: Index) -> None:
    assert forgotten(await index.collect(GRACE - timedelta(seconds=1))) == []
    assert forgotten(await index.collect(dry_run=True)) == [key_of(GARBAGE)]
    assert index.kept == {BODY, METADATA, GARBAGE}
    assert forgotten(await index.collect()) == [key_of(GARBAGE)]
    assert index.kept == {BODY, METADATA}


async def test_the_bytes_of_a_claimed_name_stay_kept_since_it_may_be_released(index: Index) -> None:
    """U12: its upstream may no longer have them then."""
    await index.catalog.claim(DEMO)
    await index.collect()
    assert index.kept == {BODY, METADATA}


async def test_a_file_that_is_gone_upstream_stays_kept(index: Index) -> None:
    """U9, U12."""
    index.upstream.put("demo", page_file(SDIST, b"never fetched"))
    for _ in range(3):
        index.time.sleep(2_000)
        await index.catalog.project(DEMO)
    await index.collect()
    assert index.kept == {BODY, METADATA}


async def test_nothing_is_collected_if_a_document_cannot_be_read(index: Index) -> None:
    index.storage.objects[layout.document("other")] = b"{"
    events = await index.collect()
    assert index.kept == {BODY, METADATA, GARBAGE}
    assert layout.MIRRORED in [each.key for each in problems(events) if isinstance(each, Finding)]
    assert [each.key for each in problems(await index.verify()) if isinstance(each, Finding)] == [
        layout.document("other")
    ]


async def test_a_copy_has_the_kept_bytes_and_the_documents(index: Index, tmp_path: Path) -> None:
    target = MemoryStorage()
    events = await index.copy(tmp_path, target)
    assert [each for each in events if isinstance(each, Copied)] == [Copied("demo", 2, len(BODY + METADATA))]
    assert {key for key in target.objects if key.startswith("mirrored/")} == {key_of(BODY), key_of(METADATA)}
    view = await replica(target, index.time, configured(index.upstream)).project(DEMO)
    assert [file.filename for file in view.files] == [WHEEL, SDIST]
    assert [each for each in await index.copy(tmp_path, target) if isinstance(each, Copied)] == []


async def test_a_copy_without_mirrored_bytes_has_the_documents(index: Index, tmp_path: Path) -> None:
    target = MemoryStorage()
    await index.copy(tmp_path, target, with_mirrored=False)
    assert [key for key in target.objects if key.startswith("mirrored/")] == []
    project = (await Documents(target).read(DEMO)).project
    assert project.mirror == (await Documents(index.storage).read(DEMO)).project.mirror


@pytest.mark.parametrize("count", [MIN_PACKED_FILES, encoding.LARGE_FILES + 1])
async def test_mirrors_of_many_files_are_copied(tmp_path: Path, count: int) -> None:
    """In memory their files are packed, and the source's are written to the target."""
    index, target = Index(), MemoryStorage()
    index.upstream.put("demo", *(f"demo-{n}.0.tar.gz" for n in range(count)))
    await index.made()
    assert [each for each in await index.copy(tmp_path, target) if isinstance(each, Finding)] == []
    assert (await Documents(target).read(DEMO)).project.mirror == (
        await Documents(index.storage).read(DEMO)
    ).project.mirror


async def test_damaged_kept_bytes_are_not_copied(index: Index, tmp_path: Path) -> None:
    index.storage.objects[key_of(BODY)] = BODY[::-1]
    target = MemoryStorage()
    events = await index.copy(tmp_path, target)
    assert [each.key for each in problems(events) if isinstance(each, Finding)] == [key_of(BODY)]
    assert [key for key in target.objects if key.startswith("mirrored/")] == [key_of(METADATA)]


@pytest.mark.parametrize("change", ["claim", "other upstream", "other url", "other bytes", "more files"])
async def test_a_copy_never_gives_a_name_another_owner_or_a_filename_other_bytes(
    index: Index, tmp_path: Path, change: str
) -> None:
    other = Index()
    if change == "other upstream":
        other.upstream.name = "another"
    elif change == "other url":
        other.upstream.url = "https://another.example.com/simple/"
    elif change == "other bytes":
        other.upstream.put("demo", page_file(WHEEL, b"other"))
    elif change == "more files":
        other.upstream.put("demo", WHEEL, SDIST, "demo-2.0.tar.gz")
    await other.made()
    if change == "claim":
        await other.catalog.claim(DEMO)
    before = other.storage.objects[layout.document(DEMO)]
    (found,) = problems(await index.copy(tmp_path, other.storage))
    assert isinstance(found, Finding)
    assert found.key == layout.document(DEMO)
    assert other.storage.objects[layout.document(DEMO)] == before


async def test_a_document_that_mixes_two_owners_is_a_contradiction(index: Index) -> None:
    project = (await Documents(index.storage).read(DEMO)).project
    assert list(contradictions(project)) == []
    assert list(contradictions(project.replace(owner=""))) != []
    assert project.mirror is not None
    twice = project.mirror.replace(files=(*project.mirror.files, project.mirror.files[0]))
    assert list(contradictions(project.replace(mirror=twice))) == [f"names {WHEEL} of up 2 times"]


BODIES = (b"one", b"two", b"three")
acts = st.tuples(st.integers(1, 12), st.sampled_from(["list", "unlist", "fill"]), st.sampled_from(BODIES))


class Race:
    """Other servers at work between the calls of a collector: pages list files, and fills keep listed ones."""

    def __init__(self, index: Index, listed: frozenset[bytes], acts: list[tuple[int, str, bytes]]) -> None:
        self.index, self.acts, self.calls = index, acts, 0
        self.always = listed - {body for _, act, body in acts if act == "unlist"}
        self.listed = set(listed)
        self.looked = self.filled = frozenset[bytes]()
        self.is_recent = False
        self.write_document()

    def before_call(self, method: str, key: str) -> None:
        self.calls += 1
        for _, act, body in (each for each in self.acts if each[0] == self.calls):
            self.act(act, body)
        if (method, key) == ("list", layout.DOCUMENTS):
            self.looked, self.filled, self.is_recent = frozenset(self.listed), frozenset(), True
        elif method == "delete":
            body = next(each for each in BODIES if key_of(each) == key)
            assert self.is_recent, "bytes were deleted long after the last look at the documents"
            self.is_recent = False
            assert body not in self.looked, "bytes were deleted that the last look at the documents found named"
            self.filled -= {body}

    def act(self, act: str, body: bytes) -> None:
        if act == "list":
            self.listed.add(body)
        elif act == "unlist":
            self.listed.discard(body)
            self.looked -= {body}  # The document may be read after its listing.
        elif body in self.listed:
            self.index.keep(body)
            self.filled |= {body}
        self.write_document()

    def write_document(self) -> None:
        files = [
            page_file(f"demo-{number}.tar.gz", body) for number, body in enumerate(BODIES) if body in self.listed
        ]
        source = Source(DEMO, "up", self.index.upstream.url)
        mirror = take(None, page(*files), source, START).mirror
        project = Project(name=DEMO, format=2, owner="up", mirror=mirror, serial=self.calls)
        self.index.storage.objects[layout.document(DEMO)] = encoding.encode(project)


@given(listed=st.frozensets(st.sampled_from(BODIES)), acts=st.lists(acts, max_size=6))
def test_a_collector_and_fills_of_the_same_digests_in_any_order(
    listed: frozenset[bytes], acts: list[tuple[int, str, bytes]]
) -> None:
    """Keys that are shared by digest have no fence: bytes that the last look found named stay."""
    index = Index()
    for body in BODIES:
        index.keep(body)
    race = Race(index, listed, acts)
    index.storage.before_call = race.before_call
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gc, "FORGOTTEN_AT_ONCE", 1)
        asyncio.run(index.collect())
    assert race.always <= index.kept, "bytes that were named all the time are gone"
    assert race.filled <= index.kept, "bytes that were stored after the last deletion are gone"
    index.storage.before_call = None
    asyncio.run(index.collect())
    assert index.kept <= race.listed


async def test_the_digests_of_a_mirror_are_those_of_files_metadata_and_provenance(index: Index) -> None:
    project = (await Documents(index.storage).read(DEMO)).project
    assert dict(digests(project)) == {
        sha256(BODY).hexdigest(): len(BODY),
        sha256(METADATA).hexdigest(): None,
        sha256(b"never fetched").hexdigest(): len(b"never fetched"),
    }
