"""Renders the pages of the simple repository API, in HTML and JSON.

https://packaging.python.org/en/latest/specifications/simple-repository-api/ (PEP 503, 592, 629,
658, 691, 700, 714, 740, 792). Links to files are relative, so pages are the same under every host
name. PEP 740 requires absolute links to provenance objects, so a page with such a link differs for
each root.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from html import escape
from typing import Any, TypeVar
from urllib.parse import quote

import msgspec
from jinja2 import Environment, PackageLoader, StrictUndefined

from wheelyard_server.catalog.projects import Projects, SerialListing
from wheelyard_server.catalog.serials import last_serial
from wheelyard_server.catalog.stored_project import ProjectView
from wheelyard_server.model import File, Project
from wheelyard_server.web.pages.negotiation import Encoding, MediaType
from wheelyard_server.web.pages.rendering import OriginPageCache, PageCache
from wheelyard_server.web.pages.representation import Representation

API_VERSION = "1.4"
LAST_SERIAL = "_last-serial"
"""Keys with an underscore are specific to an index (PEP 691); this one is PyPI's."""
CACHED_BYTES = 32 * 1024**2
"""Memory for project pages."""
CACHED_WITH_ORIGIN_BYTES = 8 * 1024**2
"""Memory for project pages with absolute links."""
CACHED_FILENAMES_BYTES = 4 * 1024**2
"""Memory for lists of filenames, for hatch."""
CACHED_ROOT_BYTES = 16 * 1024**2
"""Memory for root pages."""
ROOT = "../.."
"""The index's root, relative to the page of a project."""

T = TypeVar("T")
_Key = tuple[str, str, MediaType]
"""Name and ETag of a project, and the media type of its page."""

