"""Attestations of a file, and the provenance object that contains them: PEP 740.

https://packaging.python.org/en/latest/specifications/index-hosted-attestations/. This checks their
form, and that they are about this file. Verifying the signatures is up to the reader, who trusts
Sigstore and not this index.
"""

import base64
import binascii
from collections.abc import Iterable, Iterator
from typing import Annotated, Any, Literal, NamedTuple, TypeVar

import msgspec

from wheelyard_server.catalog.provenance.ci_jobs import CIJob, of_certificate, parse
from wheelyard_server.errors import InvalidUploadError

MAX_ATTESTATIONS = 20
"""Maximum number of attestations of a file, including later ones."""
MAX_PROVENANCE_BYTES = 1024**2
PREDICATE_TYPES = (
    "https://docs.pypi.org/attestations/publish/v1",
    "https://slsa.dev/provenance/v1",
)
_STATEMENT_TYPE = "https://in-toto.io/Statement/v1"

T = TypeVar("T")


class Subject(NamedTuple):
    """The file that attestations are about."""

    filename: str
    sha256: str


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


class _Bundle(msgspec.Struct, frozen=True):
    publisher: CIJob
    attestations: tuple[dict[str, Any], ...]
    """Unparsed: other fields belong to the signed content."""


class _Provenance(msgspec.Struct, frozen=True):
    attestation_bundles: tuple[_Bundle, ...]
    version: Literal[1] = 1


class _StoredBundle(msgspec.Struct, frozen=True):
    publisher: dict[str, Any]
    attestations: tuple[dict[str, Any], ...]


class _StoredProvenance(msgspec.Struct, frozen=True):
    attestation_bundles: tuple[_StoredBundle, ...]


class _Signed(NamedTuple):
    publisher: CIJob
    attestation: dict[str, Any]

    @property
    def signature(self) -> tuple[str, str]:
        """Return the identity of an attestation: two with the same envelope are the same."""
        envelope = self.attestation["envelope"]
        return envelope["statement"], envelope["signature"]


def provenance(
    attestations: str, subject: Subject, publisher: CIJob | None = None, earlier: bytes | None = None
) -> bytes:
    """Return the provenance object for the form's field `attestations`.

    `publisher` is the CI job whose token uploaded them, if known: it must have signed them.
    Otherwise the publisher of each is the job in its certificate. `earlier` is the file's present
    provenance object: its attestations stay, and none is added twice.

    Raises `InvalidUploadError` for an invalid attestation, one about another file, or too many.
    """
    _check_size(attestations)
    uploaded = _uploaded(attestations, subject, publisher)
    signed = {each.signature: each for each in _signed(earlier)}
    for each in uploaded:
        signed.setdefault(each.signature, each)
    if len(signed) > MAX_ATTESTATIONS:
        raise InvalidUploadError(
            f"A file can have at most {MAX_ATTESTATIONS} attestations, but would have {len(signed)}"
        )
    body = msgspec.json.encode(_Provenance(tuple(_bundles(signed.values()))))
    _check_size(body)
    return body


def _check_size(body: str | bytes) -> None:
    if len(body) > MAX_PROVENANCE_BYTES:
        raise InvalidUploadError(f"The attestations of a file can have at most {MAX_PROVENANCE_BYTES} bytes")


def _uploaded(attestations: str, subject: Subject, publisher: CIJob | None) -> list[_Signed]:
    what = "The field attestations"
    items = _decoded(attestations.encode(), list[_Attestation], what)
    if not 0 < len(items) <= MAX_ATTESTATIONS:
        raise InvalidUploadError(f"{what} must contain 1 to {MAX_ATTESTATIONS} attestations")
    predicate_types = [_checked_predicate(item, subject) for item in items]
    if len(set(predicate_types)) != len(predicate_types):
        raise InvalidUploadError("Two attestations have the same predicate type")
    publishers = [_publisher_of(item, publisher) for item in items]
    return [_Signed(*each) for each in zip(publishers, msgspec.json.decode(attestations), strict=True)]


def _signed(earlier: bytes | None) -> Iterator[_Signed]:
    """Yield the attestations of a provenance object.

    Early releases stored the uploading user as the publisher, which verifiers refuse. For these,
    the publisher is the job in the certificate.
    """
    stored = msgspec.json.decode(earlier, type=_StoredProvenance).attestation_bundles if earlier else ()
    for bundle in stored:
        publisher = parse(bundle.publisher)
        for attestation in bundle.attestations:
            signer = publisher or _signer(attestation)
            if signer is not None:
                yield _Signed(signer, attestation)


def _signer(attestation: dict[str, Any]) -> CIJob | None:
    try:
        return of_certificate(base64.b64decode(attestation["verification_material"]["certificate"]))
    except ValueError:
        return None


def _bundles(signed: Iterable[_Signed]) -> Iterator[_Bundle]:
    by_publisher: dict[CIJob, list[dict[str, Any]]] = {}
    for publisher, attestation in signed:
        by_publisher.setdefault(publisher, []).append(attestation)
    for publisher, attestations in by_publisher.items():
        yield _Bundle(publisher, tuple(attestations))


def _publisher_of(attestation: _Attestation, uploader: CIJob | None) -> CIJob:
    try:
        signer = of_certificate(_from_base64(attestation.verification_material.certificate))
    except ValueError:
        raise InvalidUploadError("The certificate of an attestation is not an X.509 certificate (DER)") from None
    if signer is None:
        raise InvalidUploadError(
            "The signer of an attestation is of a kind that verifiers do not support: sign in GitHub Actions,"
            " gitlab.com, Google Cloud or CircleCI, or upload without attestations"
        )
    if uploader is None:
        return signer
    if not signer.is_same_job(uploader):
        raise InvalidUploadError("An attestation was signed by a different CI job than the one that uploads it")
    return uploader


def _checked_predicate(attestation: _Attestation, subject: Subject) -> str:
    _from_base64(attestation.envelope.signature)
    statement = _decoded(
        _from_base64(attestation.envelope.statement), _Statement, "The statement of an attestation"
    )
    if statement.type_ != _STATEMENT_TYPE or statement.predicate_type not in PREDICATE_TYPES:
        raise InvalidUploadError(f"An attestation's predicate type must be one of {', '.join(PREDICATE_TYPES)}")
    if len(statement.subject) != 1:
        raise InvalidUploadError("An attestation must be about exactly one file")
    (named,) = statement.subject
    if named.name != subject.filename or named.digest.get("sha256") != subject.sha256:
        raise InvalidUploadError(
            f"An attestation is about a different file than {subject.filename}: sign the file that you upload"
        )
    return statement.predicate_type


def _decoded(text: bytes, wanted: type[T], what: str) -> T:
    try:
        return msgspec.json.decode(text, type=wanted)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise InvalidUploadError(f"{what} does not conform to PEP 740: {error}") from None


def _from_base64(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise InvalidUploadError("An attestation contains a field that is not base64") from None
