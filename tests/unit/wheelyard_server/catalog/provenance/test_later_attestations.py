import asyncio
import base64
import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from support import distributions
from support.attestations import PUBLISH, SLSA, attestation, statement
from support.catalogs import DEMO, START, listed, upload
from support.memory_storage import MemoryStorage
from wheelyard_server.catalog import edits, ownership
from wheelyard_server.catalog.catalog import Catalog
from wheelyard_server.catalog.edits import Selection
from wheelyard_server.catalog.publish import Upload
from wheelyard_server.errors import (
    BusyError,
    InvalidUploadError,
    ProjectClosedError,
    StorageUnavailableError,
)
from wheelyard_server.maintenance.events import Event, Finding, Removed, Unreferenced
from wheelyard_server.maintenance.gc import Collector
from wheelyard_server.maintenance.verify import StorageVerifier
from wheelyard_server.model import File, Project
from wheelyard_server.model.status import Status
from wheelyard_server.storage import layout

FILE = File(
    filename="demo-1.0.tar.gz",
    version="1.0",
    upload_id="a",
    size=1,
    sha256="a" * 64,
    upload_time=START,
    uploader="ci.jenkins",
    core_metadata_sha256="b" * 64,
)
ATTESTED = FILE.replace(provenance_id="b", provenance_sha256="c" * 64)


def attested(published: Upload, predicate_type: str, signature: bytes = b"") -> Upload:
    about = statement(
        published.filename.filename, published.content.digests["sha256"], predicateType=predicate_type
    )
    return replace(published, attestations=json.dumps([attestation(about, signature=signature)]))


@pytest.fixture
def storage() -> MemoryStorage:
    return MemoryStorage()


@pytest.fixture
def catalog(storage: MemoryStorage) -> Catalog:
    return Catalog(storage, now=lambda: START)


@pytest.fixture
async def published(catalog: Catalog, storage: MemoryStorage, tmp_path: Path) -> Upload:
    """Publish a wheel without attestations."""
    await ownership.take_ownership(storage, None)
    wheel = upload(distributions.wheel(tmp_path))
    await catalog.publish(wheel)
    return wheel


async def predicate_types(storage: MemoryStorage) -> list[str]:
    """Return what a fresh replica shows of the only file."""
    catalog = Catalog(storage)
    (file,) = (await catalog.project(DEMO)).project.files
    bundles = json.loads(await catalog.provenance(DEMO, file))["attestation_bundles"]
    statements = [each["envelope"]["statement"] for bundle in bundles for each in bundle["attestations"]]
    return [json.loads(base64.b64decode(each))["predicateType"] for each in statements]


async def test_attestations_of_a_later_upload_are_added_once(
    catalog: Catalog, storage: MemoryStorage, published: Upload
) -> None:
    for predicate_type in (PUBLISH, SLSA):
        await catalog.publish(attested(published, predicate_type))
    assert await predicate_types(storage) == [PUBLISH, SLSA]
    before = dict(storage.objects)
    await catalog.publish(attested(published, PUBLISH))
    assert storage.objects == before
    await listed(storage)


async def test_simultaneous_attestations_are_all_added(
    catalog: Catalog, storage: MemoryStorage, published: Upload
) -> None:
    replicas = (catalog, Catalog(storage), Catalog(storage))
    uploads = (attested(published, PUBLISH, signature) for signature in (b"1", b"2", b"3"))
    await asyncio.gather(*(each.publish(one) for each, one in zip(replicas, uploads, strict=True)))
    assert await predicate_types(storage) == [PUBLISH] * 3


async def test_an_attestation_of_another_file_is_refused(
    catalog: Catalog, storage: MemoryStorage, published: Upload
) -> None:
    before = dict(storage.objects)
    about = json.dumps([attestation(statement(published.filename.filename, "0" * 64))])
    with pytest.raises(InvalidUploadError, match="a different file"):
        await catalog.publish(replace(published, attestations=about))
    assert storage.objects == before


async def test_an_archived_project_takes_no_attestations(catalog: Catalog, published: Upload) -> None:
    await catalog.set_status(DEMO, Status.ARCHIVED, "done")
    with pytest.raises(ProjectClosedError, match="archived"):
        await catalog.publish(attested(published, PUBLISH))


async def test_nothing_is_added_while_servers_of_format_1_may_run(
    storage: MemoryStorage, published: Upload
) -> None:
    storage.objects[layout.INDEX] = b'{"format": 1}'
    before = dict(storage.objects)
    with pytest.raises(BusyError, match="being upgraded"):
        await Catalog(storage).publish(attested(published, PUBLISH))
    assert storage.objects == before


async def test_replaced_and_deleted_provenance_is_collected(
    catalog: Catalog, storage: MemoryStorage, published: Upload
) -> None:
    for predicate_type in (PUBLISH, SLSA):
        await catalog.publish(attested(published, predicate_type))
    events: list[Event] = []
    await Collector(storage, events.append, storage.now + timedelta(days=2)).run()
    assert len([each for each in events if isinstance(each, Removed)]) == 1
    assert await predicate_types(storage) == [PUBLISH, SLSA]
    await StorageVerifier(storage, events.append).run()
    assert [each for each in events if isinstance(each, Finding | Unreferenced)] == []
    await catalog.delete(DEMO, Selection())
    await Collector(storage, events.append, storage.now + timedelta(days=9)).run()
    assert [key for key in storage.objects if key.startswith(layout.FILES)] == []


def test_provenance_that_was_collected_before_its_commit_is_not_committed() -> None:
    project = edits.with_fenced(Project(name="demo", files=(FILE,)), frozenset("b"), START)
    with pytest.raises(StorageUnavailableError, match="collected"):
        edits.with_provenance(project, FILE, ATTESTED)


def test_provenance_in_use_is_not_fenced() -> None:
    project = Project(name="demo", files=(ATTESTED,))
    assert edits.with_fenced(project, frozenset("ab"), START).fenced == ()


def test_a_file_that_changed_in_between_is_left_unchanged() -> None:
    project = Project(name="demo", files=(FILE.replace(yanked="broken"),))
    assert edits.with_provenance(project, FILE, ATTESTED) is project
