"""Attestations as clients send them, with signatures that nobody checks here."""

import base64
import json
from typing import Any

PUBLISH = "https://docs.pypi.org/attestations/publish/v1"


def statement(filename: str, sha256: str, **changed: Any) -> dict[str, Any]:
    return {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": filename, "digest": {"sha256": sha256}}],
        "predicateType": PUBLISH,
        "predicate": None,
        **changed,
    }


def attestation(statement: dict[str, Any]) -> dict[str, Any]:
    return {
        "version": 1,
        "verification_material": {"certificate": encoded(b"cert"), "transparency_entries": [{"logIndex": "1"}]},
        "envelope": {"statement": encoded(json.dumps(statement).encode()), "signature": encoded(b"signed")},
    }


def encoded(body: bytes) -> str:
    return base64.b64encode(body).decode()
