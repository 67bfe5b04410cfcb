"""Runs in the environment of `pypi-attestations`: verify a file by a provenance object, as an installer would."""

import sys
from pathlib import Path

from pypi_attestations import Distribution, Provenance


def main(provenance: str, distribution: str) -> None:
    """Print the publisher's kind and the predicate type of each attestation that was verified."""
    found = Provenance.model_validate_json(Path(provenance).read_text())
    file = Distribution.from_file(Path(distribution))
    for bundle in found.attestation_bundles:
        for attestation in bundle.attestations:
            # Offline: by the root of trust that the library ships.
            predicate_type, _ = attestation.verify(bundle.publisher, file, offline=True)
            sys.stdout.write(f"{bundle.publisher.kind} {predicate_type}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
