"""The simple repository API's pages as bytes, HTML and JSON.

https://packaging.python.org/en/latest/specifications/simple-repository-api/ (PEP 503, 629, 658, 691, 700, 714).
Links are relative, so pages are the same under every host name and every replica.
"""

import gzip
import hashlib
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, TypeVar
from urllib.parse import quote

import msgspec
from jinja2 import Environment, PackageLoader, StrictUndefined

from wheelyard_server.catalog.catalog import Listing
from wheelyard_server.model import File, Project
from wheelyard_server.web.negotiation import MediaType

API_VERSION = "1.1"
CACHED_PAGES = 2048

T = TypeVar("T")

templates = Environment(
    loader=PackageLoader("wheelyard_server.web"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
)


@dataclass(frozen=True)
class Page:
    """A rendered page."""

    body: bytes
    media_type: MediaType
    etag: str
    """Without quotes; of the uncompressed body."""

    @cached_property
    def gzipped(self) -> bytes:
        """The body compressed, once."""
        return gzip.compress(self.body, compresslevel=6, mtime=0)


class ProjectPages:
    """Project pages, rendered once for each revision and representation."""

    def __init__(self) -> None:
        self._pages: OrderedDict[tuple[str, str, MediaType], Page] = OrderedDict()

    def page(self, listing: Listing, media_type: MediaType) -> Page:
        """Return the page of a project."""
        key = (listing.project.name, listing.revision, media_type)
        page = self._pages.get(key)
        if page is None:
            page = self._pages[key] = _page(_project_html, _project_json, listing.project, media_type)
            if len(self._pages) > CACHED_PAGES:
                self._pages.popitem(last=False)
        self._pages.move_to_end(key)
        return page


def root_page(names: Sequence[str], media_type: MediaType) -> Page:
    """Return the page that lists all projects."""
    return _page(_root_html, _root_json, names, media_type)


def file_url(project: str, file: File) -> str:
    """Return a file's URL, relative to the page of a project. It stays the same wherever the bytes move."""
    return f"../../files/{project}/{file.sha256}/{quote(file.filename)}"


def _page(html: Callable[[T], str], json: Callable[[T], Any], subject: T, media_type: MediaType) -> Page:
    body = html(subject).encode() if media_type.is_html else msgspec.json.encode(json(subject))
    return Page(body, media_type, hashlib.sha256(media_type.encode() + body).hexdigest()[:32])


def _root_html(names: Sequence[str]) -> str:
    return templates.get_template("simple_root.html").render(names=names, api_version=API_VERSION)


def _root_json(names: Sequence[str]) -> dict[str, Any]:
    return {"meta": {"api-version": API_VERSION}, "projects": [{"name": name} for name in names]}


def _project_html(project: Project) -> str:
    template = templates.get_template("simple_project.html")
    return template.render(project=project, file_url=file_url, api_version=API_VERSION)


def _project_json(project: Project) -> dict[str, Any]:
    return {
        "meta": {"api-version": API_VERSION},
        "name": project.name,
        "versions": list(dict.fromkeys(file.version for file in project.files)),
        "files": [_file_json(project.name, file) for file in project.files],
    }


def _file_json(project: str, file: File) -> dict[str, Any]:
    described = {
        "filename": file.filename,
        "url": file_url(project, file),
        "hashes": {"sha256": file.sha256},
        "size": file.size,
        "upload-time": _timestamp(file.upload_time),
    }
    if file.requires_python is not None:
        described["requires-python"] = file.requires_python
    if file.core_metadata_sha256 is not None:
        described["core-metadata"] = {"sha256": file.core_metadata_sha256}
    return described


def _timestamp(moment: datetime) -> str:
    """Format as PEP 700 wants it: UTC, with a Z, and at most six decimals."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
