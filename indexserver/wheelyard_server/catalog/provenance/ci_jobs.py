"""CI jobs that publish, as named in provenance objects (PEP 740).

The kinds and their fields are those of `pypi-attestations`, the library behind every verifier. It
refuses a whole provenance object for one unknown kind. https://docs.pypi.org/api/integrity/ shows
the objects.
"""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from cryptography import x509
from cryptography.hazmat import asn1

GITHUB_ISSUER = "https://token.actions.githubusercontent.com"
GITLAB_ISSUER = "https://gitlab.com"
GOOGLE_ISSUER = "https://accounts.google.com"
CIRCLECI_ISSUER = "https://oidc.circleci.com"

MAX_FIELD_LENGTH = 512
"""Maximum number of characters of each field of a job."""

_FULCIO = "1.3.6.1.4.1.57264.1."
"""Extensions of Sigstore's certificates:
https://github.com/sigstore/fulcio/blob/main/docs/oid-info.md."""
_ISSUER, _BUILD_SIGNER, _REPOSITORY, _REF, _BUILD_CONFIG = (f"{_FULCIO}{last}" for last in (8, 9, 12, 14, 18))

_NO_CERTIFICATE = (x509.InvalidVersion, x509.DuplicateExtension, x509.UnsupportedGeneralNameType)
"""Raised by the library for some invalid certificates; for all others it raises `ValueError`."""

Text = Mapping[str, str]


class _Kind(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="kind"):
    def is_same_job(self, other: "CIJob") -> bool:
        """Return whether these are the same job, apart from the environment, which certificates do not contain."""
        return _without_environment(self) == _without_environment(other)


class GitHub(_Kind, frozen=True, tag="GitHub"):
    """A workflow of GitHub Actions."""

    repository: str
    """`OWNER/REPOSITORY`."""
    workflow: str
    """The filename in `.github/workflows/`."""
    environment: str | None = None


class GitLab(_Kind, frozen=True, tag="GitLab"):
    """A pipeline of gitlab.com."""

    repository: str
    """`GROUP/PROJECT`, with all subgroups."""
    workflow_filepath: str
    """Usually `.gitlab-ci.yml`."""
    environment: str | None = None


class Google(_Kind, frozen=True, tag="Google"):
    """A service account of Google Cloud."""

    email: str


class CircleCI(_Kind, frozen=True, tag="CircleCI"):
    """A pipeline of CircleCI."""

    project_id: str
    pipeline_definition_id: str
    vcs_origin: str | None = None
    vcs_ref: str | None = None


CIJob = GitHub | GitLab | Google | CircleCI


def parse(value: object) -> CIJob | None:
    """Return the job in a provenance object or a minted token; None if its kind is unknown."""
    try:
        return msgspec.convert(value, CIJob)  # type: ignore[no-any-return]
    except msgspec.ValidationError:
        return None


def of_claims(issuer: str, claims: Mapping[str, Any]) -> CIJob | None:
    """Return the job that a CI token belongs to; None if verifiers do not support this kind of publisher.

    `claims` are those of a verified OpenID Connect token of this issuer. The job is the workflow
    that was started (`workflow_ref`), as in certificates, not a reusable workflow that it called.
    """
    read = _BY_CLAIMS.get(issuer)
    return (
        _bounded(read({name: value for name, value in claims.items() if isinstance(value, str)})) if read else None
    )


def of_certificate(der: bytes) -> CIJob | None:
    """Return the job that Sigstore issued a certificate to; None if verifiers do not support its kind.

    The certificate is not verified. That is up to the reader, who trusts Sigstore's root and not
    this index. Raises `ValueError` if this is not a certificate.
    """
    try:
        return _of_certificate(x509.load_der_x509_certificate(der))
    except _NO_CERTIFICATE as error:
        raise ValueError(str(error)) from error


def _of_certificate(certificate: x509.Certificate) -> CIJob | None:
    extensions = _extensions(certificate)
    read = _BY_CERTIFICATE.get(extensions.get(_ISSUER, ""))
    return _bounded(read(extensions, certificate)) if read else None


