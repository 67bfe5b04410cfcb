"""The commit of an upload: inspect the file, store its bytes, then swap the project's document.

The swap is the commit. A crash before it leaves objects that no document names; after it, the
upload is complete. There is no state between.
"""

import asyncio
import hashlib
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from wheelyard_server import spans
from wheelyard_server.catalog import edits
from wheelyard_server.catalog.decisions import Decisions
from wheelyard_server.catalog.documents import Documents
from wheelyard_server.catalog.inspection import ArchiveLimits, CoreMetadata, inspect
from wheelyard_server.catalog.inspection.licenses import license_of
from wheelyard_server.catalog.mirrors.claims import upheld
from wheelyard_server.catalog.provenance.attestations import Subject, provenance
from wheelyard_server.catalog.provenance.ci_jobs import CIJob
from wheelyard_server.catalog.provenance.later_attestations import LaterAttestations
from wheelyard_server.catalog.scratch import Received
from wheelyard_server.catalog.stored_project import Views
from wheelyard_server.errors import InvalidUploadError
from wheelyard_server.events.kinds import published
from wheelyard_server.model import File, Finding, Project, findings
from wheelyard_server.names import DistributionFilename, NormalizedName
from wheelyard_server.policy.judge import Judge
from wheelyard_server.policy.verdict import Verdict
from wheelyard_server.settings import Accept
from wheelyard_server.storage import layout

INSPECTIONS_AT_ONCE = 2
"""Each inspection may use one processor, and 80 MiB for the largest archives."""


_FORMAT_OF_FINDINGS = 2


@dataclass(frozen=True, slots=True)
class UploadLimits:
    """Limits and rules for uploads."""

    project_files: int = 20_000
    archive: ArchiveLimits = field(default_factory=ArchiveLimits)
    accept: Accept = Accept.INSTALLABLE


@dataclass(frozen=True, slots=True)
class Upload:
    """A received file, whose form has been checked against it."""

    filename: DistributionFilename
    content: Received
    uploader: str
    attestations: str | None = None
    """The form's field of PEP 740, unparsed."""
    job: CIJob | None = None
    """The CI job that uploads, if its token names one."""


class _Inspected(NamedTuple):
    metadata: CoreMetadata
    findings: tuple[Finding, ...]
    provenance: bytes | None


class Publisher:
    """Commits uploads to a storage."""

    def __init__(
        self,
        documents: Documents,
        attestations: LaterAttestations,
        limits: UploadLimits,
        views: Views,
        decisions: Decisions,
    ) -> None:
        self._documents = documents
        self._counts, self._decisions = decisions.counts, decisions
        self._attestations = attestations
        self._limits = limits
        self._inspections = asyncio.Semaphore(INSPECTIONS_AT_ONCE)
        self._basis, self._now = views.basis, views.now

    async def publish(self, upload: Upload) -> None:
        """Return when the file is visible on every replica. Publishing the same bytes again is a success.

        Raises `InvalidUploadError`, `ProjectClosedError`, `RefusedFileError` if a rule would refuse
        to serve the file, and for a filename that has or had other bytes
        `FileExistsWithOtherContentError` or `FilenameDeletedError`.
        """
        name = upload.filename.project
        with spans.step("upload.inspect"):
            inspected = await self._inspected(upload)
        file = self._describe(upload, inspected)
        # Otherwise an upload would succeed that no client could ever download.
        self._decisions.require_served(name, file, self._verdict(name, file))
        await self._check_findings_can_be_kept(file)
        with spans.step("upload.commit"):
            project = await self._documents.change(
                name,
                lambda project: edits.with_file(
                    upheld(project, self._basis.policy), file, self._limits.project_files
                ),
                _objects(name, file, upload, inspected),
            )
        stored = project.same_file(file.filename)
        if stored is not None and stored.upload_id == file.upload_id:
            self._counts.events.emit(published(name, stored))
        if upload.attestations is not None and stored is not None and stored.upload_id != file.upload_id:
            with spans.step("upload.attest"):
                await self._attestations.add(name, file.filename, upload.attestations, upload.job)

    def _verdict(self, name: NormalizedName, file: File) -> Verdict:
        """Return the verdict on a file of this index's own, whatever the status of its project."""
        return Judge(Project(name=name, files=(file,)), self._basis.value, self._now()).verdict(file)

    async def _check_findings_can_be_kept(self, file: File) -> None:
        """Refuse a file with findings while servers of the previous release may run: they would lose them."""
        if file.findings and await self._documents.format() < _FORMAT_OF_FINDINGS:
            wait = "such files are accepted once all servers of this index have been upgraded"
            raise InvalidUploadError(f"{file.findings[0].message}; {wait}")

    async def _inspected(self, upload: Upload) -> _Inspected:
        async with self._inspections:
            return await asyncio.to_thread(self._inspect, upload)

    def _inspect(self, upload: Upload) -> _Inspected:
        with upload.content.open() as file:
            inspected = inspect(file, upload.filename, self._limits.archive, self._limits.accept)
        return _Inspected(*inspected, _provenance(upload))

    def _describe(self, upload: Upload, inspected: _Inspected) -> File:
        metadata, found, signed = inspected
        now = self._now()
        return File(
            filename=upload.filename.filename,
            version=str(upload.filename.version),
            upload_id=uuid.uuid4().hex,
            size=upload.content.size,
            sha256=upload.content.digests["sha256"],
            upload_time=now,
            added=now,
            uploader=upload.uploader,
            core_metadata_sha256=hashlib.sha256(metadata.raw).hexdigest(),
            requires_python=metadata.requires_python,
            summary=metadata.summary,
            provenance_sha256=hashlib.sha256(signed).hexdigest() if signed else None,
            findings=findings(found),
            license=license_of(metadata.raw),
        )


def _provenance(upload: Upload) -> bytes | None:
    if upload.attestations is None:
        return None
    subject = Subject(upload.filename.filename, upload.content.digests["sha256"])
    return provenance(upload.attestations, subject, upload.job)


def _objects(name: NormalizedName, file: File, upload: Upload, inspected: _Inspected) -> Mapping[str, Path | bytes]:
    objects: dict[str, Path | bytes] = {
        layout.content(name, file): upload.content.source,
        layout.core_metadata(name, file): inspected.metadata.raw,
    }
    if inspected.provenance is not None:
        objects[layout.provenance(name, file)] = inspected.provenance
    return objects
