"""The attested publisher of a file: the CI job that signed its attestations (PEP 740).

It is read from the certificates of the attestations whose statement names the file's digest, not
from what the object claims. The signatures are not verified: an upstream verifies them when it
takes a file, and an upstream that lies could send other files as well.
"""

import base64
from collections.abc import Iterator
from typing import Any

import msgspec

from wheelyard_server.catalog.provenance.attestations import MAX_ATTESTATIONS
from wheelyard_server.catalog.provenance.ci_jobs import CIJob, CircleCI, GitHub, GitLab, of_certificate
from wheelyard_server.model.mirror import NO_PUBLISHER

MAX_PUBLISHER_LENGTH = 500


class _Material(msgspec.Struct, frozen=True):
    certificate: str


class _Envelope(msgspec.Struct, frozen=True):
    statement: str


class _Attestation(msgspec.Struct, frozen=True):
    verification_material: _Material
    envelope: _Envelope


class _Bundle(msgspec.Struct, frozen=True):
    attestations: tuple[msgspec.Raw, ...]
    """Undecoded: one that cannot be read costs itself only."""


class _Provenance(msgspec.Struct, frozen=True):
    attestation_bundles: tuple[_Bundle, ...]


class _Subject(msgspec.Struct, frozen=True):
    digest: dict[str, str]


class _Statement(msgspec.Struct, frozen=True):
    subject: tuple[_Subject, ...]


def publisher_of(provenance: bytes, sha256: str) -> str:
    """Return the publisher of a file with this digest, such as `GitHub acme/demo release.yml`.

    Several are joined. `NO_PUBLISHER` if no attestation about the file names one.
    """
    try:
        bundles = msgspec.json.decode(provenance, type=_Provenance).attestation_bundles
    except (msgspec.MsgspecError, RecursionError):
        return NO_PUBLISHER
    signed = [each for bundle in bundles for each in bundle.attestations][:MAX_ATTESTATIONS]
    named = " and ".join(sorted({name for each in signed for name in _names(each, sha256)}))
    return named if 0 < len(named) <= MAX_PUBLISHER_LENGTH else NO_PUBLISHER


def _names(raw: msgspec.Raw, sha256: str) -> Iterator[str]:
    """Yield the name of the job that signed an attestation, if this is about the file."""
    try:
        attestation = msgspec.json.decode(raw, type=_Attestation)
        statement = msgspec.json.decode(base64.b64decode(attestation.envelope.statement), type=_Statement)
        job = of_certificate(base64.b64decode(attestation.verification_material.certificate))
    except (ValueError, msgspec.MsgspecError, RecursionError):
        return
    if job is not None and any(each.digest.get("sha256") == sha256 for each in statement.subject):
        yield _name(job)


def _name(job: CIJob) -> str:
    """Return the repository and the workflow, without what may differ between releases, such as a branch."""
    match job:
        case GitHub():
            parts: tuple[Any, ...] = ("GitHub", job.repository, job.workflow)
        case GitLab():
            parts = ("GitLab", job.repository, job.workflow_filepath)
        case CircleCI():
            parts = ("CircleCI", job.project_id, job.pipeline_definition_id)
        case _:
            parts = ("Google", job.email)
    return " ".join(parts)
