"""Publishers in provenance objects: the job in the certificate, of attestations about this very file."""

import json
from typing import Any

import pytest

from support.attestations import GITHUB, attestation, certificate, github, statement
from wheelyard_server.catalog.provenance.publishers import publisher_of
from wheelyard_server.model.mirror import NO_PUBLISHER

SHA = "a" * 64
ACME = "GitHub acme/app release.yml"
GITLAB = {
    8: "https://gitlab.com",
    12: "https://gitlab.com/acme/app",
    18: "https://gitlab.com/acme/app//.gitlab-ci.yml@refs/tags/v1",
}


def signed(extensions: dict[int, str] | None = None, sha256: str = SHA, email: str | None = None) -> dict[str, Any]:
    signer = github() if extensions is None else certificate(extensions, email)
    return attestation(statement("demo-1.0.tar.gz", sha256), signer)


def provenance(*attestations: Any, publisher: dict[str, str] | None = None) -> bytes:
    claimed = publisher or {"kind": "GitHub", "repository": "claimed/app", "workflow": "claimed.yml"}
    bundle = {"publisher": claimed, "attestations": attestations}
    return json.dumps({"version": 1, "attestation_bundles": [bundle]}).encode()


@pytest.mark.parametrize(
    ("attestations", "publisher"),
    [
        ([signed()], ACME),
        ([signed(GITLAB)], "GitLab acme/app .gitlab-ci.yml"),
        ([signed({8: "https://accounts.google.com"}, email="ci@example.com")], "Google ci@example.com"),
        ([signed(), signed()], ACME),
        ([signed(), signed(GITLAB)], f"{ACME} and GitLab acme/app .gitlab-ci.yml"),
        # another branch or tag is the same publisher
        ([signed({**GITHUB, 18: GITHUB[18].replace("tags/v1", "heads/main")})], ACME),
        # about another file
        ([signed(sha256="b" * 64)], NO_PUBLISHER),
        ([signed(sha256="b" * 64), signed(GITLAB)], "GitLab acme/app .gitlab-ci.yml"),
        # an issuer that no verifier knows
        ([signed({8: "https://ci.example.com"})], NO_PUBLISHER),
        # unreadable ones cost themselves only
        (["text", {}, {**signed(), "envelope": {"statement": "?"}}, signed()], ACME),
        ([{**signed(), "verification_material": {"certificate": "AAAA"}}], NO_PUBLISHER),
        ([], NO_PUBLISHER),
    ],
)
def test_a_file_is_published_by_the_jobs_that_signed_it(attestations: list[Any], publisher: str) -> None:
    assert publisher_of(provenance(*attestations), SHA) == publisher


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b'{"attestation_bundles": 1}', b"\xff", b"[" * 100_000])
def test_an_object_that_cannot_be_read_names_no_publisher(body: bytes) -> None:
    assert publisher_of(body, SHA) == NO_PUBLISHER


def test_a_bounded_number_of_attestations_is_read() -> None:
    others = [signed(sha256="b" * 64)] * 20
    assert publisher_of(provenance(*others, signed()), SHA) == NO_PUBLISHER
