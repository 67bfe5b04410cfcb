"""Catalogs with something in them, and uploads without HTTP."""

import json
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

from support import distributions, invariants
from support.attestations import attestation, statement
from wheelyard_server.catalog.catalog import Catalog
from wheelyard_server.catalog.publish import Upload
from wheelyard_server.catalog.scratch import Received
from wheelyard_server.names import parse_filename, parse_project_name
from wheelyard_server.storage import Storage

DEMO = parse_project_name("demo")
START = datetime(2026, 1, 1, tzinfo=UTC)


def upload(path: Path, *, signed: bool = False) -> Upload:
    """Describe a file as received. A storage may take it over: later ones are written to other paths."""
    body = path.read_bytes()
    digest = sha256(body).hexdigest()
    content = Received(path, len(body), {"sha256": digest})
    attestations = json.dumps([attestation(statement(path.name, digest))]) if signed else None
    return Upload(parse_filename(path.name), content, "ci.jenkins", attestations)


async def publish(storage: Storage, folder: Path, *versions: str, name: str = "demo", module: str = "") -> None:
    """Publish a wheel of each version."""
    catalog = Catalog(storage, now=lambda: START)
    for version in versions:
        path = distributions.wheel(folder, name, version, module=module)
        await catalog.publish(upload(path, signed=True))


async def listed(storage: Storage, name: str = "demo") -> dict[str, bytes]:
    """Return what a fresh replica lists, with everything that can be downloaded of it checked."""
    return await invariants.downloads(Catalog(storage), parse_project_name(name))
