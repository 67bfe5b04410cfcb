"""Projects as large as the settings allow, put into a storage as their documents are."""

import hashlib
from datetime import UTC, datetime
from functools import cache

from support.memory_storage import MemoryStorage
from wheelyard_server.catalog import encoding
from wheelyard_server.model import File, Project
from wheelyard_server.names import NormalizedName
from wheelyard_server.storage import layout

_TIME = datetime(2026, 1, 1, tzinfo=UTC)
_PROVENANCE = b'{"version": 1, "attestation_bundles": []}'
_METADATA = (
    b"Metadata-Version: 2.1\nName: large\nVersion: 1\nSummary: " + b"s" * 100 + b"\n\n" + b"description\n" * 10_000
)


@cache
def large_project(name: str, files: int, *, attested: bool = False) -> Project:
    """Return a project with so many wheels, each of a version of its own."""
    return Project(name=name, files=tuple(_file(name, number, attested=attested) for number in range(files)))


def _file(name: str, number: int, *, attested: bool) -> File:
    return File(
        filename=f"{name.replace('-', '_')}-1.{number}-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
        version=f"1.{number}",
        upload_id=f"{number:032x}",
        size=1,
        sha256=hashlib.sha256(f"{name} {number}".encode()).hexdigest(),
        upload_time=_TIME,
        uploader="ci.publisher",
        core_metadata_sha256=hashlib.sha256(_METADATA).hexdigest(),
        requires_python=">=3.8",
        summary="s" * 100,
        provenance_sha256=hashlib.sha256(_PROVENANCE).hexdigest() if attested else None,
    )


async def put_large_project(storage: MemoryStorage, project: Project) -> None:
    """Put a project's document, and the objects of its newest file, into a storage."""
    name, newest = NormalizedName(project.name), project.files[-1]
    beside = {layout.core_metadata(name, newest): _METADATA, layout.provenance(name, newest): _PROVENANCE}
    await storage.commit(beside, layout.document(name), lambda: encoding.encode(project), expected=None)
