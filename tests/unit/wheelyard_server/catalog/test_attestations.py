import json
from typing import Any

import pytest

from support.attestations import attestation, encoded, statement
from wheelyard_server.catalog.attestations import provenance
from wheelyard_server.errors import InvalidUploadError

NAME, SHA256 = "demo-1.0.tar.gz", "a" * 64
GOOD = attestation(statement(NAME, SHA256))
SLSA = attestation(statement(NAME, SHA256, predicateType="https://slsa.dev/provenance/v1"))


def test_attestations_are_shown_as_they_came_with_who_published_them() -> None:
    shown = json.loads(provenance(json.dumps([GOOD, SLSA]), NAME, SHA256, "ci.jenkins"))
    assert shown == {
        "version": 1,
        "attestation_bundles": [
            {"publisher": {"kind": "Wheelyard", "user": "ci.jenkins"}, "attestations": [GOOD, SLSA]}
        ],
    }


@pytest.mark.parametrize(
    ("attestations", "reason"),
    [
        ([], "1 to 16"),
        ([GOOD] * 17, "1 to 16"),
        ([GOOD, GOOD], "same predicate type"),
        (GOOD, "not what PEP 740 describes"),
        ([{**GOOD, "version": 2}], "version"),
        ([{**GOOD, "envelope": {"statement": "", "signature": ""}}], "statement"),
        ([{**GOOD, "envelope": {"statement": "?", "signature": ""}}], "not base64"),
        ([{**GOOD, "envelope": {**GOOD["envelope"], "signature": "é"}}], "not base64"),
        ([{**GOOD, "verification_material": {"certificate": "", "transparency_entries": []}}], "transparency"),
        ([{**GOOD, "envelope": {"statement": encoded(b"[]"), "signature": ""}}], "statement"),
        ([attestation(statement("demo-2.0.tar.gz", SHA256))], "another file"),
        ([attestation(statement(NAME, "b" * 64))], "another file"),
        ([attestation(statement(NAME, SHA256, subject=[]))], "exactly one file"),
        ([attestation(statement(NAME, SHA256, predicateType="https://example.com/"))], "predicate type"),
        ([attestation(statement(NAME, SHA256, _type="https://in-toto.io/Statement/v0.1"))], "predicate type"),
    ],
)
def test_what_is_no_attestation_of_this_file_is_refused(attestations: Any, reason: str) -> None:
    with pytest.raises(InvalidUploadError, match=reason):
        provenance(json.dumps(attestations), NAME, SHA256, "ci.jenkins")


def test_what_is_not_json_is_refused() -> None:
    with pytest.raises(InvalidUploadError, match="PEP 740"):
        provenance("{", NAME, SHA256, "ci.jenkins")
