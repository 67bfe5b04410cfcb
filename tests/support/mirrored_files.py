"""Replicas of an index that mirrors files of one upstream, without HTTP."""

import asyncio
import hashlib
from datetime import UTC, datetime
from pathlib import Path

from support.contents import received
from support.fake_upstream import FakeUpstream
from support.memory_storage import MemoryStorage
from wheelyard_server.catalog.contents.cache import FileCache
from wheelyard_server.catalog.contents.content import Contents
from wheelyard_server.catalog.contents.fill import Fills
from wheelyard_server.catalog.contents.scratch_rooms import ScratchRooms
from wheelyard_server.catalog.contents.verified_files import VerifiedFiles
from wheelyard_server.catalog.counts import Counts
from wheelyard_server.catalog.current_basis import CurrentBasis
from wheelyard_server.catalog.documents import Documents
from wheelyard_server.catalog.inspection import ArchiveLimits
from wheelyard_server.catalog.mirrors.budget import MirrorBudget
from wheelyard_server.catalog.mirrors.downloads import Downloads, Origins, Place
from wheelyard_server.catalog.mirrors.listed_file import ListedFile, listed_file
from wheelyard_server.catalog.scratch import Scratch
from wheelyard_server.catalog.scratch_budget import ScratchBudget
from wheelyard_server.catalog.stored_project import Views
from wheelyard_server.catalog.write_gate import WriteGate
from wheelyard_server.model import Project
from wheelyard_server.model.mirror import Mirror, MirroredFile
from wheelyard_server.names import NormalizedName
from wheelyard_server.policy.file_policy import AllowedUpstream, FilePolicy
from wheelyard_server.storage import Storage, layout

NOW = datetime(2026, 1, 1, tzinfo=UTC)
NAME = NormalizedName("demo")
ORIGIN = "https://files.example.com"
UPSTREAM_URL = "https://upstream.example.com/simple/"
WHEEL = "demo-1.0-py3-none-any.whl"
MAX_BYTES = 10_000_000
FORMAT_2 = b'{"format": 2, "index": "packages/main"}'


def sha256(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


def mirrored_file(body: bytes, filename: str = WHEEL, **fields: object) -> MirroredFile:
    """Return a file as an upstream with sizes and digests lists it."""
    known = {"sha256": sha256(body), "size": len(body), **fields}
    return MirroredFile(filename=filename, version="1.0", path=f"/packages/{filename}").replace(**known)


def url_of(filename: str = WHEEL) -> str:
    return f"{ORIGIN}/packages/{filename}"


class Replica:
    """One server, with a cache unless `has_cache` is false."""

    def __init__(
        self,
        home: Path,
        storage: Storage,
        upstream: FakeUpstream,
        *,
        has_cache: bool = True,
        max_mirrored: int | None = None,
        scratch_bytes: int = 1_000_000_000,
    ) -> None:
        self.now = NOW
        self.counts = Counts()
        self.gate = WriteGate()
        basis = CurrentBasis(FilePolicy((AllowedUpstream("public", UPSTREAM_URL),)))
        self.documents = Documents(storage, counts=self.counts, views=Views(basis))
        self.missing: list[ListedFile] = []
        self.clock = 0.0
        self.cache_folder, self.scratch_folder = home / "cache", home / "scratch"
        cache = FileCache(self.cache_folder, MAX_BYTES, VerifiedFiles(), lambda: self.now) if has_cache else None
        verified = VerifiedFiles()
        self.scratch_budget = ScratchBudget(scratch_bytes)
        rooms = ScratchRooms(Scratch(self.scratch_folder, MAX_BYTES), self.scratch_budget, verified)
        self.fills = Fills([*([cache.room] if cache else []), rooms.room])
        self.budget = MirrorBudget(storage, max_mirrored, lambda: self.now)
        contents = Contents(storage, verified, cache, self.counts)
        self.downloads = Downloads(
            Place(storage, self.documents, self.gate, contents, self.fills, self.budget),
            Origins({upstream.name: upstream}, MAX_BYTES, ArchiveLimits(), self.missing.append),
            self.counts,
            lambda: self.clock,
        )

    async def listed(self, filename: str = WHEEL) -> ListedFile:
        """Return the file as the document lists it now."""
        project = (await self.documents.read(NAME)).project
        assert project.mirror is not None
        (file,) = (each for each in project.mirror.files if each.filename == filename)
        return listed_file(project, project.mirror, file)

    async def get(self, filename: str = WHEEL) -> bytes:
        """Return all bytes of a file, once its fill has ended, too."""
        body = await received((await self.downloads.open(await self.listed(filename))).content)
        await self.idle()
        return body

    async def idle(self) -> None:
        """Wait until all fills and extractions have ended."""
        while self.fills.running:
            await asyncio.gather(*(running.task for running in self.fills.running.values()))
        while self.downloads.extracting:
            await asyncio.gather(*self.downloads.extracting)

    @property
    def left_behind(self) -> list[Path]:
        """Return the files in progress that are still there."""
        return [*self.cache_folder.glob("filling-*"), *self.scratch_folder.glob("*")]


async def mirror(documents: Documents, *files: MirroredFile) -> None:
    """Let the project be a mirror with these files."""
    made = Mirror(url=UPSTREAM_URL, made=NOW, fetched=NOW, file_origin=ORIGIN, files=files)

    def change(project: Project) -> Project:
        return project.replace(owner="public", mirror=made)

    await documents.change(NAME, change)


class World:
    """An upstream, a storage and replicas."""

    def __init__(self, folder: Path, storage: Storage | None = None) -> None:
        self.folder = folder
        self.memory = MemoryStorage()
        self.storage = storage or self.memory
        self.memory.objects[layout.INDEX] = FORMAT_2
        self.upstream = FakeUpstream("public", has_etags=False)
        self._replicas = 0

    def replica(self, **settings: object) -> Replica:
        """Start a replica with a disk of its own."""
        self._replicas += 1
        return Replica(self.folder / f"replica-{self._replicas}", self.storage, self.upstream, **settings)  # type: ignore[arg-type]

    async def list(self, replica: Replica, body: bytes, filename: str = WHEEL, /, **fields: object) -> MirroredFile:
        """Put a file at the upstream, and list it alone."""
        file = mirrored_file(body, filename, **fields)
        self.upstream.files[url_of(filename)] = body
        await mirror(replica.documents, file)
        return file

    @property
    def kept(self) -> set[str]:
        """Return the digests of all kept objects."""
        return {key.rpartition("/")[2] for key in self.memory.objects if key.startswith(layout.MIRRORED)}
