"""Everything that clients may ask of a catalog, and an index to ask it of."""

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from pathlib import Path

from packaging.version import Version

from support import distributions
from support.attestations import SLSA, attestation, statement
from support.catalogs import DEMO, upload
from support.contents import received
from support.memory_storage import MemoryStorage
from wheelyard_server.catalog.catalog import Catalog
from wheelyard_server.catalog.edits import Selection
from wheelyard_server.catalog.publish import Upload
from wheelyard_server.model import File
from wheelyard_server.model.status import Status
from wheelyard_server.names import NormalizedName, parse_project_name

NEW = parse_project_name("brandnew")


@dataclass(frozen=True, slots=True)
class Operation:
    """Something that a client may ask of a catalog. What a read returns can be compared."""

    run: Callable[[Catalog], Awaitable[object]]
    project: NormalizedName = DEMO
    may_lack: bool = False
    """The answer omits parts that are damaged at that moment, instead of failing."""


class World:
    """An index to try things on: files with and without attestations, one yanked, one deleted."""

    def __init__(self, folder: Path) -> None:
        self.uploads = {path.name: upload(path, signed=True) for path in _distributions(folder, "")}
        (folder / "other").mkdir()
        self.others = {path.name: upload(path) for path in _distributions(folder / "other", "x = 1")}
        self._objects: dict[str, bytes] = {}

    async def fill(self) -> None:
        """Publish what is there from the beginning."""
        storage = MemoryStorage()
        catalog = Catalog(storage)
        for version in ("0.9", "1.0", "1.1"):
            await catalog.publish(self.wheel(version))
        await catalog.publish(self.sdist("1.0"))
        await catalog.yank(DEMO, _wheel_of("1.0"), "broken")
        await catalog.delete(DEMO, Selection(Version("1.1")))
        self._objects = storage.objects

    def storage(self) -> MemoryStorage:
        """Return a storage of one's own with this index in it."""
        storage = MemoryStorage()
        storage.objects.update(self._objects)
        return storage

    def wheel(self, version: str, project: str = "demo") -> Upload:
        """Return an upload with attestations."""
        return self.uploads[f"{project}-{version}-py3-none-any.whl"]

    def sdist(self, version: str) -> Upload:
        """Return an upload."""
        return self.uploads[f"demo-{version}.tar.gz"]

    def operations(self) -> dict[str, Operation]:
        """Return everything that may be asked, by name."""
        wheel, one = self.wheel, Selection(Version("1.0"))
        return {
            "upload wheel": Operation(lambda catalog: catalog.publish(wheel("2.0"))),
            "upload sdist": Operation(lambda catalog: catalog.publish(self.sdist("2.0"))),
            "upload to a new project": Operation(lambda catalog: catalog.publish(wheel("1.0", NEW)), NEW),
            "upload again": Operation(lambda catalog: catalog.publish(wheel("0.9"))),
            "attest later": Operation(lambda catalog: catalog.publish(built(wheel("0.9")))),
            "upload a deleted file": Operation(lambda catalog: catalog.publish(wheel("1.1"))),
            "yank": Operation(lambda catalog: catalog.yank(DEMO, _wheel_of("0.9"), "no")),
            "unyank": Operation(lambda catalog: catalog.unyank(DEMO, _wheel_of("1.0"))),
            "delete file": Operation(lambda catalog: catalog.delete(DEMO, _wheel_of("1.0"))),
            "delete version": Operation(lambda catalog: catalog.delete(DEMO, one)),
            "delete project": Operation(lambda catalog: catalog.delete(DEMO, Selection())),
            "set status": Operation(_archive),
            "read page": Operation(_files),
            "read root": Operation(_names, may_lack=True),
            "read metadata": Operation(_metadata),
            "read provenance": Operation(_provenance),
            "read file": Operation(_content),
        }


def built(published: Upload) -> Upload:
    """Return the same upload with an attestation of its build."""
    about = statement(published.filename.filename, published.content.digests["sha256"], predicateType=SLSA)
    return replace(published, attestations=json.dumps([attestation(about)]))


def _distributions(folder: Path, module: str) -> list[Path]:
    wheels = [distributions.wheel(folder, version=each, module=module) for each in ("0.9", "1.0", "1.1", "2.0")]
    infos = {each: distributions.metadata("demo", each) + module for each in ("1.0", "2.0")}
    sdists = [distributions.sdist(folder, version=each, pkg_info=info) for each, info in infos.items()]
    return [*wheels, *sdists, distributions.wheel(folder, NEW, module=module)]


def _wheel_of(version: str) -> Selection:
    return Selection(filename=f"demo-{version}-py3-none-any.whl")


async def _archive(catalog: Catalog) -> None:
    await catalog.set_status(DEMO, Status.ARCHIVED, "done")


async def _first(catalog: Catalog) -> File:
    return (await catalog.project(DEMO)).project.files[0]


async def _files(catalog: Catalog) -> frozenset[File]:
    return frozenset((await catalog.project(DEMO)).project.files)


async def _names(catalog: Catalog) -> frozenset[str]:
    return frozenset(entry.name for entry in await catalog.projects())


async def _metadata(catalog: Catalog) -> bytes:
    return await catalog.core_metadata(DEMO, await _first(catalog))


async def _provenance(catalog: Catalog) -> bytes:
    return await catalog.provenance(DEMO, await _first(catalog))


async def _content(catalog: Catalog) -> bytes:
    file = await _first(catalog)
    return await received(await catalog.open(DEMO, file, 0, file.size))
