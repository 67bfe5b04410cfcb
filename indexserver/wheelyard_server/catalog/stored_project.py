"""A project as the storage, the cache and readers have it: the values that pass between them."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

import msgspec

from wheelyard_server.catalog import encoding
from wheelyard_server.catalog.current_basis import CurrentBasis
from wheelyard_server.catalog.offers import Offers, status_of
from wheelyard_server.catalog.refusals import refused, refused_name
from wheelyard_server.clock import WallClock, utc_now
from wheelyard_server.errors import DamagedObjectError, RefusedFileError
from wheelyard_server.model import FORMAT, File, Project
from wheelyard_server.model.mirror import MirroredFile
from wheelyard_server.model.offered_file import OfferedFile
from wheelyard_server.names import version_key
from wheelyard_server.policy.confirmation import is_confirmed
from wheelyard_server.policy.verdict import Verdict
from wheelyard_server.sliced import in_slices
from wheelyard_server.storage import ETag, Fingerprint, layout


class StoredProject(NamedTuple):
    """A project as read from its document; without an ETag if there is no document yet."""

    project: Project
    etag: ETag | None


class Staleness(NamedTuple):
    """The age of a project that cannot be confirmed now."""

    seconds: float
    waiting_for: str
    """What does not answer: "the storage", or "the upstream NAME"."""


class ForwardReason(StrEnum):
    """Why an upstream was asked before an answer, as RFC 9211 calls it."""

    MISS = "miss"
    """Nothing was known."""
    STALE = "stale"
    """The page was no longer fresh."""


class Forwarded(NamedTuple):
    """That an upstream was asked for an answer."""

    reason: ForwardReason
    upstream: str


@dataclass(frozen=True, slots=True)
class ProjectView:
    """A project that is there, as readers see it: local or mirrored, with the files that a policy offers."""

    project: Project
    etag: ETag
    """ETag of its document, so the same on every replica."""
    offers: Offers = field(compare=False, repr=False)
    stale_seconds: float | None = None
    """Age in seconds while the storage or the upstream does not answer; None if current."""
    waiting_for: str = "the storage"
    """What does not answer while it is stale, for people."""
    forwarded: Forwarded | None = None

    @property
    def caveat(self) -> Staleness | Forwarded | None:
        """Return how old this is, or that an upstream was asked for it; None if it was here and current."""
        if self.stale_seconds is None:
            return self.forwarded
        return Staleness(self.stale_seconds, self.waiting_for)

    @property
    def revision(self) -> str:
        """Return what pages depend on in addition to the document: part of the keys of page caches and of ETags.

        It is "" if no rule concerns a file of the project.
        """
        return self.offers.revision

    @property
    def files(self) -> tuple[OfferedFile, ...]:
        """Return the files that pages list, in the document's order."""
        return self.offers.listed

    @property
    def file_count(self) -> int:
        """Return the number of `files`, which need not be decoded for that."""
        return self.offers.count

    @property
    def listed_names(self) -> frozenset[str]:
        """Return the names of the files that pages list."""
        return self.offers.listed_names

    @property
    def versions(self) -> tuple[str, ...]:
        """Return all versions (PEP 700), also those of an upstream that have no files."""
        mirror = self.project.mirror
        if mirror is None:
            return self.project.versions
        return mirror.versions or tuple(dict.fromkeys(file.version for file in self.files if file.version))

    @property
    def by_version(self) -> dict[str, tuple[OfferedFile, ...]]:
        """Return the listed files of each version by its `version_key`, in the document's order."""
        return self.offers.by_version

    @property
    def has_provenance(self) -> bool:
        """Return whether any listed file has a provenance object (PEP 740)."""
        return self.offers.has_provenance

    @property
    def status(self) -> str:
        """Return the status marker (PEP 792): this index's own unless it is active, else the upstream's."""
        return status_of(self.project)[0]

    @property
    def status_reason(self) -> str:
        """Return the reason of the status."""
        return status_of(self.project)[1]

    async def file(self, filename: str) -> File | MirroredFile | None:
        """Return the file of that name, whether it is listed or not: ask for the `verdict` on it."""
        return await self.offers.file(filename)

    async def at_path(self, path: str) -> MirroredFile | None:
        """Return the mirrored file whose URL at the upstream has this decoded path, without the first slash.

        It may not be listed: ask for the `verdict` on it.
        """
        return await self.offers.at_path(path)

    @property
    def refusal_of_name(self) -> RefusedFileError | None:
        """Return the error for a request for the page of a name that a rule refuses; None if none does."""
        verdict = self.offers.verdict_on_name
        return None if verdict.is_served else refused_name(self.project.name, verdict)

    def refusal(self, version: str | None) -> RefusedFileError | None:
        """Return why no file of a version, or of any, is offered; None if no rule refuses one.

        A project may have many files: a thread should do this.
        """
        by_version = self.offers.refused_by_version
        file = next(iter(by_version.values()), None) if version is None else by_version.get(version_key(version))
        return None if file is None else refused(self.project.name, file, self.verdict(file))

    def source(self, file: MirroredFile) -> "MirroredSource":
        """Return a mirrored file of this project with the verdict on it."""
        return MirroredSource(self.project, file, self.verdict(file))

    def known_at_path(self, path: str) -> MirroredFile | None:
        """Do as `at_path`, but return None if that would take work for the whole project."""
        return self.offers.known_at_path(path)

    async def by_filename(self) -> tuple[File | MirroredFile, ...]:
        """Return all files, listed or not, sorted by filename."""
        return await self.offers.by_filename()

    def verdict(self, file: File | MirroredFile) -> Verdict:
        """Return whether a file of this project is listed and served, and why not."""
        return self.offers.verdict(file)