def _github_job(claims: Text) -> CIJob | None:
    repository = claims.get("repository", "")
    workflow = _github_workflow(repository, claims.get("workflow_ref", ""))
    environment = claims.get("environment") or None
    return GitHub(repository=repository, workflow=workflow, environment=environment) if workflow else None


def _gitlab_job(claims: Text) -> CIJob | None:
    repository = claims.get("project_path", "")
    path = _gitlab_path(repository, claims.get("ci_config_ref_uri", ""))
    environment = claims.get("environment") or None
    return GitLab(repository=repository, workflow_filepath=path, environment=environment) if path else None


def _github(extensions: Text, _: x509.Certificate) -> CIJob | None:
    repository = extensions.get(_REPOSITORY, "").removeprefix("https://github.com/")
    config = extensions.get(_BUILD_CONFIG, "").removeprefix("https://github.com/")
    workflow = _github_workflow(repository, config)
    return GitHub(repository=repository, workflow=workflow) if workflow else None


def _gitlab(extensions: Text, _: x509.Certificate) -> CIJob | None:
    repository = extensions.get(_REPOSITORY, "").removeprefix("https://gitlab.com/")
    path = _gitlab_path(repository, extensions.get(_BUILD_CONFIG, "").removeprefix("https://"))
    return GitLab(repository=repository, workflow_filepath=path) if path else None


def _google(_: Text, certificate: x509.Certificate) -> CIJob | None:
    emails = [
        name.value
        for extension in certificate.extensions
        if isinstance(extension.value, x509.SubjectAlternativeName)
        for name in extension.value
        if isinstance(name, x509.RFC822Name)
    ]
    return Google(email=emails[0]) if len(emails) == 1 else None


def _circleci(extensions: Text, _: x509.Certificate) -> CIJob | None:
    parts = extensions.get(_BUILD_SIGNER, "").removeprefix("https://circleci.com/api/v2/projects/").split("/")
    if len(parts) != 3 or parts[1] != "pipeline-definitions":
        return None
    return CircleCI(
        project_id=parts[0],
        pipeline_definition_id=parts[2],
        vcs_origin=extensions.get(_REPOSITORY),
        vcs_ref=extensions.get(_REF),
    )


_BY_CLAIMS: Mapping[str, Callable[[Text], CIJob | None]] = {
    GITHUB_ISSUER: _github_job,
    GITLAB_ISSUER: _gitlab_job,
}
_BY_CERTIFICATE: Mapping[str, Callable[[Text, x509.Certificate], CIJob | None]] = {
    GITHUB_ISSUER: _github,
    GITLAB_ISSUER: _gitlab,
    GOOGLE_ISSUER: _google,
    CIRCLECI_ISSUER: _circleci,
}


def _github_workflow(repository: str, config: str) -> str | None:
    """Return the filename in `OWNER/REPOSITORY/.github/workflows/FILE@REF`."""
    return _between(config, f"{repository}/.github/workflows/") if repository else None


def _gitlab_path(repository: str, config: str) -> str | None:
    """Return the path in `gitlab.com/GROUP/PROJECT//PATH@REF`."""
    return _between(config, f"gitlab.com/{repository}//") if repository else None


def _between(config: str, prefix: str) -> str | None:
    path, at, _ = config.removeprefix(prefix).partition("@")
    return path if config.startswith(prefix) and at and path else None


def _extensions(certificate: x509.Certificate) -> Text:
    """Return Sigstore's text extensions by object identifier."""
    return {
        each.oid.dotted_string: text
        for each in certificate.extensions
        if isinstance(each.value, x509.UnrecognizedExtension) and (text := _text(each.value.value)) is not None
    }


def _text(der: bytes) -> str | None:
    try:
        return asn1.decode_der(str, der)
    except ValueError:
        return None  # Sigstore's oldest extensions are untagged text.


def _bounded(job: CIJob | None) -> CIJob | None:
    if job is None:
        return None
    fields = (value for value in msgspec.structs.asdict(job).values() if value is not None)
    return job if all(len(value) <= MAX_FIELD_LENGTH for value in fields) else None


def _without_environment(job: object) -> object:
    if isinstance(job, GitHub | GitLab):
        return msgspec.structs.replace(job, environment=None)
    return job
