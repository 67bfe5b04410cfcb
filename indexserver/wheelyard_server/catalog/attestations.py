"""Attestations of an upload, and the provenance object that shows them: PEP 740.

https://packaging.python.org/en/latest/specifications/index-hosted-attestations/. Their shape is checked, and that
they are about this very file. Who signed them is for the reader to verify: that is what signatures are for.
"""

import base64
import binascii
from typing import Annotated, Any, Literal, TypeVar

import msgspec

from wheelyard_server.errors import InvalidUploadError

MOST_ATTESTATIONS = 16
PREDICATE_TYPES = (
    "https://docs.pypi.org/attestations/publish/v1",
    "https://slsa.dev/provenance/v1",
)
_STATEMENT_TYPE = "https://in-toto.io/Statement/v1"

T = TypeVar("T")


class _VerificationMaterial(msgspec.Struct, frozen=True):
    certificate: str
    transparency_entries: Annotated[tuple[dict[str, Any], ...], msgspec.Meta(min_length=1)]


class _Envelope(msgspec.Struct, frozen=True):
    statement: str
    signature: str


class _Attestation(msgspec.Struct, frozen=True):
    version: Literal[1]
    verification_material: _VerificationMaterial
    envelope: _Envelope


class _Subject(msgspec.Struct, frozen=True):
    name: str
    digest: dict[str, str]


class _Statement(msgspec.Struct, frozen=True):
    type_: str = msgspec.field(name="_type")
    subject: tuple[_Subject, ...]
    predicate_type: str = msgspec.field(name="predicateType")


def provenance(attestations: str, filename: str, sha256: str, publisher: str) -> bytes:
    """Return the provenance object for the form's field `attestations`, as published by this user.

    Raises `InvalidUploadError` if they are not attestations, or are about something else.
    """
    items = _decoded(attestations.encode(), list[_Attestation], "The field attestations")
    if not 0 < len(items) <= MOST_ATTESTATIONS:
        raise InvalidUploadError(f"The field attestations must hold 1 to {MOST_ATTESTATIONS} of them")
    predicate_types = [_checked_predicate(item, filename, sha256) for item in items]
    if len(set(predicate_types)) != len(predicate_types):
        raise InvalidUploadError("There are two attestations with the same predicate type")
    bundle = {
        "publisher": {"kind": "Wheelyard", "user": publisher},
        # As they came: whatever else they say belongs to what is signed.
        "attestations": msgspec.json.decode(attestations),
    }
    return msgspec.json.encode({"version": 1, "attestation_bundles": [bundle]})


def _checked_predicate(attestation: _Attestation, filename: str, sha256: str) -> str:
    for encoded in (attestation.verification_material.certificate, attestation.envelope.signature):
        _from_base64(encoded)
    statement = _decoded(
        _from_base64(attestation.envelope.statement), _Statement, "The statement of an attestation"
    )
    if statement.type_ != _STATEMENT_TYPE or statement.predicate_type not in PREDICATE_TYPES:
        raise InvalidUploadError(f"An attestation's predicate type must be one of {', '.join(PREDICATE_TYPES)}")
    if len(statement.subject) != 1:
        raise InvalidUploadError("An attestation must be about exactly one file")
    (subject,) = statement.subject
    if subject.name != filename or subject.digest.get("sha256") != sha256:
        raise InvalidUploadError(f"An attestation is about another file than this {filename}: sign what you upload")
    return statement.predicate_type


def _decoded(text: bytes, wanted: type[T], what: str) -> T:
    try:
        return msgspec.json.decode(text, type=wanted)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise InvalidUploadError(f"{what} is not what PEP 740 describes: {error}") from None


def _from_base64(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise InvalidUploadError("An attestation has a part that is not base64") from None
