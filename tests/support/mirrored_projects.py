"""Projects of an upstream as they are stored once somebody has asked for them, without the upstream."""

from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

from wheelyard_server.catalog.documents import Documents
from wheelyard_server.model.mirror import Mirror, MirroredFile
from wheelyard_server.names import parse_project_name
from wheelyard_server.settings.upstreams import UpstreamSettings
from wheelyard_server.storage import Storage, layout

URL = "https://packages.example.com/simple/"
METADATA = b"Metadata-Version: 2.1\nName: x\nVersion: 1.0\n"
PROVENANCE = b'{"version": 1}'


def never_asked(*packages: str) -> UpstreamSettings:
    """Return the settings of the upstream, which is not there; it owns these names."""
    return UpstreamSettings(name="pypi", url=URL, packages=packages)


async def mirror(storage: Storage, project: str, *wheels: Path) -> None:
    """Store a project of the upstream with version 1.0 in these files, all of which are kept."""
    files = [await _kept(storage, wheel) for wheel in wheels]
    now = datetime.now(UTC)
    made = Mirror(url=URL, made=now, fetched=now, file_origin="https://packages.example.com", files=tuple(files))
    await Documents(storage).change(
        parse_project_name(project), lambda each: each.replace(owner="pypi", mirror=made)
    )


def path_of(wheel: Path) -> str:
    """Return the path of a file below the index's root."""
    return f"/mirror/pypi/packages/{wheel.name}"


async def _kept(storage: Storage, wheel: Path) -> MirroredFile:
    bodies = [wheel.read_bytes(), METADATA, PROVENANCE]
    digests = [sha256(body).hexdigest() for body in bodies]
    await storage.store({layout.mirrored(digest): body for digest, body in zip(digests, bodies, strict=True)})
    return MirroredFile(
        filename=wheel.name,
        version="1.0",
        path=f"/packages/{wheel.name}",
        sha256=digests[0],
        size=len(bodies[0]),
        core_metadata_sha256=digests[1],
        provenance_url="https://packages.example.com/provenance",
        provenance_sha256=digests[2],
    )
