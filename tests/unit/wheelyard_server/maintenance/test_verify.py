from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from support.catalogs import DEMO, publish
from support.memory_storage import Fault, MemoryStorage
from wheelyard_server.catalog import edits
from wheelyard_server.catalog.documents import Documents
from wheelyard_server.catalog.ownership import take_ownership
from wheelyard_server.errors import StorageUnavailableError
from wheelyard_server.maintenance.events import Event, Finding, Foreign, Unreferenced
from wheelyard_server.maintenance.verify import SETTLE_SECONDS, StorageVerifier
from wheelyard_server.model import File, Project

FIRST, SPELLED = "demo-1.0-py3-none-any.whl", "demo-1.0.0-py3-none-any.whl"
Damage = Callable[[MemoryStorage], None]


@pytest.fixture
async def storage(tmp_path: Path) -> MemoryStorage:
    made = MemoryStorage()
    await take_ownership(made, "packages/main")
    await publish(made, tmp_path, "1.0", "2.0")
    await publish(made, tmp_path, "1.0", name="other")
    return made


async def events(storage: MemoryStorage, *, quick: bool = False) -> list[Event]:
    found: list[Event] = []
    await StorageVerifier(storage, found.append, quick, settled).run()
    return found


async def settled(_seconds: float) -> None:
    """Let a second pass in no time."""


async def findings(storage: MemoryStorage, *, quick: bool = False) -> list[tuple[str, str]]:
    found = await events(storage, quick=quick)
    return [(each.key, each.problem) for each in found if isinstance(each, Finding)]


def key(storage: MemoryStorage, ending: str) -> str:
    (found,) = [each for each in storage.objects if each.endswith(ending)]
    return found


@pytest.mark.parametrize("quick", [True, False])
async def test_a_whole_index_has_no_findings_and_is_only_read(storage: MemoryStorage, *, quick: bool) -> None:
    objects = dict(storage.objects)
    storage.calls.clear()
    assert await findings(storage, quick=quick) == []
    assert storage.objects == objects
    assert {call.split()[0] for call in storage.calls} <= {"list", "read", "open"}


@pytest.mark.parametrize(
    "ending", ["demo-1.0-py3-none-any.whl", "demo-1.0-py3-none-any.whl.metadata", "1.0-py3-none-any.whl.provenance"]
)
async def test_every_flipped_byte_is_found(storage: MemoryStorage, ending: str) -> None:
    (damaged,) = [each for each in storage.objects if each.endswith(ending) and "/demo/" in each]
    body = storage.objects[damaged]
    storage.objects[damaged] = body[:-1] + bytes([body[-1] ^ 1])
    ((found, problem),) = await findings(storage)
    assert found == damaged
    assert problem.startswith("has the SHA-256")
    assert await findings(storage, quick=True) == []


async def test_missing_and_truncated_objects_are_found_by_the_quick_check(storage: MemoryStorage) -> None:
    wheel = key(storage, "demo-1.0-py3-none-any.whl")
    metadata = key(storage, "other-1.0-py3-none-any.whl.metadata")
    size = len(storage.objects[wheel])
    storage.objects[wheel] = storage.objects[wheel][:-1]
    del storage.objects[metadata]
    for quick in (True, False):
        assert sorted(await findings(storage, quick=quick)) == [
            (wheel, f"has {size - 1} bytes instead of {size}"),
            (metadata, "is missing"),
        ]


async def test_a_damaged_document_is_found_and_hides_no_other(storage: MemoryStorage) -> None:
    storage.objects["projects/demo.json"] = b"{"
    del storage.objects[key(storage, "other-1.0-py3-none-any.whl")]
    found = await findings(storage)
    assert [found_key for found_key, _ in found if found_key == "projects/demo.json"]
    assert len(found) == 2


def spelled(project: Project) -> File:
    """Return the first file in another spelling with other content, as it could be published once."""
    first = project.files[0]
    later = {"upload_id": "u2", "sha256": "b" * 64, "upload_time": first.upload_time + timedelta(days=1)}
    return msgspec.structs.replace(first, filename=SPELLED, **later)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (
            lambda project: project.replace(files=(*project.files, project.files[0])),
            "names demo-1.0-py3-none-any.whl 2 times",
        ),
        (
            lambda project: project.replace(
                deleted=edits.without(project, edits.Selection(), project.files[0].upload_time).deleted[:1]
            ),
            "names demo-1.0-py3-none-any.whl 2 times",
        ),
        (
            lambda project: project.replace(files=(*project.files, spelled(project))),
            f"{SPELLED} and {FIRST} are one distribution, and installers may use either: delete one",
        ),
        (
            lambda project: edits.without(
                project, edits.Selection(filename=project.files[0].filename), project.files[0].upload_time
            ).replace(files=(spelled(project),)),
            f"{SPELLED} is the same distribution as {FIRST}, which was deleted earlier",
        ),
    ],
)
async def test_a_document_that_contradicts_itself_is_found(
    storage: MemoryStorage, change: Callable[[Project], Project], problem: str
) -> None:
    project = (await Documents(storage).read(DEMO)).project
    storage.objects["projects/demo.json"] = msgspec.json.encode(change(project))
    assert ("projects/demo.json", problem) in await findings(storage)


