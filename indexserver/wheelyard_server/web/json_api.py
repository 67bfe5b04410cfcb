"""`GET /pypi/<project>/json` and `/pypi/<project>/<version>/json`: PyPI's JSON API, https://docs.pypi.org/api/json/.

What PyPI counts and this index does not (downloads, serials, vulnerabilities) is left out or empty.
"""

from collections.abc import Sequence
from typing import Any

import msgspec
from aiohttp import web
from packaging.metadata import RawMetadata
from packaging.utils import parse_wheel_filename
from packaging.version import Version

from wheelyard_server.access.guard import GuardedCatalog
from wheelyard_server.catalog.documents import Listing
from wheelyard_server.catalog.edits import Selection
from wheelyard_server.catalog.inspection.metadata import fields_of
from wheelyard_server.catalog.project_list import latest
from wheelyard_server.errors import NotFoundError
from wheelyard_server.model import File, Project
from wheelyard_server.names import NormalizedName, parse_project_name, parse_version
from wheelyard_server.web.context import guarded_catalog, origin
from wheelyard_server.web.pages import file_url, timestamp
from wheelyard_server.web.representation import Representation, answer

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


async def project(request: web.Request) -> web.Response:
    """Describe a project by its latest version, with the files of all; other spellings are redirected."""
    name, catalog, listing = await _found(request)
    newest = latest(listing.project)
    info, urls = await _release(request, catalog, listing, parse_version(newest or ""))
    base, releases = origin(request), dict[str, list[dict[str, Any]]]()
    for file in listing.project.files:
        releases.setdefault(file.version, []).append(_file(base, name, file))
    return _answer(request, {"info": info, "releases": releases, "urls": urls, "vulnerabilities": []}, listing)


async def version(request: web.Request) -> web.Response:
    """Describe one version of a project."""
    _, catalog, listing = await _found(request)
    info, urls = await _release(request, catalog, listing, parse_version(request.match_info["version"]))
    return _answer(request, {"info": info, "urls": urls, "vulnerabilities": []}, listing)


async def _found(request: web.Request) -> tuple[NormalizedName, GuardedCatalog, Listing]:
    given = request.match_info["project"]
    name = parse_project_name(given)
    if given != name:
        raise web.HTTPMovedPermanently(f"/pypi/{name}{request.path.removeprefix(f'/pypi/{given}')}")
    catalog = await guarded_catalog(request)
    return name, catalog, await catalog.project(name)


async def _release(
    request: web.Request, catalog: GuardedCatalog, listing: Listing, version: Version
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return the description of a version, and that of its files."""
    project = listing.project
    files = Selection(version).of(project)
    if not files or not project.status.offers_files:
        raise NotFoundError("No such version in this project")
    name = NormalizedName(project.name)
    # Wheels say what was built, an sdist may leave fields for later (Dynamic).
    source = next((file for file in files if file.is_wheel), files[0])
    metadata = fields_of(await catalog.core_metadata(name, source))
    base = origin(request)
    return _info(base, project, files, metadata), [_file(base, name, file) for file in files]


def _info(origin: str, project: Project, files: Sequence[File], metadata: RawMetadata) -> dict[str, Any]:
    version = files[0].version
    yanked = all(file.yanked is not None for file in files)
    page = f"{origin}/simple/{project.name}/"
    return {
        **{field: metadata.get(field) for field in _TEXTS},
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


def _file(origin: str, project: str, file: File) -> dict[str, Any]:
    return {
        "comment_text": "",
        "digests": {"sha256": file.sha256},
        "filename": file.filename,
        "has_sig": False,
        "packagetype": "bdist_wheel" if file.is_wheel else "sdist",
        "python_version": _python_version(file),
        "requires_python": file.requires_python,
        "size": file.size,
        "upload_time": timestamp(file.upload_time).partition(".")[0],
        "upload_time_iso_8601": timestamp(file.upload_time),
        "url": file_url(origin, project, file),
        "yanked": file.yanked is not None,
        "yanked_reason": file.yanked or None,
    }


def _python_version(file: File) -> str:
    if not file.is_wheel:
        return "source"
    _, _, _, tags = parse_wheel_filename(file.filename)
    return ".".join(sorted({tag.interpreter for tag in tags}))


def _answer(request: web.Request, described: dict[str, Any], listing: Listing) -> web.Response:
    body = Representation(msgspec.json.encode(described), "application/json")
    return answer(request, body, listing.stale_seconds)
