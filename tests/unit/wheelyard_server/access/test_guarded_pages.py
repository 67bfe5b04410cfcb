"""What pages for people learn from the guarded catalog: only what is readable, and only what is here."""

from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest

from support import distributions
from support.catalogs import DEMO, publish, upload
from support.fake_upstream import FakeTime, FakeUpstream, configured, page_file
from support.memory_storage import MemoryStorage
from unit.wheelyard_server.access.test_guard import EDITOR, READER, RULES, SECRET
from wheelyard_server.access.audit import AuditRecord
from wheelyard_server.access.guard import GuardedCatalog
from wheelyard_server.access.rules import ANONYMOUS, Principal, Verb
from wheelyard_server.catalog.catalog import Catalog, Policy
from wheelyard_server.catalog.mirrors.contents import Space
from wheelyard_server.catalog.mirrors.mirrors import Upstreams
from wheelyard_server.catalog.scratch import Scratch
from wheelyard_server.catalog.scratch_budget import ScratchBudget
from wheelyard_server.errors import NotFoundError, UnauthenticatedError
from wheelyard_server.names import parse_project_name
from wheelyard_server.settings import Listener
from wheelyard_server.storage.folder import FolderStorage

MISSING, MIRRORED = parse_project_name("missing"), parse_project_name("mirrored")
METADATA = b"Metadata-Version: 2.1\nName: mirrored\nVersion: 1.0\nSummary: Of an upstream\n"
URL = "https://files.example.com/packages/mirrored-1.0-py3-none-any.whl"
Guard = Callable[[Principal], GuardedCatalog]


def guards(catalog: Catalog) -> Guard:
    return lambda principal: GuardedCatalog(catalog, RULES, principal, Listener.CLUSTER, AuditRecord())


def replica(storage: MemoryStorage, upstream: FakeUpstream, time: FakeTime, space: Space) -> Catalog:
    upstreams = Upstreams((configured(upstream),), clock=time.monotonic)
    return Catalog(storage, Policy(upstreams=upstreams, space=space), now=time.now, may_raise_format=lambda: True)


@pytest.fixture
async def storage(tmp_path: Path) -> MemoryStorage:
    made = MemoryStorage()
    for name in (DEMO, SECRET):
        await publish(made, tmp_path, "1.0", name=name)
    return made


@pytest.fixture
def upstream() -> FakeUpstream:
    made = FakeUpstream()
    digest = sha256(METADATA).hexdigest()
    made.put("mirrored", page_file(URL.rpartition("/")[2], core_metadata=digest))
    made.files[f"{URL}.metadata"] = METADATA
    return made


@pytest.fixture
def time() -> FakeTime:
    return FakeTime()


@pytest.fixture
def space(tmp_path: Path) -> Space:
    return Space(Scratch(tmp_path / "scratch", 10**9), ScratchBudget(10**9), 10**9)


@pytest.fixture
def guard(storage: MemoryStorage, upstream: FakeUpstream, time: FakeTime, space: Space) -> Guard:
    return guards(replica(storage, upstream, time, space))


async def test_a_known_project_of_an_upstream_is_shown_without_asking_the_upstream(
    guard: Guard, upstream: FakeUpstream, time: FakeTime
) -> None:
    await guard(EDITOR).project(MIRRORED)
    upstream.asked.clear()
    time.sleep(30 * 24 * 3600)
    upstream.fail()
    view = await guard(EDITOR).known_project(MIRRORED)
    assert [file.filename for file in view.files] == [URL.rpartition("/")[2]]
    assert (view.project.owner, upstream.asked, upstream.calls) == ("up", [], [])


async def test_a_name_that_only_an_upstream_has_is_absent_like_a_hidden_and_a_missing_one(
    guard: Guard, upstream: FakeUpstream
) -> None:
    said = set()
    for principal, name in ((EDITOR, MIRRORED), (EDITOR, MISSING), (READER, SECRET), (READER, MISSING)):
        with pytest.raises(NotFoundError, match="brings it here") as absent:
            await guard(principal).known_project(name)
        said.add(str(absent.value))
    assert len(said) == 1
    assert upstream.asked == []


