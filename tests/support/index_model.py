"""An index as simple as it can be said: what clients ask, and what each of them is answered."""

from dataclasses import dataclass, replace
from enum import Enum, auto
from pathlib import Path

from packaging.version import Version

from support import distributions
from support.catalogs import DEMO, upload
from support.invariants import Page, Shown, listing, listing_unshared
from wheelyard_server.catalog.catalog import Catalog
from wheelyard_server.catalog.edits import Selection
from wheelyard_server.catalog.publish import Upload
from wheelyard_server.errors import (
    FileExistsWithOtherContentError,
    FilenameDeletedError,
    NotFoundError,
    ProjectClosedError,
    WheelyardError,
)
from wheelyard_server.model.status import Status


class Kind(Enum):
    """What may be asked."""

    UPLOAD = auto()
    YANK = auto()
    UNYANK = auto()
    DELETE = auto()
    DELETE_PROJECT = auto()
    SET_STATUS = auto()
    READ = auto()
    READ_UNSHARED = auto()
    """As the fast lane reads."""


@dataclass(frozen=True, slots=True)
class Request:
    """One question; which fields count depends on its kind."""

    kind: Kind
    filename: str = ""
    sha256: str = ""
    status: Status = Status.ACTIVE


Answer = Page | type[WheelyardError] | None
"""What a read shows, an error, or None: done."""


@dataclass(frozen=True, slots=True)
class Model:
    """The whole state of one project."""

    files: frozenset[Shown] = frozenset()
    contents: frozenset[tuple[Version, str]] = frozenset()
    """Every wheel that there ever was, with its only digest: by its version, however its filename spells that."""
    status: Status = Status.ACTIVE

    @property
    def page(self) -> Page:
        """What clients see."""
        return Page(self.files, self.status) if self.files else Page()

    def ask(self, request: Request) -> "tuple[Model, Answer]":
        """Return the next state and the answer."""
        if request.kind in (Kind.READ, Kind.READ_UNSHARED):
            return self, self.page
        if request.kind is Kind.UPLOAD:
            return self._upload(request)
        chosen = self._chosen(request)
        return (self._edit(request, chosen), None) if chosen else (self, NotFoundError)

    def _upload(self, request: Request) -> "tuple[Model, Answer]":
        version = version_of(request.filename)
        there = version in map(version_of, self.page.filenames)
        if dict(self.contents).get(version, request.sha256) != request.sha256:
            return self, FileExistsWithOtherContentError if there else FilenameDeletedError
        if there:
            return self, None
        if not self.status.takes_uploads:
            return self, ProjectClosedError
        files = self.files | {Shown(request.filename, request.sha256)}
        return replace(self, files=files, contents=self.contents | {(version, request.sha256)}), None

    def _chosen(self, request: Request) -> frozenset[Shown]:
        if request.kind in (Kind.DELETE_PROJECT, Kind.SET_STATUS):
            return self.files
        return frozenset(file for file in self.files if file.filename == request.filename)

    def _edit(self, request: Request, chosen: frozenset[Shown]) -> "Model":
        if request.kind is Kind.SET_STATUS:
            return replace(self, status=request.status)
        rest = self.files - chosen
        if request.kind in (Kind.DELETE, Kind.DELETE_PROJECT):
            return replace(self, files=rest)
        reason = "no" if request.kind is Kind.YANK else None
        return replace(self, files=rest | {file._replace(yanked=reason) for file in chosen})


@dataclass(frozen=True, slots=True)
class Client:
    """Asks a real catalog. `uploads` are the files that it has, by name and digest."""

    catalog: Catalog
    uploads: dict[tuple[str, str], Upload]

    async def ask(self, request: Request) -> Answer:
        """Return the answer; raise `StorageError` where there is none."""
        if request.kind is Kind.READ:
            return await listing(self.catalog, DEMO)
        if request.kind is Kind.READ_UNSHARED:
            return await listing_unshared(self.catalog, DEMO)
        try:
            await self._change(request)
        except (
            FileExistsWithOtherContentError,
            FilenameDeletedError,
            NotFoundError,
            ProjectClosedError,
        ) as error:
            return type(error)
        return None

    async def _change(self, request: Request) -> None:
        one = Selection(filename=request.filename)
        match request.kind:
            case Kind.UPLOAD:
                await self.catalog.publish(self.uploads[request.filename, request.sha256])
            case Kind.YANK:
                await self.catalog.yank(DEMO, one, "no")
            case Kind.UNYANK:
                await self.catalog.unyank(DEMO, one)
            case Kind.DELETE:
                await self.catalog.delete(DEMO, one)
            case Kind.DELETE_PROJECT:
                await self.catalog.delete(DEMO, Selection())
            case Kind.SET_STATUS:
                await self.catalog.set_status(DEMO, request.status, "")


def version_of(filename: str) -> Version:
    """Return the version of a wheel."""
    return Version(filename.split("-")[1])


def small_uploads(folder: Path) -> dict[tuple[str, str], Upload]:
    """Return three wheels of the project, each with two contents, by name and digest; one in two spellings."""
    uploads = []
    for content in ("first", "second"):
        (folder / content).mkdir()
        for version in ("1.0", "2.0", "3.0"):
            path = distributions.wheel(folder / content, version=version, module=f"x = '{content}'")
            # That in two spellings is not signed: to add attestations later is more than this model
            # knows.
            uploads.append(upload(path, signed=content == "first" and version != "1.0"))
        spelled = folder / content / "demo-1.0.0-py3-none-any.whl"
        spelled.write_bytes((folder / content / "demo-1.0-py3-none-any.whl").read_bytes())
        uploads.append(upload(spelled))
    return {(each.filename.filename, each.content.digests["sha256"]): each for each in uploads}
