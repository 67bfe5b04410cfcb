from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from support.catalogs import DEMO, publish
from support.memory_storage import Fault, MemoryStorage
from wheelyard_server.catalog import edits
from wheelyard_server.catalog.documents import Documents
from wheelyard_server.catalog.identity import claim
from wheelyard_server.errors import StorageUnavailableError
from wheelyard_server.maintenance.events import Event, Finding, Foreign, Unreferenced
from wheelyard_server.maintenance.verify import Verifier
from wheelyard_server.model import File, Project

FIRST, SPELLED = "demo-1.0-py3-none-any.whl", "demo-1.0.0-py3-none-any.whl"
Damage = Callable[[MemoryStorage], None]


@pytest.fixture
async def storage(tmp_path: Path) -> MemoryStorage:
    made = MemoryStorage()
    await claim(made, "packages/main")
    await publish(made, tmp_path, "1.0", "2.0")
    await publish(made, tmp_path, "1.0", name="other")
    return made


async def events(storage: MemoryStorage, *, quick: bool = False) -> list[Event]:
    found: list[Event] = []
    await Verifier(storage, found.append, quick).run()
    return found


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


async def test_what_is_missing_or_cut_is_found_also_quickly(storage: MemoryStorage) -> None:
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
            f"{SPELLED} and {FIRST} are one distribution, of which installers take either: delete one",
        ),
        (
            lambda project: edits.without(
                project, edits.Selection(filename=project.files[0].filename), project.files[0].upload_time
            ).replace(files=(spelled(project),)),
            f"{SPELLED} is the same distribution as {FIRST}, which was deleted before it came",
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
async def test_a_storage_without_its_mark_is_found(
    storage: MemoryStorage, damage: Callable[[dict[str, bytes]], None]
) -> None:
    damage(storage.objects)
    assert [found for found, _ in await findings(storage)] == ["wheelyard.json"]


async def test_what_nothing_refers_to_is_told_and_is_no_finding(storage: MemoryStorage) -> None:
    storage.objects["files/demo/orphan/demo-3.0.tar.gz"] = b"12345"
    storage.objects["files/stray"] = b""
    found = await events(storage)
    assert Unreferenced("files/demo/orphan/demo-3.0.tar.gz", 5) in found
    assert Foreign("files/stray") in found
    assert not [each for each in found if isinstance(each, Finding)]


async def test_a_file_that_is_deleted_meanwhile_is_no_finding(storage: MemoryStorage) -> None:
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


async def test_the_spelling_that_is_left_after_the_other_was_deleted_is_no_finding(storage: MemoryStorage) -> None:
    project = (await Documents(storage).read(DEMO)).project
    second = spelled(project)
    both = project.replace(files=(*project.files, second))
    selection = edits.Selection(filename=second.filename)
    left = edits.without(both, selection, second.upload_time + timedelta(days=1))
    storage.objects["projects/demo.json"] = msgspec.json.encode(left)
    assert await findings(storage) == []
