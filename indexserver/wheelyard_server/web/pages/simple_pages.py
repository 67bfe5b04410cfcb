"""Renders the pages of the simple repository API, in HTML and JSON.

https://packaging.python.org/en/latest/specifications/simple-repository-api/ (PEP 503, 592, 629,
658, 691, 700, 714, 740, 792). Links to files are relative, so pages are the same under every host
name. PEP 740 requires absolute links to provenance objects, so a page with such a link differs for
each root.
"""

from collections.abc import Callable, Hashable, Sequence
from functools import partial
from html import escape
from typing import Any, TypeVar

import msgspec

from wheelyard_server.catalog.projects import Projects, SerialListing
from wheelyard_server.catalog.stored_project import ProjectView
from wheelyard_server.web.pages.negotiation import Encoding, MediaType
from wheelyard_server.web.pages.project_page import API_VERSION, LAST_SERIAL, project_page, templates
from wheelyard_server.web.pages.rendering import OriginPageCache, PageCache
from wheelyard_server.web.pages.representation import Representation

CACHED_BYTES = 64 * 1024**2
"""Memory for project pages. The 1,000 most used projects of PyPI take 40 MiB in one coding."""
CACHED_WITH_ORIGIN_BYTES = 48 * 1024**2
"""Memory for project pages with absolute links."""
CACHED_FILENAMES_BYTES = 4 * 1024**2
"""Memory for lists of filenames, for hatch."""
CACHED_FOR_PEOPLE_BYTES = 4 * 1024**2
"""Memory for project pages with a link for people, who seldom look at these."""
CACHED_ROOT_BYTES = 16 * 1024**2
"""Memory for root pages."""

T = TypeVar("T")
K = TypeVar("K", bound=Hashable)
_Key = tuple[str, str, str, MediaType]
"""Name, ETag and revision of a project, and the media type of its page."""


class ProjectPages:
    """Project pages, rendered once for each state of the project and each representation."""

    def __init__(self) -> None:
        self._pages: PageCache[_Key] = PageCache(CACHED_BYTES)
        self._with_origin: OriginPageCache[_Key] = OriginPageCache(CACHED_WITH_ORIGIN_BYTES)
        """Pages with links to provenance objects, which are absolute."""
        self._for_people: PageCache[tuple[str, str, str, tuple[str, str]]] = PageCache(CACHED_FOR_PEOPLE_BYTES)
        self._filenames: PageCache[tuple[str, str, str, str]] = PageCache(CACHED_FILENAMES_BYTES)

    async def page(self, view: ProjectView, media_type: MediaType, encoding: Encoding, root: str) -> Representation:
        """Return a project's page for an index with this `root`, ready for this content coding."""
        key, rows = _key(view, media_type), view.file_count
        if not view.has_provenance:
            return await self._pages.page(key, encoding, lambda: project_page(view, media_type, ""), rows)
        make = partial(project_page, view, media_type)
        return await self._with_origin.page(key, root, encoding, make, rows)

    async def page_for_people(self, view: ProjectView, encoding: Encoding, root: str, link: str) -> Representation:
        """Return the HTML page with a link to the project's page for people."""
        make = partial(project_page, view, MediaType.TEXT_HTML, root, link)
        return await self._for_people.page(_key(view, (root, link)), encoding, make, view.file_count)

    async def filenames(self, view: ProjectView, encoding: Encoding, page: str) -> Representation:
        """Return the page that `filenames_page` renders."""
        return await self._filenames.page(
            _key(view, page), encoding, lambda: filenames_page(view, page), view.file_count
        )

    def cached_page(self, view: ProjectView, media_type: MediaType, encoding: Encoding) -> Representation | None:
        """Return the page if it is cached, the same for every root, and can be sent at once."""
        return self._pages.get(_key(view, media_type), encoding)

    def cached_linked_page(
        self, view: ProjectView, media_type: MediaType, encoding: Encoding, root: str
    ) -> Representation | None:
        """Return the page with absolute links, as `cached_page` does, for an index with this root."""
        return self._with_origin.get(_key(view, media_type), root, encoding)


def _key(view: ProjectView, kind: K) -> tuple[str, str, str, K]:
    return view.project.name, view.etag, view.revision, kind


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


def root_page(names: Sequence[str], media_type: MediaType, serials: Sequence[int] = ()) -> Representation:
    """Return the page that lists all projects, with their serials if there are any."""
    return _page(_root_html, partial(_root_json, serials), names, media_type, max(serials, default=0))


def filenames_page(view: ProjectView, page: str) -> Representation:
    """Return the page that names the files of a project, each a link to the project's `page`."""
    links = (f'<a href="{page}">{escape(file.filename)}</a>\n' for file in view.files)
    body, content_type = "".join(links).encode(), f"{MediaType.TEXT_HTML}; charset=utf-8"
    return Representation(body, content_type, is_mirrored=view.project.mirror is not None)


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
