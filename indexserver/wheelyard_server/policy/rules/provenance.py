"""The rule by publishers: a project whose publisher was attested stays with it (PEP 740).

The publisher of a project is that of its first file with a readable attestation. A later file
needs the same: repository and workflow as the certificate names them. So an attacker with a token
but without the project's CI is refused, and so is one with a CI of their own.
"""

from datetime import datetime

from wheelyard_server.model.mirror import NO_PUBLISHER, Mirror, MirroredFile
from wheelyard_server.policy.case import Case, MirrorCheck
from wheelyard_server.policy.moments import END_OF_TIME, aware
from wheelyard_server.policy.objection import Objection
from wheelyard_server.policy.sentences import plain
from wheelyard_server.policy.verdict import Rule


def provenance(case: Case, mirror: Mirror) -> MirrorCheck | None:
    """Object to files that do not come from the project's publisher; None if it has none."""
    first = first_attested(mirror)
    if first is None:
        return None
    since = _time(first)

    def check(file: MirroredFile) -> tuple[Objection, ...]:
        is_same = first.publisher and file.publisher == first.publisher
        if is_same or file.filename == first.filename or _time(file) < since:
            return ()
        return (_differs(case, file, first),)

    return check


def first_attested(mirror: Mirror) -> MirroredFile | None:
    """Return the first file with a provenance object that names a publisher, or was not read yet."""
    attested = (file for file in mirror.files if file.has_provenance and file.publisher != NO_PUBLISHER)
    return min(attested, key=lambda file: (_time(file), file.filename), default=None)


def _differs(case: Case, file: MirroredFile, first: MirroredFile) -> Objection:
    name, publisher = plain(file.filename), plain(first.publisher, 100)
    if not first.publisher or (file.has_provenance and not file.publisher):
        text = f"The publisher of {name} is not known yet"
    elif file.publisher in ("", NO_PUBLISHER):
        text = f"{name} has no attested publisher, but earlier files are published by {publisher}"
    else:
        other = plain(file.publisher, 100)
        text = f"{name} is published by {other}, but earlier files by {publisher}"
    return case.exceptable(Objection(Rule.PROVENANCE, text, case.rules.provenance.action), file)


def _time(file: MirroredFile) -> datetime:
    """Return when a file was published. One without a time counts as later than all others."""
    return aware(file.published or END_OF_TIME)
