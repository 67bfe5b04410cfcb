"""The release that a page is about, and what must be said of it first; found once for each state of a project."""

from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple
from weakref import WeakKeyDictionary

from packaging.version import Version

from wheelyard_server.catalog.projects import latest
from wheelyard_server.catalog.stored_project import ProjectView
from wheelyard_server.errors import RefusedFileError
from wheelyard_server.model.offered_file import OfferedFile
from wheelyard_server.model.status import Status
from wheelyard_server.names import version_key
from wheelyard_server.web.pages.rendering import RenderingQueue
from wheelyard_server.web.site import words

MAX_REFUSED = 3
"""Refused versions that the first page of a project names; another page has all."""
_MAX_KEPT = 64
"""Releases of a project that are kept."""
_RENDERING = RenderingQueue()


class Notice(NamedTuple):
    """What a reader must know before anything else."""

    kind: str
    """The word for it, such as "yanked": it never depends on a color."""
    text: str
    until: str = ""
    tone: str = "warn"
    """How bad it is: warn, or bad if files are refused."""


class Release(NamedTuple):
    """A version of a project, or the project itself if no version is offered."""

    version: str
    """"" if none is offered."""
    latest: str
    """The version that an installer would choose; "" if none is offered."""
    files: tuple[OfferedFile, ...]
    """The offered files of the version."""
    notices: tuple[Notice, ...]
    is_known: bool = True
    """Whether there is such a version, offered or refused."""

    @property
    def published(self) -> datetime | None:
        """Return when its first file was published, in UTC."""
        return min((each.published for each in self.files if each.published is not None), default=None)


class Releases:
    """Finds releases of projects."""

    def __init__(self) -> None:
        # By `Offers`: a release follows from verdicts, and these from a document, a basis and a
        # time.
        self._known: WeakKeyDictionary[object, dict[str, Release]] = WeakKeyDictionary()

    async def of(self, view: ProjectView, version: Version | None) -> Release:
        """Return a version of a project; None is the latest one."""
        known = self._known.setdefault(view.offers, {})
        wanted = "" if version is None else version_key(str(version))
        found = known.get(wanted)
        if found is None:
            found = await _RENDERING(lambda: release(view, version), len(view.project.all_files))
            if len(known) >= _MAX_KEPT:
                known.clear()
            if found.is_known:
                known[wanted] = found
        return found


def release(view: ProjectView, version: Version | None) -> Release:
    """Return a version of a project; None is the latest one. It is not for the event loop if files are many."""
    of_name = view.refusal_of_name
    offered = {} if of_name is not None else {key: files for key, files in view.by_version.items() if key}
    newest = latest(offered) or ""
    wanted = newest if version is None else str(version)
    files = offered.get(version_key(wanted), ()) if wanted else ()
    refusals = _refusals(view, of_name, version, newest) if view.status != Status.QUARANTINED else ()
    notices = (*_of_status(view), *refusals, *_yanked(files))
    is_known = version is None or bool(files) or version_key(wanted) in view.offers.refused_by_version
    return Release(files[0].version if files else wanted, newest, files, notices, is_known)


def _of_status(view: ProjectView) -> Iterator[Notice]:
    if view.status != Status.ACTIVE:
        tone = "bad" if view.status == Status.QUARANTINED else "warn"
        yield Notice(words.line(view.status, 50), words.line(view.status_reason), tone=tone)


def _yanked(files: tuple[OfferedFile, ...]) -> Iterator[Notice]:
    """Yield whether a version is yanked: each reason once, which are one for all files nearly always."""
    yanked = [each.yanked for each in files if each.yanked is not None]
    for reason in list(dict.fromkeys(yanked))[:MAX_REFUSED]:
        some = "" if len(yanked) == len(files) else f"{len(yanked)} of {words.counted(len(files), 'file')}: "
        yield Notice("yanked", some + (words.line(reason) or "without a reason"))


def _refusals(
    view: ProjectView, of_name: RefusedFileError | None, version: Version | None, newest: str
) -> Iterator[Notice]:
    """Yield the refusal of the name or of the version; without a version, those of all that are newer."""
    if of_name is not None:
        yield notice_of("refused", of_name)
        return
    refused = view.offers.refused_by_version
    if version is not None:
        chosen = [str(version)] if version_key(str(version)) in refused else []
    else:
        chosen = _newer(view, newest)
    for each in chosen[:MAX_REFUSED]:
        error = view.refusal(each)
        if error is not None:
            yield notice_of(f"{each} refused" if version is None else "refused", error)


def _newer(view: ProjectView, newest: str) -> list[str]:
    """Return the refused versions that would be chosen before the newest, the highest first."""
    lowest = Version(newest) if newest else None
    found = [each.version for each in view.offers.refused_by_version.values() if each.version]
    versions = sorted({Version(each) for each in found}, reverse=True)
    return [str(each) for each in versions if lowest is None or each >= lowest]


def notice_of(kind: str, error: RefusedFileError) -> Notice:
    """Return a refusal."""
    until = error.refusal.until
    return Notice(kind, str(error), "" if until is None else words.minute(until), "bad")
