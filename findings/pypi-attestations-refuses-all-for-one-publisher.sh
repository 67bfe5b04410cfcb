#!/usr/bin/env bash
# pypi-attestations 0.0.30: a provenance object in which one bundle has a publisher of a kind that the library does not
# know cannot be read at all, though another bundle of it can be verified.
#
# Expected: PEP 740 leaves the kinds of publishers to the index; a verifier passes over those that it has no rule for,
# as it passes over keys of a publisher that it does not know.
# Seen (2026-11-30): ValidationError. As soon as one publisher of another kind signs a file too, the first one cannot be verified any more.
# The attestation is a real one, from the library's own source distribution.
#
# Needs Python 3.11 or later. Exits with 0 as long as this is true, otherwise with 1.
set -euo pipefail
home=$(mktemp -d)
trap 'rm -rf "$home"' EXIT
cd "$home"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check pypi-attestations==0.0.30
venv/bin/python - << 'PYTHON'
import json
import subprocess
import sys
import tarfile

from pydantic import ValidationError
from pypi_attestations import Provenance

pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps", "--no-binary", ":all:"]
subprocess.run([*pip, "pypi-attestations==0.0.30"], check=True, timeout=200)
with tarfile.open("pypi_attestations-0.0.30.tar.gz") as sdist:
    asset = "pypi_attestations-0.0.30/test/assets/rfc8785-0.1.2-py3-none-any.whl.publish.attestation"
    attestation = json.load(sdist.extractfile(asset))


def read(*publishers):
    bundles = [{"publisher": publisher, "attestations": [attestation]} for publisher in publishers]
    try:
        return len(Provenance.model_validate({"version": 1, "attestation_bundles": bundles}).attestation_bundles)
    except ValidationError as error:
        return str(error).splitlines()[2].strip()


known = {"kind": "GitHub", "repository": "trailofbits/rfc8785.py", "workflow": "release.yml", "team": "a key of the index"}
other = {"kind": "Buildkite", "pipeline": "release"}
print("one bundle:", read(known))
print("two bundles:", read(known, other))
# one bundle: 1
# two bundles: Input tag 'Buildkite' found using 'kind' does not match any of the expected tags: 'GitHub', ...
assert read(known) == 1, "the library does not read its own example"
assert str(read(known, other)).startswith("Input tag 'Buildkite'"), "the library passes over publishers it does not know"
PYTHON
