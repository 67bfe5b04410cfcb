import json
from typing import Any

import pytest

from support.attestations import (
    GITHUB,
    GITHUB_PUBLISHER,
    SLSA,
    attestation,
    certificate,
    encoded,
    statement,
)
from wheelyard_server.catalog.provenance.attestations import MAX_ATTESTATIONS, Subject, provenance
from wheelyard_server.catalog.provenance.ci_jobs import CIJob, GitHub
from wheelyard_server.errors import InvalidUploadError

NAME, SHA256 = "demo-1.0.tar.gz", "a" * 64
SUBJECT = Subject(NAME, SHA256)
GOOD = attestation(statement(NAME, SHA256))
BUILD = attestation(statement(NAME, SHA256, predicateType=SLSA))
OTHER_JOB = certificate({**GITHUB, 18: "https://github.com/acme/app/.github/workflows/build.yml@refs/tags/v1"})
BUILT_ELSEWHERE = attestation(statement(NAME, SHA256, predicateType=SLSA), OTHER_JOB)
RELEASE = GitHub(repository="acme/app", workflow="release.yml", environment="production")


def bundles(
    *attestations: dict[str, Any], job: CIJob | None = None, earlier: bytes | None = None
) -> list[tuple[Any, Any]]:
    shown = json.loads(provenance(json.dumps(attestations), SUBJECT, job, earlier))
    assert shown["version"] == 1
    return [(bundle["publisher"], bundle["attestations"]) for bundle in shown["attestation_bundles"]]


def test_attestations_are_shown_unchanged_with_the_job_that_signed_them() -> None:
    assert bundles(GOOD, BUILD) == [(GITHUB_PUBLISHER, [GOOD, BUILD])]


def test_attestations_of_two_jobs_are_two_bundles() -> None:
    assert bundles(GOOD, BUILT_ELSEWHERE) == [
        (GITHUB_PUBLISHER, [GOOD]),
        ({**GITHUB_PUBLISHER, "workflow": "build.yml"}, [BUILT_ELSEWHERE]),
    ]


def test_a_job_that_uploads_itself_is_shown_as_its_token_names_it() -> None:
    assert bundles(GOOD, job=RELEASE) == [({**GITHUB_PUBLISHER, "environment": "production"}, [GOOD])]


def test_a_job_cannot_upload_what_another_job_signed() -> None:
    with pytest.raises(InvalidUploadError, match="a different CI job"):
        bundles(GOOD, BUILT_ELSEWHERE, job=RELEASE)


def test_later_attestations_are_added_once() -> None:
    first = provenance(json.dumps([GOOD]), SUBJECT, RELEASE)
    both = provenance(json.dumps([BUILT_ELSEWHERE]), SUBJECT, None, first)
    assert [len(bundle["attestations"]) for bundle in json.loads(both)["attestation_bundles"]] == [1, 1]
    assert json.loads(both)["attestation_bundles"][0] == json.loads(first)["attestation_bundles"][0]
    for again in (GOOD, BUILT_ELSEWHERE):
        assert provenance(json.dumps([again]), SUBJECT, None, both) == both


def test_a_provenance_object_with_the_user_as_publisher_is_made_readable() -> None:
    of_a_person = attestation(statement(NAME, SHA256), certificate({8: "https://github.com/login/oauth"}))
    bundle = {"publisher": {"kind": "Wheelyard", "user": "ci"}, "attestations": [GOOD, of_a_person]}
    earlier = json.dumps({"version": 1, "attestation_bundles": [bundle]}).encode()
    assert bundles(GOOD, earlier=earlier) == [(GITHUB_PUBLISHER, [GOOD])]


def test_the_number_of_attestations_per_file_is_limited() -> None:
    earlier = None
    for number in range(MAX_ATTESTATIONS):
        signed = attestation(statement(NAME, SHA256), signature=str(number).encode())
        earlier = provenance(json.dumps([signed]), SUBJECT, None, earlier)
    with pytest.raises(InvalidUploadError, match="20 attestations, but would have 21"):
        provenance(json.dumps([GOOD]), SUBJECT, None, earlier)


def test_the_size_of_attestations_is_limited() -> None:
    large = attestation(statement(NAME, SHA256, predicate="x" * 1024**2))
    with pytest.raises(InvalidUploadError, match="can have at most 1048576 bytes"):
        bundles(large)
    half = [attestation(statement(NAME, SHA256, predicate=[letter * 400_000])) for letter in "xy"]
    with pytest.raises(InvalidUploadError, match="can have at most 1048576 bytes"):
        bundles(half[0], earlier=provenance(json.dumps([half[1]]), SUBJECT))


@pytest.mark.parametrize(
    ("attestations", "reason"),
    [
        ([], "1 to 20"),
        ([GOOD] * 21, "1 to 20"),
        ([GOOD, GOOD], "same predicate type"),
        (GOOD, "does not conform to PEP 740"),
        ([{**GOOD, "version": 2}], "version"),
        ([{**GOOD, "envelope": {"statement": "", "signature": ""}}], "statement"),
        ([{**GOOD, "envelope": {"statement": "?", "signature": ""}}], "not base64"),
        ([{**GOOD, "envelope": {**GOOD["envelope"], "signature": "é"}}], "not base64"),
        ([{**GOOD, "verification_material": {"certificate": "", "transparency_entries": []}}], "transparency"),
        (
            [{**GOOD, "verification_material": {"certificate": encoded(b"?"), "transparency_entries": [{}]}}],
            r"not an X\.509 certificate",
        ),
        ([{**GOOD, "envelope": {"statement": encoded(b"[]"), "signature": ""}}], "statement"),
        ([attestation(statement("demo-2.0.tar.gz", SHA256))], "a different file"),
        ([attestation(statement(NAME, "b" * 64))], "a different file"),
        ([attestation(statement(NAME, SHA256, subject=[]))], "exactly one file"),
        ([attestation(statement(NAME, SHA256, predicateType="https://example.com/"))], "predicate type"),
        ([attestation(statement(NAME, SHA256, _type="https://in-toto.io/Statement/v0.1"))], "predicate type"),
        ([attestation(statement(NAME, SHA256), certificate({}))], "or upload without attestations"),
    ],
)
def test_an_attestation_of_another_file_is_refused(attestations: Any, reason: str) -> None:
    with pytest.raises(InvalidUploadError, match=reason):
        provenance(json.dumps(attestations), SUBJECT)


def test_attestations_that_are_not_json_are_refused() -> None:
    with pytest.raises(InvalidUploadError, match="PEP 740"):
        provenance("{", SUBJECT)
