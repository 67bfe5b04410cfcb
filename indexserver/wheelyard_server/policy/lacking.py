"""Facts about files that rules depend on and that this index has not looked up yet."""

from collections.abc import Callable
from typing import NamedTuple

from wheelyard_server.model.mirror import Mirror, MirroredFile
from wheelyard_server.policy.case import AnyFile, Case
from wheelyard_server.policy.rules.provenance import first_attested
from wheelyard_server.settings.policy import Action


class Lacking(NamedTuple):
    """The files of a project whose facts must be looked up."""

    license: tuple[AnyFile, ...] = ()
    publisher: tuple[MirroredFile, ...] = ()


NOTHING = Lacking()

LacksFacts = Callable[[AnyFile], Lacking]


def lacking_facts(case: Case) -> LacksFacts | None:
    """Return a function of a file to what must be looked up for a verdict on it; None if no rule needs facts."""
    needs_license = case.rules.licenses.action is not Action.OFF
    mirror = case.project.mirror
    needs_publisher = case.rules.provenance.action is not Action.OFF and case.of_name.needs_provenance
    unknown = _unknown_publishers(mirror) if mirror is not None and needs_publisher else None
    if not needs_license and unknown is None:
        return None

    def lacking(file: AnyFile) -> Lacking:
        licenses = (file,) if needs_license and not file.license else ()
        publishers = unknown(file) if unknown is not None and isinstance(file, MirroredFile) else ()
        return Lacking(licenses, publishers) if licenses or publishers else NOTHING

    return lacking


def _unknown_publishers(mirror: Mirror) -> Callable[[MirroredFile], tuple[MirroredFile, ...]]:
    """Return a function to the file itself, and the first one, to which it is compared."""
    first = first_attested(mirror)
    firsts = (first,) if first is not None and _is_unknown(first) else ()

    def unknown(file: MirroredFile) -> tuple[MirroredFile, ...]:
        return (*firsts, file) if _is_unknown(file) and file not in firsts else firsts

    return unknown


def _is_unknown(file: MirroredFile) -> bool:
    """Return whether there is a provenance object to be read. It is about a digest, so there must be one."""
    return file.has_provenance and not file.publisher and bool(file.sha256)
