"""`GET /project/<project>/files/` and `/project/<project>/<version>/files/`: all that is known of each file."""

import re
from collections.abc import Sequence
from typing import NamedTuple
from urllib.parse import quote

from aiohttp import web
from packaging.version import Version

from wheelyard_server.catalog.stored_project import ProjectView
from wheelyard_server.model import File
from wheelyard_server.model.mirror import MirroredFile
from wheelyard_server.names import parse_version, version_key
from wheelyard_server.web.handlers.files import METADATA_SUFFIX, PROVENANCE_SUFFIX
from wheelyard_server.web.pages.rendering import RenderingQueue
from wheelyard_server.web.site import words
from wheelyard_server.web.site.downloads import UNKNOWN_DIGEST
from wheelyard_server.web.site.known_projects import known_project, sentence_about_source
from wheelyard_server.web.site.project import RELEASES, missing_version
from wheelyard_server.web.site.project_page import in_words
from wheelyard_server.web.site.projects import ROWS, links, page_number
from wheelyard_server.web.site.releases import Notice
from wheelyard_server.web.site.site import SITE

AnyFile = File | MirroredFile
_LINKED = re.compile(r"[A-Za-z0-9._+!~-]+")
"""Filenames that paths of the index may have; those of upstreams may be others."""
_RENDERING = RenderingQueue()


class FileRow(NamedTuple):
    """A file as the page shows it. Of one that is refused, only its name and the reason are known."""

    filename: str
    version: str
    url: str
    """Path of the download; "" if there is none."""
    notices: tuple[Notice, ...]
    facts: tuple[tuple[str, str], ...] = ()
    """Names and values."""
    sha256: str = ""
    findings: tuple[str, ...] = ()
    metadata_url: str = ""
    provenance_url: str = ""


class Chosen(NamedTuple):
    """The files on one page of a list."""

    files: Sequence[AnyFile]
    total: int
    """Number of files in the whole list."""


async def files(request: web.Request) -> web.Response:
    """Show the files of a project."""
    return await _answer(request, None)


async def files_of_version(request: web.Request) -> web.Response:
    """Show the files of one version of a project."""
    return await _answer(request, parse_version(request.match_info["version"]))


async def _answer(request: web.Request, version: Version | None) -> web.Response:
    known, number = await known_project(request), page_number(request)
    if version is not None and not (await request.app[RELEASES].of(known.view, version)).is_known:
        return await missing_version(request, known, version)
    all_files = await known.view.by_filename()
    chosen = await _RENDERING(lambda: _chosen(all_files, version, number), len(all_files))
    return await request.app[SITE].page(
        request,
        "project_files.html",
        name=known.name,
        is_managed=known.is_managed,
        version="" if version is None else str(version),
        source=sentence_about_source(known),
        files=[row(known.view, each) for each in chosen.files],
        count=words.counted(chosen.total, "file"),
        links=links("", number, chosen.total),
    )


def _chosen(all_files: Sequence[AnyFile], version: Version | None, number: int) -> Chosen:
    """Return the files of a page, those of the newest version first."""
    key = None if version is None else version_key(str(version))
    wanted = [each for each in all_files if key is None or version_key(each.version) == key]
    known = {each: Version(each) for each in {file.version for file in wanted} if each}
    # Files of upstreams may have no version; the sort keeps the order of names in a version.
    wanted.sort(key=lambda each: (bool(each.version), known.get(each.version, _LOWEST)), reverse=True)
    return Chosen(wanted[(number - 1) * ROWS : number * ROWS], len(wanted))


_LOWEST = Version("0.dev0")


def row(view: ProjectView, file: AnyFile) -> FileRow:
    """Return a file as the page shows it."""
    verdict = view.verdict(file)
    on_name = view.offers.verdict_on_name
    refusal = verdict if on_name.is_served else on_name
    if not refusal.is_served:
        until = "" if refusal.until is None else words.minute(refusal.until)
        return FileRow(
            words.line(file.filename), file.version, "", (Notice("refused", refusal.reason, until, "bad"),)
        )
    url = _url(view, file)
    hidden = () if verdict.is_listed else (Notice("not listed", verdict.reason),)
    return FileRow(
        filename=words.line(file.filename),
        version=file.version,
        url=url,
        notices=(*hidden, *_yanked(file)),
        facts=tuple(each for each in _facts(view, file) if each[1]),
        sha256=file.sha256,
        findings=tuple(words.line(each.message) for each in file.findings) if isinstance(file, File) else (),
        metadata_url=f"{url}{METADATA_SUFFIX}" if url and file.core_metadata_sha256 is not None else "",
        provenance_url=f"{url}{PROVENANCE_SUFFIX}" if url and file.has_provenance else "",
    )


def _url(view: ProjectView, file: AnyFile) -> str:
    if not _LINKED.fullmatch(file.filename):
        return ""
    return f"/project/{view.project.name}/download/{file.sha256 or UNKNOWN_DIGEST}/{quote(file.filename)}"


def _yanked(file: AnyFile) -> tuple[Notice, ...]:
    return () if file.yanked is None else (Notice("yanked", words.line(file.yanked) or "without a reason"),)


def _facts(view: ProjectView, file: AnyFile) -> tuple[tuple[str, str], ...]:
    of_all = (
        ("Size", "" if file.size is None else words.size(file.size)),
        ("Published", "" if file.published is None else words.minute(file.published)),
        ("Requires Python", words.line(file.requires_python or "")),
    )
    return (*of_all, *(_of_own(file) if isinstance(file, File) else _of_upstream(view, file)))


def _of_own(file: File) -> tuple[tuple[str, str], ...]:
    moved = file.promoted
    promoted = "" if moved is None else f"from {moved.source} by {moved.by} on {words.minute(moved.at)}"
    received = "" if file.added is None else words.minute(file.added)
    return ("Uploaded by", words.line(file.uploader)), ("Received", received), ("Promoted", words.line(promoted))


def _of_upstream(view: ProjectView, file: MirroredFile) -> tuple[tuple[str, str], ...]:
    gone = "" if file.gone is None else words.minute(file.gone)
    publisher = in_words(file.publisher)
    return (
        ("Upstream", view.project.owner),
        ("Other digest", "" if file.sha256 else words.line(file.other_hash)),
        ("Digest", "of the bytes that were fetched first" if file.pinned else ""),
        ("Provenance", f"built by {publisher}, as its attestation says" if publisher else ""),
        ("No longer listed since", gone),
    )
