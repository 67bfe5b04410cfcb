"""PyPI's JSON API: `GET /pypi/<project>/json` and `/pypi/<project>/<version>/json`.

https://docs.pypi.org/api/json/. `/<project>/json` is the first one, too: pip-compile asks there,
next to `/simple/`. What this index does not count, such as downloads and vulnerabilities, is left
out or empty.
"""

from collections.abc import Sequence
from importlib.metadata import version as distribution_version
from typing import Any, NamedTuple

import msgspec
from aiohttp import web
from packaging.metadata import RawMetadata
from packaging.version import Version

from wheelyard_server.access.guard import GuardedCatalog
from wheelyard_server.catalog.inspection.metadata import fields_of
from wheelyard_server.catalog.projects import latest
from wheelyard_server.catalog.serials import last_serial
from wheelyard_server.catalog.stored_project import ProjectView
from wheelyard_server.errors import NotFoundError
from wheelyard_server.model import Project
from wheelyard_server.model.offered_file import OfferedFile
from wheelyard_server.names import NormalizedName, parse_project_name, parse_version, version_key
from wheelyard_server.web.context import guarded_catalog, root_url
from wheelyard_server.web.http.redirects import moved_permanently
from wheelyard_server.web.pages.file_urls import file_url
from wheelyard_server.web.pages.project_page import timestamp
from wheelyard_server.web.pages.rendering import OriginPageCache, RenderingQueue
from wheelyard_server.web.pages.representation import Representation, answer, encoding_for, not_modified

_TEXTS = (
    "author",
    "author_email",
    "description",
    "description_content_type",
    "download_url",
    "home_page",
    "license",
    "license_expression",
    "maintainer",
    "maintainer_email",
    "requires_python",
    "summary",
)
_LISTS = ("classifiers", "dynamic", "license_files", "provides_extra", "requires_dist")


_BYTES_OF_A_ROW = 1024
CACHED_BYTES = 16 * 1024**2
"""Memory for descriptions of projects."""
_TYPE = "application/json"
_RENDERING = RenderingQueue()
_RELEASE = distribution_version("wheelyard")
_WHEEL_PARTS = 5
"""The parts of a wheel's filename: name, version, Python, ABI and platform."""

_Key = tuple[str, str, Version | None, str]
"""Name and ETag of a project, its version (None is the latest), and the folder of its files."""
JSON_PAGES: web.AppKey[OriginPageCache[_Key]] = web.AppKey("json_pages", object)  # type: ignore[arg-type]


class _Root(NamedTuple):
    url: str
    folder: str
    """The folder below the root where the URLs of files are."""

    def of(self, project: Project, file: OfferedFile) -> str:
        return file_url(self.url, project, file, self.folder)


async def project(request: web.Request) -> web.Response:
    """Describe a project by its latest version, with all files; other spellings are redirected."""
    return await _answer(request, None)


async def project_beside_pages(request: web.Request) -> web.Response:
    """Do the same, with the URLs that pages have for files: pip-compile compares them."""
    return await _answer(request, None, "files")


async def version(request: web.Request) -> web.Response:
    """Describe one version of a project."""
    return await _answer(request, parse_version(request.match_info["version"]))


