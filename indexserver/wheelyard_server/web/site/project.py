"""`GET /project/<project>/` and `/project/<project>/<version>/`: what a project is, and how to install it."""

from functools import partial
from http import HTTPStatus

from aiohttp import web
from packaging.version import Version

from wheelyard_server.access.rules import Verb
from wheelyard_server.catalog.contents.memory_cache import MemoryCache
from wheelyard_server.catalog.provenance.publishers import publisher_of
from wheelyard_server.model import File
from wheelyard_server.model.offered_file import OfferedFile
from wheelyard_server.names import parse_version
from wheelyard_server.web.context import root_url
from wheelyard_server.web.handlers.json_api import metadata_source
from wheelyard_server.web.http.redirects import moved_permanently
from wheelyard_server.web.pages.representation import encoding_for
from wheelyard_server.web.site.described import NOTHING, Described, described
from wheelyard_server.web.site.descriptions import READMES
from wheelyard_server.web.site.forms import form_token
from wheelyard_server.web.site.known_projects import Known, known_project
from wheelyard_server.web.site.project_page import (
    PROJECT_PAGES,
    Facts,
    PageKey,
    listed_publisher,
    render,
    uploaders,
)
from wheelyard_server.web.site.releases import Release, Releases
from wheelyard_server.web.site.site import SITE

RELEASES = web.AppKey("releases", Releases)
DESCRIBED: web.AppKey[MemoryCache[str, Described]] = web.AppKey("described", MemoryCache)
"""Core metadata by its digest."""
DESCRIBED_BYTES = 16 * 1024**2
LOG_OUT = "/logout/"
"""Where the form in the head of pages goes."""
MAX_OTHERS = 20
"""Versions that the page of a missing one names."""
_BYTES_OF_A_ROW = 1024
_ROW_BYTES = 200


async def project(request: web.Request) -> web.Response:
    """Show a project by its latest version."""
    return await _answer(request, None)


async def version(request: web.Request) -> web.Response:
    """Show one version of a project; other spellings of the version are redirected."""
    return await _answer(request, parse_version(request.match_info["version"]))


async def _answer(request: web.Request, wanted: Version | None) -> web.Response:
    known = await known_project(request)
    release = await request.app[RELEASES].of(known.view, wanted)
    if wanted is not None and not release.is_known:
        return await missing_version(request, known, wanted)
    if wanted is not None and request.match_info["version"] != release.version:
        raise moved_permanently(request, f"/project/{known.name}/{release.version}/")
    found = await _described(request, known, release)
    key = await _key(request, known, release, found)
    root, encoding = root_url(request), encoding_for(request)
    pages, site = request.app[PROJECT_PAGES], request.app[SITE]
    page = pages.get(key, root, encoding)
    if page is None:
        facts = await _facts(request, known, release, found or NOTHING)
        make = partial(render, site, key, facts)
        rows = len(facts.readme.html) // _BYTES_OF_A_ROW if facts.readme else 0
        is_kept = facts.readme is None or facts.readme.is_final
        page = await pages.page(key, root, encoding, make, rows) if is_kept else make(root)
    return site.answer(request, page)


async def _described(request: web.Request, known: Known, release: Release) -> Described | None:
    """Return what a release says of itself; None if that is not here."""
    source = metadata_source(release.files)
    if source is None:
        return None
    kept, digest = request.app[DESCRIBED], source.core_metadata_sha256 or ""
    found = kept.get(digest) if digest else None
    if found is None:
        metadata = await known.catalog.known_description(known.view, source)
        if metadata is None:
            return None
        found = described(metadata, known.name)
        if digest:
            kept.put(digest, found, 4 * len(metadata) + _ROW_BYTES)
    return found


async def _key(request: web.Request, known: Known, release: Release, found: Described | None) -> PageKey:
    view, catalog = known.view, known.catalog
    names = found.dependencies.names if found else frozenset()
    return PageKey(
        path=request.path,
        pinned=release.version if "version" in request.match_info else "",
        etag=view.etag,
        revision=view.revision,
        release=release,
        confirmed=known.confirmed,
        has_description=found is not None,
        linked=await catalog.known_names(names) if names else frozenset(),
        visitor=catalog.principal,
        log_out="" if catalog.principal.is_anonymous else form_token(request, LOG_OUT),
        is_managed=known.is_managed,
        manages_all=catalog.may_all(Verb.MANAGE),
        is_public=catalog.is_public(known.name),
    )


async def _facts(request: web.Request, known: Known, release: Release, found: Described) -> Facts:
    readme = None
    if found.description.strip():
        payer = next(iter(uploaders(release.files)), known.view.project.owner)
        readme = await request.app[READMES].html(found.description, found.description_type, payer)
    return Facts(known.view.project, found, await _publisher(known, release), readme)


async def _publisher(known: Known, release: Release) -> str:
    """Return the attested publisher of a release, as far as that is here."""
    attested = next((each for each in release.files if isinstance(each, File) and each.has_provenance), None)
    if attested is None:
        return listed_publisher(release.files)
    return publisher_of(await known.catalog.provenance(known.name, attested), attested.sha256)


async def missing_version(request: web.Request, known: Known, wanted: Version) -> web.Response:
    """Answer that a project has no such version, with the newest of those that it has."""
    there = sorted((Version(files[0].version) for key, files in _offered(known).items() if key), reverse=True)
    return await request.app[SITE].page(
        request,
        "no_version.html",
        HTTPStatus.NOT_FOUND,
        name=known.name,
        version=str(wanted),
        versions=[str(each) for each in there[:MAX_OTHERS]],
        omitted=max(0, len(there) - MAX_OTHERS),
    )


def _offered(known: Known) -> dict[str, tuple[OfferedFile, ...]]:
    return {} if known.view.refusal_of_name is not None else known.view.by_version
