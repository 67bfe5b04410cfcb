"""`GET /project/<project>/versions/`: all versions, the newest first, offered or not."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from aiohttp import web
from packaging.version import Version

from wheelyard_server.catalog.stored_project import ProjectView
from wheelyard_server.model import File
from wheelyard_server.model.mirror import MirroredFile
from wheelyard_server.names import version_key
from wheelyard_server.web.pages.rendering import RenderingQueue
from wheelyard_server.web.site import words
from wheelyard_server.web.site.known_projects import known_project, sentence_about_source
from wheelyard_server.web.site.project import RELEASES
from wheelyard_server.web.site.projects import ROWS, links, page_number
from wheelyard_server.web.site.releases import Notice, notice_of
from wheelyard_server.web.site.site import SITE

_RENDERING = RenderingQueue()
_LATEST = ("latest", "good")
_PRERELEASE = ("pre-release", "")


class VersionRow(NamedTuple):
    """A version as the page shows it."""

    version: str
    published: str
    files: str
    """How many files of it are offered."""
    tags: tuple[tuple[str, str], ...]
    """Words for its state, and how bad each is."""
    notice: Notice | None
    """Why it is refused or yanked."""


async def versions(request: web.Request) -> web.Response:
    """Show the versions of a project."""
    known, number = await known_project(request), page_number(request)
    view = known.view
    ordered = await _RENDERING(lambda: in_order(view), len(view.project.all_files))
    shown = ordered[(number - 1) * ROWS : number * ROWS]
    latest = (await request.app[RELEASES].of(view, None)).version
    return await request.app[SITE].page(
        request,
        "project_versions.html",
        name=known.name,
        is_managed=known.is_managed,
        source=sentence_about_source(known),
        count=words.counted(len(ordered), "version"),
        versions=[row(view, files, latest) for files in shown],
        links=links("", number, len(ordered)),
    )


def in_order(view: ProjectView) -> Sequence[Sequence[File | MirroredFile]]:
    """Return the files of each version, offered or not, those of the newest first."""
    found: dict[str, list[File | MirroredFile]] = {}
    for file in view.project.all_files:
        if file.version:
            found.setdefault(version_key(file.version), []).append(file)
    return sorted(found.values(), key=lambda files: Version(files[0].version), reverse=True)


def row(view: ProjectView, files: Sequence[File | MirroredFile], latest: str) -> VersionRow:
    """Return a version as the page shows it."""
    version = files[0].version
    offered = [] if view.refusal_of_name is not None else [each for each in files if view.verdict(each).is_listed]
    published = min((each.published for each in offered if each.published is not None), default=None)
    return VersionRow(
        version=version,
        published="" if published is None else words.day(published),
        files=words.counted(len(offered), "file"),
        tags=tuple(_tags(version, latest)),
        notice=_notice(view, version, offered),
    )


def _tags(version: str, latest: str) -> Iterator[tuple[str, str]]:
    if version == latest:
        yield _LATEST
    if Version(version).is_prerelease:
        yield _PRERELEASE


def _notice(view: ProjectView, version: str, offered: Sequence[File | MirroredFile]) -> Notice | None:
    if not offered:
        error = view.refusal_of_name or view.refusal(version)
        return Notice("not listed", "") if error is None else notice_of("refused", error)
    reasons = [each.yanked for each in offered if each.yanked is not None]
    if not reasons:
        return None
    kind = "yanked" if len(reasons) == len(offered) else "yanked in part"
    return Notice(kind, words.line(reasons[0]) or "without a reason")
