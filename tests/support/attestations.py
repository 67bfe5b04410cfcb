"""Attestations as clients send them: with Sigstore's extensions in the certificates, and no real signatures."""

import base64
import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat import asn1
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

PUBLISH = "https://docs.pypi.org/attestations/publish/v1"
SLSA = "https://slsa.dev/provenance/v1"
GITHUB = {
    8: "https://token.actions.githubusercontent.com",
    12: "https://github.com/acme/app",
    18: "https://github.com/acme/app/.github/workflows/release.yml@refs/tags/v1",
}
"""Sigstore's extensions of a job of GitHub Actions, by the last number of their identifiers."""
GITHUB_PUBLISHER = {"kind": "GitHub", "repository": "acme/app", "workflow": "release.yml"}


def statement(filename: str, sha256: str, **changed: Any) -> dict[str, Any]:
    return {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": filename, "digest": {"sha256": sha256}}],
        "predicateType": PUBLISH,
        "predicate": None,
        **changed,
    }


def attestation(statement: dict[str, Any], signer: bytes | None = None, signature: bytes = b"") -> dict[str, Any]:
    return {
        "version": 1,
        "verification_material": {
            "certificate": encoded(signer or github()),
            "transparency_entries": [{"logIndex": "1"}],
        },
        "envelope": {"statement": encoded(json.dumps(statement).encode()), "signature": encoded(signature)},
    }


def attested(path: Path) -> str:
    """Return the field `attestations` of a form that uploads this file."""
    return json.dumps([attestation(statement(path.name, hashlib.sha256(path.read_bytes()).hexdigest()))])


@cache
def github() -> bytes:
    return certificate(GITHUB)


def certificate(extensions: Mapping[int, str], email: str | None = None) -> bytes:
    """Return a certificate (DER) that is signed by itself, with Sigstore's extensions."""
    key = ec.generate_private_key(ec.SECP256R1())
    name, now = x509.Name([]), datetime.now(UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(now).not_valid_after(now + timedelta(minutes=10))
    for last, text in extensions.items():
        oid = x509.ObjectIdentifier(f"1.3.6.1.4.1.57264.1.{last}")
        builder = builder.add_extension(x509.UnrecognizedExtension(oid, asn1.encode_der(text)), critical=False)
    if email is not None:
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.RFC822Name(email)]), critical=True)
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.DER)


def encoded(body: bytes) -> str:
    return base64.b64encode(body).decode()