async def test_without_upstreams_an_absent_project_is_just_absent(storage: MemoryStorage) -> None:
    with pytest.raises(NotFoundError, match=r"^No such project in this index$"):
        await guards(Catalog(storage))(EDITOR).known_project(MISSING)


async def test_anonymous_is_asked_to_log_in_for_a_project_that_others_may_read(guard: Guard) -> None:
    assert (await guard(ANONYMOUS).known_project(DEMO)).project.name == "demo"
    for name in (SECRET, MISSING):
        with pytest.raises(UnauthenticatedError):
            await guard(ANONYMOUS).known_project(name)


async def test_the_metadata_of_an_own_file_is_known(guard: Guard) -> None:
    view = await guard(READER).known_project(DEMO)
    body = await guard(READER).known_description(view, view.files[0])
    assert body is not None
    assert b"Name: demo" in body


async def test_the_metadata_of_a_mirrored_file_is_known_once_a_client_has_fetched_it(
    guard: Guard, upstream: FakeUpstream, storage: MemoryStorage, time: FakeTime, space: Space
) -> None:
    editor = guard(EDITOR)
    view = await editor.project(MIRRORED)
    assert await editor.known_description(view, view.files[0]) is None
    assert upstream.calls == []
    await editor.description(view, view.files[0])
    upstream.fail()
    for each in (editor, guards(replica(storage, upstream, time, space))(EDITOR)):
        assert await each.known_description(await each.known_project(MIRRORED), view.files[0]) == METADATA


async def test_metadata_of_a_project_or_a_file_that_the_principal_cannot_get_is_not_shown(guard: Guard) -> None:
    editor = guard(EDITOR)
    view = await editor.known_project(SECRET)
    with pytest.raises(NotFoundError):
        await guard(READER).known_description(view, view.files[0])
    await editor.quarantine(SECRET, "1.0", "a worm")
    refused = await editor.known_project(SECRET)
    assert await editor.known_description(refused, view.files[0]) is None


async def test_known_names_are_those_of_readable_projects_that_are_here(
    guard: Guard, upstream: FakeUpstream
) -> None:
    await guard(EDITOR).project(MIRRORED)
    names = (DEMO, SECRET, MIRRORED, MISSING)
    assert await guard(EDITOR).known_names(names) == {DEMO, SECRET, MIRRORED}
    assert await guard(READER).known_names(names) == {DEMO}
    assert await guard(EDITOR).knows(MIRRORED)
    assert not await guard(READER).knows(SECRET)
    assert upstream.asked == ["mirrored"]


async def test_many_known_names_cost_no_request_to_the_storage_each(guard: Guard, storage: MemoryStorage) -> None:
    await guard(EDITOR).known_names((DEMO,))
    storage.calls.clear()
    many = (parse_project_name(f"demo-{number}") for number in range(100))
    assert await guard(EDITOR).known_names((DEMO, *many)) == {DEMO}
    assert storage.calls == []


async def test_names_of_an_upstream_that_the_index_no_longer_has_are_not_known(
    guard: Guard, storage: MemoryStorage
) -> None:
    await guard(EDITOR).project(MIRRORED)
    assert not await guards(Catalog(storage))(EDITOR).knows(MIRRORED)


async def test_an_upload_on_a_folder_is_known_at_once(tmp_path: Path) -> None:
    (tmp_path / "made").mkdir()
    storage = FolderStorage(tmp_path / "index")
    catalog = Catalog(storage)
    assert not await guards(catalog)(EDITOR).knows(DEMO)
    await catalog.publish(upload(distributions.wheel(tmp_path / "made")))
    assert await guards(catalog)(EDITOR).knows(DEMO)


def test_links_are_shown_by_the_rights_on_this_project_and_on_all(guard: Guard) -> None:
    reader, editor = guard(READER), guard(EDITOR)
    shown = [
        (each.may(Verb.READ, DEMO), each.may(Verb.YANK, DEMO), each.may_all(Verb.MANAGE))
        for each in (reader, editor)
    ]
    assert shown == [(True, False, False), (True, True, True)]
    assert not reader.may(Verb.READ, SECRET)
