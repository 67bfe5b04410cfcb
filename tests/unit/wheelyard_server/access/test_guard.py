"""The guarded catalog: what each principal may do, which refusal it gets, and what is recorded.

`web/test_truth_table.py` asks the same of every route.
"""

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from support import distributions
from support.catalogs import DEMO, publish, upload
from support.fake_upstream import FakeTime, FakeUpstream, configured, replica
from support.memory_storage import MemoryStorage
from wheelyard_server.access.audit import AuditRecord
from wheelyard_server.access.guard import GuardedCatalog
from wheelyard_server.access.rules import ANONYMOUS, Grant, Method, Principal, Rules, Verb
from wheelyard_server.catalog.catalog import Catalog
from wheelyard_server.catalog.edits import Selection
from wheelyard_server.errors import ForbiddenError, NotFoundError, RefusedFileError, UnauthenticatedError
from wheelyard_server.model.status import Status
from wheelyard_server.names import parse_project_name
from wheelyard_server.settings import Listener

SECRET = parse_project_name("secret")
READER, EDITOR = (Principal.of_user(name, (), Method.TOKEN) for name in ("web.reader", "team.editor"))
RULES = Rules(
    (
        Grant(subjects=("anonymous",), packages=("demo",), verbs=(Verb.READ,)),
        Grant(subjects=("user:web.reader",), packages=("demo",), verbs=(Verb.READ,)),
        Grant(subjects=("user:team.editor",), packages=("*",), verbs=tuple(Verb)),
    )
)
Guard = Callable[[Principal], GuardedCatalog]


@pytest.fixture
async def storage(tmp_path: Path) -> MemoryStorage:
    made = MemoryStorage()
    for name in (DEMO, SECRET):
        await publish(made, tmp_path, "1.0", name=name)
    return made


@pytest.fixture
def record() -> AuditRecord:
    return AuditRecord()


@pytest.fixture
def guard(storage: MemoryStorage, record: AuditRecord) -> Guard:
    catalog = Catalog(storage)
    return lambda principal: GuardedCatalog(catalog, RULES, principal, Listener.CLUSTER, record)


def test_no_class_of_the_guarded_catalog_replaces_what_another_has(guard: Guard) -> None:
    """A second `plan` or `lift` would be called instead of the first, with the checks of another method."""
    classes = [each for each in GuardedCatalog.__mro__ if each is not object]
    assert len(classes) == 6
    names = [name for each in classes for name in vars(each) if not name.startswith("__")]
    assert sorted(name for name, count in Counter([*names, *vars(guard(EDITOR))]).items() if count > 1) == []


async def test_the_list_has_only_projects_that_the_principal_may_read(guard: Guard) -> None:
    found = {str(each): [entry.name for entry in await guard(each).projects()] for each in (READER, EDITOR)}
    assert found == {"web.reader": ["demo"], "team.editor": ["demo", "secret"]}


async def test_a_project_without_read_is_not_found_and_is_recorded(guard: Guard, record: AuditRecord) -> None:
    with pytest.raises(NotFoundError) as hidden:
        await guard(READER).project(SECRET)
    assert record.hidden
    with pytest.raises(NotFoundError) as missing:
        await guard(EDITOR).project(parse_project_name("none"))
    assert str(hidden.value) == str(missing.value), "the answer does not reveal whether the project exists"


async def test_anonymous_is_asked_to_log_in(guard: Guard, record: AuditRecord) -> None:
    assert (await guard(ANONYMOUS).project(DEMO)).project.files
    with pytest.raises(UnauthenticatedError, match="Log in to read the project secret"):
        await guard(ANONYMOUS).project(SECRET)
    assert not record.hidden


async def test_a_change_without_the_right_is_forbidden_and_changes_nothing(
    guard: Guard, storage: MemoryStorage, tmp_path: Path
) -> None:
    before, reader, new = dict(storage.objects), guard(READER), upload(distributions.wheel(tmp_path, version="2.0"))
    with pytest.raises(ForbiddenError, match=r"The user web\.reader has no permission to publish any project"):
        reader.require_publisher()
    for refused in (
        reader.publish(new),
        reader.yank(DEMO, Selection(), ""),
        reader.unyank(DEMO, Selection()),
        reader.delete(DEMO, Selection()),
        reader.set_status(DEMO, Status.ARCHIVED, ""),
    ):
        with pytest.raises(
            ForbiddenError, match=r"The user web\.reader has no permission to [a-z]+ the project demo"
        ):
            await refused
    assert storage.objects == before


async def test_every_way_to_a_file_checks_read_on_its_project(guard: Guard) -> None:
    (file,) = (await guard(EDITOR).project(SECRET)).project.files
    reader = guard(READER)
    for refused in (
        reader.file(SECRET, file.filename, file.sha256),
        reader.open(SECRET, file, 0, 1),
        reader.location(SECRET, file),
        reader.core_metadata(SECRET, file),
        reader.provenance(SECRET, file),
    ):
        with pytest.raises(NotFoundError, match="No such project in this index"):
            await refused


async def test_a_file_of_one_project_is_not_found_under_the_name_of_another(guard: Guard) -> None:
    (file,) = (await guard(EDITOR).project(SECRET)).project.files
    with pytest.raises(NotFoundError, match="No such file in this project"):
        await guard(READER).file(DEMO, file.filename, file.sha256)


async def test_has_is_false_without_read_and_for_a_missing_project(guard: Guard) -> None:
    assert await guard(READER).has(DEMO)
    assert not await guard(READER).has(SECRET)
    assert not await guard(EDITOR).has(parse_project_name("none"))


async def test_changed_files_are_recorded(guard: Guard, record: AuditRecord) -> None:
    (yanked,) = await guard(EDITOR).yank(DEMO, Selection(), "broken")
    assert (record.principal, record.project, record.files) == (EDITOR, DEMO, (yanked.filename,))


def test_verbs_are_those_granted_for_some_project(guard: Guard) -> None:
    assert guard(READER).verbs == (Verb.READ,)
    assert guard(EDITOR).verbs == tuple(Verb)


async def test_a_claimed_name_does_not_hide_the_other_project_that_a_file_may_belong_to(
    record: AuditRecord,
) -> None:
    upstream = FakeUpstream()
    upstream.put("demo", "demo-1-2.tar.gz")
    catalog = replica(MemoryStorage(), FakeTime(), configured(upstream))
    await catalog.claim(parse_project_name("demo-1"))
    guarded = GuardedCatalog(catalog, RULES, EDITOR, Listener.CLUSTER, record)
    assert (await guarded.mirrored_file("up", "packages/demo-1-2.tar.gz")).project.name == "demo"
    with pytest.raises(RefusedFileError, match="claimed"):
        await guarded.mirrored_file("up", "packages/demo-1-3.tar.gz")