class MirroredSource(NamedTuple):
    """A mirrored file that may be served, with the project that lists it."""

    project: Project
    file: MirroredFile
    verdict: Verdict


class CachedDocument(NamedTuple):
    """The last read of a document, and when it was known to be current."""

    stored: StoredProject
    checked: float
    size: int
    """Size of the stored document in bytes."""
    fingerprint: Fingerprint | None
    """Fingerprint of the stored document, from before it was read."""
    view: ProjectView | None
    """The project as readers see it; None if it does not exist for them."""


class Views:
    """Makes views of projects by the basis that is in force."""

    def __init__(self, basis: CurrentBasis | None = None, now: WallClock = utc_now) -> None:
        self.basis = basis or CurrentBasis()
        self.now = now

    def of(self, stored: StoredProject) -> ProjectView | None:
        """Return the project as readers see it; None if it does not exist for them.

        That is a project without files, and one whose upstream no longer has it or is no longer
        asked.
        """
        project, etag = stored
        if etag is None or not (project.files or self._shows(project)):
            return None
        return ProjectView(project, etag, self.offers(project))

    def written(self, project: Project) -> ProjectView:
        """Return a project that was just written. Its view has no ETag, so pages cannot be made of it."""
        return ProjectView(project, ETag(""), self.offers(project))

    def offers(self, project: Project) -> Offers:
        """Return the verdicts on the files of a project, also of one that pages do not show."""
        return Offers(project, self.basis.value, self.now)

    def is_current(self, view: ProjectView) -> bool:
        """Return whether the verdicts in a view still hold."""
        offers = view.offers
        return offers.basis is self.basis.value and offers.is_current()

    def _shows(self, project: Project) -> bool:
        """Return whether there is a mirror that its upstream still has."""
        mirror = project.mirror
        if mirror is None or not self.basis.policy.upholds(project.owner, mirror, project.name):
            return False
        return not is_confirmed(mirror, mirror.missing)


async def parsed(body: bytes, name: str) -> Project:
    """Decode a document; a damaged or too new one raises `DamagedObjectError`, so it is never an empty project."""
    key = layout.document(name)
    try:
        work = encoding.decode_in_slices(body) if len(body) > encoding.LARGE_BYTES else None
        project = encoding.decode(body) if work is None else await in_slices(work)
    except msgspec.MsgspecError as error:
        raise DamagedObjectError(key, f"not a project document: {error}") from error
    if project.format > FORMAT:
        raise DamagedObjectError(
            key,
            f"the document has format {project.format}, but this server knows only {FORMAT}: upgrade the server",
        )
    if project.name != name:
        raise DamagedObjectError(key, f"the document belongs to the project {project.name!r}")
    return project
