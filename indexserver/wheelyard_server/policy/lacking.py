"""Facts about files that rules depend on and that this index has not looked up yet."""

from collections.abc import Callable
from typing import NamedTuple

from wheelyard_server.model.mirror import MirroredFile
from wheelyard_server.policy.case import AnyFile, Case
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
    unknown = _unknown_publishers(case.first_attested) if mirror is not None and needs_publisher else None
    if not needs_license and unknown is None:
        return None

    def lacking(file: AnyFile) -> Lacking:
        publishers = unknown(file) if unknown is not None and isinstance(file, MirroredFile) else ()
        if needs_license and not file.license:
            return Lacking((file,), publishers)
        return Lacking((), publishers) if publishers else NOTHING

    return lacking


def _unknown_publishers(first: MirroredFile | None) -> Callable[[MirroredFile], tuple[MirroredFile, ...]]:
    """Return a function to the file itself, and the first one, to which it is compared."""
    firsts = (first,) if first is not None and _is_unknown(first) else ()

    def unknown(file: MirroredFile) -> tuple[MirroredFile, ...]:
        if file.publisher or not _is_unknown(file) or file in firsts:
            return firsts
        return (*firsts, file)

    return unknown


def _is_unknown(file: MirroredFile) -> bool:
    """Return whether there is a provenance object to be read. It is about a digest, so there must be one."""
    return file.has_provenance and not file.publisher and bool(file.sha256)
