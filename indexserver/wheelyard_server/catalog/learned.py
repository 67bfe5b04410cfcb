"""Facts that this index has learned of files, and their way into their project's document. Pure functions."""

from collections.abc import Iterable
from typing import NamedTuple

from wheelyard_server.model import File, Project
from wheelyard_server.model.mirror import MirroredFile


class Fact(NamedTuple):
    """The facts about one file. Empty fields were not looked up."""

    file: File | MirroredFile
    """The file as it was listed then."""
    license: str = ""
    publisher: str = ""
    provenance_sha256: str | None = None
    """Digest of the provenance object that names the publisher."""


def with_facts(project: Project, facts: Iterable[Fact]) -> Project:
    """Return the project with facts about its files. A fact about other bytes does not count by now."""
    by_name = {fact.file.filename: fact for fact in facts}
    mirror = project.mirror
    files = tuple(_local(file, by_name.get(file.filename)) for file in project.files)
    changed = project.replace(files=files) if files != project.files else project
    if mirror is None:
        return changed
    mirrored = tuple(_mirrored(file, by_name.get(file.filename)) for file in mirror.files)
    return changed if mirrored == mirror.files else changed.replace(mirror=mirror.replace(files=mirrored))


def _local(file: File, fact: Fact | None) -> File:
    is_known = fact is None or not fact.license or fact.file.sha256 != file.sha256
    return file if fact is None or is_known else file.replace(license=fact.license)


def _mirrored(file: MirroredFile, fact: Fact | None) -> MirroredFile:
    if fact is None or not isinstance(fact.file, MirroredFile) or fact.file.sha256 != file.sha256:
        return file
    known = file.replace(license=fact.license) if fact.license else file
    if not fact.publisher or fact.file.provenance_url != file.provenance_url:
        return known
    return known.replace(publisher=fact.publisher, provenance_sha256=fact.provenance_sha256)
