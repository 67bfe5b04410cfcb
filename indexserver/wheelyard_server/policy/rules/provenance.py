"""The rule by publishers: a project whose publisher was attested stays with it (PEP 740).

The publisher of a project is that of its first file with a readable attestation. A later file
needs the same: repository and workflow as the certificate names them. So an attacker with a token
but without the project's CI is refused, and so is one with a CI of their own.
"""

from collections.abc import Iterator
from functools import partial

from wheelyard_server.model.mirror import NO_PUBLISHER, MirroredFile
from wheelyard_server.policy.case import Case, MirrorCheck, MirrorRule, time_of
from wheelyard_server.policy.objection import Objection
from wheelyard_server.policy.sentences import plain
from wheelyard_server.policy.verdict import Rule


def provenance(case: Case) -> MirrorCheck | None:
    """Object to files that do not come from the project's publisher; None if it has none."""
    first = case.first_attested
    if first is None:
        return None
    publisher, since = first.publisher, time_of(first)
    differs = partial(_differs, first=first)

    def check(file: MirroredFile) -> MirrorRule | None:
        is_same = publisher and file.publisher == publisher
        return None if is_same or file.filename == first.filename or time_of(file) < since else differs

    return check


def _differs(case: Case, file: MirroredFile, first: MirroredFile) -> Iterator[Objection]:
    name, publisher = plain(file.filename), plain(first.publisher, 100)
    if not first.publisher or (file.has_provenance and not file.publisher):
        text = f"The publisher of {name} is not known yet"
    elif file.publisher in ("", NO_PUBLISHER):
        text = f"{name} has no attested publisher, but earlier files are published by {publisher}"
    else:
        other = plain(file.publisher, 100)
        text = f"{name} is published by {other}, but earlier files by {publisher}"
    yield case.exceptable(Objection(Rule.PROVENANCE, text, case.rules.provenance.action), file)