templates = Environment(
    loader=PackageLoader("wheelyard_server.web.pages"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
)


class ProjectPages:
    """Project pages, rendered once for each state of the project and each representation."""

    def __init__(self) -> None:
        self._pages: PageCache[_Key] = PageCache(CACHED_BYTES)
        self._with_origin: OriginPageCache[_Key] = OriginPageCache(CACHED_WITH_ORIGIN_BYTES)
        """Pages with links to provenance objects, which are absolute."""
        self._filenames: PageCache[tuple[str, str, str]] = PageCache(CACHED_FILENAMES_BYTES)

    async def page(self, view: ProjectView, media_type: MediaType, encoding: Encoding, root: str) -> Representation:
        """Return a project's page for an index with this `root`, ready for this content coding."""
        project, key = view.project, (view.project.name, view.etag, media_type)
        rows = len(project.files)
        if not project.has_provenance:
            return await self._pages.page(key, encoding, lambda: project_page(project, media_type, ""), rows)
        make = partial(project_page, project, media_type)
        return await self._with_origin.page(key, root, encoding, make, rows)

    async def filenames(self, view: ProjectView, encoding: Encoding, page: str) -> Representation:
        """Return the page that `filenames_page` renders."""
        project, key = view.project, (view.project.name, view.etag, page)
        return await self._filenames.page(key, encoding, lambda: filenames_page(project, page), len(project.files))

    def cached_page(self, view: ProjectView, media_type: MediaType, encoding: Encoding) -> Representation | None:
        """Return the page if it is cached, the same for every client, and can be sent at once."""
        return self._pages.get((view.project.name, view.etag, media_type), encoding)


class RootPages:
    """Root pages, rendered once for each list of projects."""

    def __init__(self) -> None:
        self._pages: PageCache[tuple[Projects, int, MediaType]] = PageCache(CACHED_ROOT_BYTES)

    async def page(self, listing: SerialListing, media_type: MediaType, encoding: Encoding) -> Representation:
        """Return the page of these projects, ready for this content coding."""
        projects, key = listing.projects, (listing.projects, listing.serial, media_type)

        def make() -> Representation:
            serials = [serial for _, serial in listing.with_serials()]
            return root_page([project.name for project in projects], media_type, serials)

        return await self._pages.page(key, encoding, make, len(projects))


def project_page(project: Project, media_type: MediaType, root: str) -> Representation:
    """Return the page that lists the files of a project."""
    html, json = partial(_project_html, root), partial(_project_json, root)
    return _page(html, json, project, media_type, last_serial(project))


def root_page(names: Sequence[str], media_type: MediaType, serials: Sequence[int] = ()) -> Representation:
    """Return the page that lists all projects, with their serials if there are any."""
    return _page(_root_html, partial(_root_json, serials), names, media_type, max(serials, default=0))


def filenames_page(project: Project, page: str) -> Representation:
    """Return the page that names the files of a project, each a link to the project's `page`."""
    links = (f'<a href="{page}">{escape(file.filename)}</a>\n' for file in project.files)
    return Representation("".join(links).encode(), f"{MediaType.TEXT_HTML}; charset=utf-8")


def file_url(root: str, project: str, file: File, folder: str = "files") -> str:
    """Return a file's URL below the index's `root`. It never changes, even if the bytes move."""
    return f"{root}/{folder}/{project}/{file.sha256}/{quote(file.filename)}"


def provenance_url(root: str, project: str, file: File) -> str:
    """Return the absolute URL of a file's provenance object (PEP 740)."""
    return f"{file_url(root, project, file)}.provenance"


def _page(
    html: Callable[[T], str], json: Callable[[T], Any], subject: T, media_type: MediaType, serial: int
) -> Representation:
    if media_type.is_html:
        return Representation(html(subject).encode(), f"{media_type}; charset=utf-8", serial=serial)
    return Representation(msgspec.json.encode(json(subject)), media_type, serial=serial)


def _root_html(names: Sequence[str]) -> str:
    return templates.get_template("simple_root.html").render(names=names, api_version=API_VERSION)


def _root_json(serials: Sequence[int], names: Sequence[str]) -> dict[str, Any]:
    if not serials:
        return {"meta": {"api-version": API_VERSION}, "projects": [{"name": name} for name in names]}
    projects = [{"name": name, LAST_SERIAL: serial} for name, serial in zip(names, serials, strict=True)]
    return {"meta": {"api-version": API_VERSION, LAST_SERIAL: max(serials)}, "projects": projects}


def _project_html(root: str, project: Project) -> str:
    template = templates.get_template("simple_project.html")
    return template.render(
        project=project,
        files=_offered_files(project),
        file_url=partial(file_url, ROOT),
        provenance_url=partial(provenance_url, root),
        api_version=API_VERSION,
    )


def _project_json(root: str, project: Project) -> dict[str, Any]:
    status = {"status": project.status, "reason": project.status_reason}
    return {
        "meta": {"api-version": API_VERSION, LAST_SERIAL: last_serial(project)},
        "name": project.name,
        "project-status": {key: value for key, value in status.items() if value},
        "versions": project.versions,
        "files": msgspec.Raw(_files_json(root, project)),
    }


def _offered_files(project: Project) -> Sequence[File]:
    return project.files if project.status.offers_files else ()


def _files_json(root: str, project: Project) -> bytes:
    """Return the list of files, encoded one by one: all at once would block other threads."""
    files = (msgspec.json.encode(_file_json(root, project.name, file)) for file in _offered_files(project))
    return b"[%s]" % b",".join(files)


def _file_json(root: str, project: str, file: File) -> dict[str, Any]:
    described: dict[str, Any] = {
        "filename": file.filename,
        "url": file_url(ROOT, project, file),
        "hashes": {"sha256": file.sha256},
        "size": file.size,
        "upload-time": timestamp(file.upload_time),
        # Clients that expect a boolean take any text for true; an empty text must be true, too.
        "yanked": False if file.yanked is None else file.yanked or True,
    }
    if file.requires_python is not None:
        described["requires-python"] = file.requires_python
    if file.is_wheel:
        described["core-metadata"] = {"sha256": file.core_metadata_sha256}
    if file.provenance_sha256 is not None:
        described["provenance"] = provenance_url(root, project, file)
    if file.findings:
        # Keys with an underscore are specific to an index (PEP 691).
        described["_findings"] = [{"rule": each.rule, "message": each.message} for each in file.findings]
    return described


def timestamp(moment: datetime) -> str:
    """Return a time in the format of PEP 700: UTC, with a Z, and at most six decimals."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