async def _answer(request: web.Request, version: Version | None, folder: str = "packages") -> web.Response:
    """Answer with the description of this state of the project, made once; a 304 needs no description.

    bandersnatch downloads files only from `/packages/`.
    """
    name, catalog, view = await _find_project(request)
    base, project = root_url(request), view.project
    state = view.etag + view.revision
    validator = f"{_RELEASE} {name} {version or ''} {state} {folder} {base}"
    known = Representation(b"", _TYPE, validator, last_serial(project), project.mirror is not None)
    unchanged = not_modified(request, known, view.caveat)
    if unchanged is not None:
        return unchanged
    key, encoding, pages = (name, state, version, folder), encoding_for(request), request.app[JSON_PAGES]
    page = pages.get(key, base, encoding)
    if page is None:
        rows = view.file_count
        files = await _RENDERING(lambda: _files_of_version(view, version), rows)
        source = metadata_source(files)
        described = b"" if source is None else await catalog.description(view, source)

        def make(root: str) -> Representation:
            fields = fields_of(described) if described else RawMetadata()
            body = _body(_Root(root, folder), view, files, fields, is_whole=version is None)
            return known.with_body(body, base, root)

        # A description may be megabytes long.
        page = await pages.page(key, base, encoding, make, max(rows, len(described) // _BYTES_OF_A_ROW))
    return answer(request, page, view.caveat)


async def _find_project(request: web.Request) -> tuple[NormalizedName, GuardedCatalog, ProjectView]:
    given = request.match_info["project"]
    name = parse_project_name(given)
    if given != name:
        before, _, after = request.path.partition(f"/{given}/")
        raise moved_permanently(request, f"{before}/{name}/{after}")
    catalog = await guarded_catalog(request)
    return name, catalog, await catalog.page(name)


def _files_of_version(view: ProjectView, version: Version | None) -> Sequence[OfferedFile]:
    """Return the files of a version; None is the latest one.

    Raises `RefusedFileError` if a rule refuses them, and `NotFoundError` if there are none.
    """
    wanted = latest(view.by_version) if version is None else str(version)
    files = view.by_version.get(version_key(wanted)) if wanted else None
    if not files:
        raise view.refusal(wanted) or NotFoundError("This project has no such version")
    return files


def metadata_source(files: Sequence[OfferedFile]) -> OfferedFile | None:
    """Return the file whose metadata describes a version: an sdist may leave fields for later (Dynamic).

    None: an upstream has no metadata of this version.
    """
    described = [file for file in files if file.core_metadata_sha256 is not None]
    return next((file for file in described if file.is_wheel), described[0] if described else None)


def _body(
    root: _Root, view: ProjectView, files: Sequence[OfferedFile], metadata: RawMetadata, *, is_whole: bool
) -> bytes:
    described: dict[str, Any] = {
        "info": _info(root.url, view.project, files, metadata),
        "last_serial": last_serial(view.project),
        "urls": [_file(root, view.project, file) for file in files],
        "vulnerabilities": [],
    }
    if is_whole:
        described["releases"] = msgspec.Raw(_releases(root, view))
    return msgspec.json.encode(described)


def _releases(root: _Root, view: ProjectView) -> bytes:
    """Return the files of each version, encoded one by one: all at once would block other threads."""
    releases: dict[str, list[bytes]] = {}
    for file in view.files:
        if file.version:
            encoded = msgspec.json.encode(_file(root, view.project, file))
            releases.setdefault(file.version, []).append(encoded)
    versions = (b"%s:[%s]" % (msgspec.json.encode(each), b",".join(files)) for each, files in releases.items())
    return b"{%s}" % b",".join(versions)


def _info(root: str, project: Project, files: Sequence[OfferedFile], metadata: RawMetadata) -> dict[str, Any]:
    version = files[0].version
    yanked = all(file.yanked is not None for file in files)
    page = f"{root}/simple/{project.name}/"
    return {
        **{field: metadata.get(field) for field in _TEXTS},
        "requires_python": metadata.get("requires_python", files[0].requires_python),
        **{field: metadata.get(field) or None for field in _LISTS},
        "keywords": ",".join(metadata.get("keywords") or ()),
        "name": metadata.get("name", project.name),
        "package_url": page,
        "platform": ",".join(metadata.get("platforms") or ()),
        "project_url": page,
        "project_urls": metadata.get("project_urls") or None,
        "release_url": page,
        "version": version,
        "yanked": yanked,
        "yanked_reason": (files[0].yanked or None) if yanked else None,
    }


def _file(root: _Root, project: Project, file: OfferedFile) -> dict[str, Any]:
    published = None if file.published is None else timestamp(file.published)
    return {
        "comment_text": "",
        "digests": {"sha256": file.sha256} if file.sha256 else {},
        "filename": file.filename,
        "has_sig": False,
        "packagetype": "bdist_wheel" if file.is_wheel else "sdist",
        "python_version": _python_version(file),
        "requires_python": file.requires_python,
        "size": file.size,
        "upload_time": published and published.partition(".")[0],
        "upload_time_iso_8601": published,
        "url": root.of(project, file),
        "yanked": file.yanked is not None,
        "yanked_reason": file.yanked or None,
    }


def _python_version(file: OfferedFile) -> str:
    """Return the Python tags of a wheel, which stand before the ABI and the platform in its filename."""
    parts = file.filename.split("-")
    if not file.is_wheel or len(parts) < _WHEEL_PARTS:
        return "source"
    return ".".join(sorted(parts[-3].split(".")))