@pytest.mark.parametrize(
    "damage",
    [lambda objects: objects.pop("wheelyard.json"), lambda objects: objects.update({"wheelyard.json": b"x"})],
)
async def test_a_storage_without_its_marker_is_a_finding(
    storage: MemoryStorage, damage: Callable[[dict[str, bytes]], None]
) -> None:
    damage(storage.objects)
    assert [found for found, _ in await findings(storage)] == ["wheelyard.json"]


async def test_unreferenced_objects_are_reported_and_are_not_findings(storage: MemoryStorage) -> None:
    storage.objects["files/demo/orphan/demo-3.0.tar.gz"] = b"12345"
    storage.objects["files/stray"] = b"stray"
    found = await events(storage)
    assert Unreferenced("files/demo/orphan/demo-3.0.tar.gz", 5) in found
    assert Foreign("files/stray") in found
    assert not [each for each in found if isinstance(each, Finding)]


async def test_a_file_deleted_during_the_check_is_not_a_finding(storage: MemoryStorage) -> None:
    wheel = key(storage, "demo-1.0-py3-none-any.whl")
    project = (await Documents(storage).read(DEMO)).project

    def delete_and_collect(method: str, called: str) -> None:
        if (method, called) == ("open", wheel):
            gone = edits.without(
                project, edits.Selection(filename=project.files[0].filename), project.files[0].upload_time
            )
            storage.objects["projects/demo.json"] = msgspec.json.encode(gone)
            storage.objects.pop(wheel, None)

    storage.before_call = delete_and_collect
    assert await findings(storage) == []


async def test_a_storage_that_does_not_answer_is_an_error_and_not_a_finding(storage: MemoryStorage) -> None:
    storage.fail_at(2, Fault.LOST_REQUEST)
    with pytest.raises(StorageUnavailableError):
        await findings(storage)


async def test_the_remaining_spelling_is_not_a_finding_after_the_other_was_deleted(storage: MemoryStorage) -> None:
    project = (await Documents(storage).read(DEMO)).project
    second = spelled(project)
    both = project.replace(files=(*project.files, second))
    selection = edits.Selection(filename=second.filename)
    left = edits.without(both, selection, second.upload_time + timedelta(days=1))
    storage.objects["projects/demo.json"] = msgspec.json.encode(left)
    assert await findings(storage) == []


LOST = "files/demo/lost/demo-3.0.tar.gz"


def lose(storage: MemoryStorage) -> None:
    """Leave an upload as an unsafe server does: its objects are there, and its write of the document is not."""
    storage.objects[LOST] = b"12345"
    storage.objects[f"{LOST}.metadata"] = b"Name: demo"


async def test_a_whole_upload_that_no_document_names_is_a_finding(storage: MemoryStorage) -> None:
    lose(storage)
    ((found, problem),) = await findings(storage)
    assert found == LOST
    assert problem.startswith("is a complete upload that no document names")


async def explained(storage: MemoryStorage, how: str) -> None:
    documents = Documents(storage)
    project = (await documents.read(DEMO)).project
    first = project.files[0]
    if how == "sent again":
        again = msgspec.structs.replace(first, filename="demo-3.0.tar.gz", upload_id="again")
        await documents.change(DEMO, lambda current: edits.with_file(current, again, 99))
    elif how == "deleted":
        lost = msgspec.structs.replace(first, filename="demo-3.0.tar.gz", upload_id="lost")
        await documents.change(DEMO, lambda current: edits.with_file(current, lost, 99))
        selection = edits.Selection(filename="demo-3.0.tar.gz")
        await documents.change(DEMO, lambda current: edits.without(current, selection, first.upload_time))
    elif how == "given up":
        await documents.change(
            DEMO, lambda current: edits.with_fenced(current, frozenset({"lost"}), first.upload_time)
        )
    elif how == "incomplete":
        del storage.objects[f"{LOST}.metadata"]
    elif how == "of a project that never came to be":
        del storage.objects["projects/demo.json"]


@pytest.mark.parametrize(
    "how", ["sent again", "deleted", "given up", "incomplete", "of a project that never came to be"]
)
async def test_an_upload_that_was_not_acknowledged_or_not_lost_is_not_a_finding(
    storage: MemoryStorage, how: str
) -> None:
    lose(storage)
    await explained(storage, how)
    found = await events(storage)
    assert LOST not in [each.key for each in found if isinstance(each, Finding)]
    assert LOST in [each.key for each in found if isinstance(each, Unreferenced)] or how in (
        "sent again",
        "deleted",
    )


async def test_a_running_upload_is_not_a_finding(storage: MemoryStorage) -> None:
    lose(storage)
    waited = []

    async def commit(seconds: float) -> None:
        waited.append(seconds)
        documents = Documents(storage)
        file = (await documents.read(DEMO)).project.files[0]
        done = msgspec.structs.replace(file, filename="demo-3.0.tar.gz", upload_id="lost")
        await documents.change(DEMO, lambda current: edits.with_file(current, done, 99))

    found: list[Event] = []
    await StorageVerifier(storage, found.append, True, commit).run()
    assert waited == [SETTLE_SECONDS]
    assert not [each for each in found if isinstance(each, Finding)]


async def test_folders_that_a_server_lists_are_ignored(storage: MemoryStorage) -> None:
    for marker in ("files/demo", "files/demo/1", "files/none"):
        storage.objects[marker] = b""
    assert not [each for each in await events(storage) if isinstance(each, Foreign | Finding)]
