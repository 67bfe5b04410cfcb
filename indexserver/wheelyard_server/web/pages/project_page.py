"""Renders the page of a project, in HTML and JSON; see `simple_pages`.

Files are rendered in groups: one at a time takes twice as long, and all at once would block other
threads, because the encoder keeps the interpreter lock.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Literal

import msgspec
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape
from msgspec import UNSET, UnsetType

from wheelyard_server.catalog.serials import last_serial
from wheelyard_server.catalog.stored_project import ProjectView
from wheelyard_server.model import File, Finding
from wheelyard_server.model.mirror import MirroredFile
from wheelyard_server.model.offered_file import OfferedFile
from wheelyard_server.web.pages.file_urls import file_url, provenance_url
from wheelyard_server.web.pages.negotiation import MediaType
from wheelyard_server.web.pages.representation import Representation

API_VERSION = "1.4"
LAST_SERIAL = "_last-serial"
"""Keys with an underscore are specific to an index (PEP 691); this one is PyPI's."""
ROOT = "../.."
"""The index's root, relative to the page of a project."""
_FILES_AT_ONCE = 100

templates = Environment(
    loader=PackageLoader("wheelyard_server.web.pages"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
)


def project_page(view: ProjectView, media_type: MediaType, root: str, link: str = "") -> Representation:
    """Return the page that lists the files of a project, for an index at `root`.

    The HTML has a `link` to the page for people, unless it is "": installers take each link for a
    file.
    """
    serial, is_mirrored = last_serial(view.project), view.project.mirror is not None
    if media_type.is_html:
        body, content_type = _html(view, root, link).encode(), f"{media_type}; charset=utf-8"
        return Representation(body, content_type, serial=serial, is_mirrored=is_mirrored)
    return Representation(_json(view, root), media_type, serial=serial, is_mirrored=is_mirrored)


class _File(msgspec.Struct, rename="kebab", omit_defaults=True, gc=False):
    """A file in the JSON form (PEP 691, 700, 714, 740)."""

    filename: str
    url: str
    hashes: dict[str, str]
    yanked: bool | str
    size: int | UnsetType = UNSET
    upload_time: str | UnsetType = UNSET
    requires_python: str | UnsetType = UNSET
    core_metadata: Literal[True] | dict[str, str] | UnsetType = UNSET
    provenance: str | UnsetType = UNSET
    findings: list[dict[str, str]] | UnsetType = msgspec.field(default=UNSET, name="_findings")


def _json(view: ProjectView, root: str) -> bytes:
    status = {"status": view.status, "reason": view.status_reason}
    page = {
        "meta": {"api-version": API_VERSION, LAST_SERIAL: last_serial(view.project)},
        "name": view.project.name,
        "project-status": {key: value for key, value in status.items() if value},
        "versions": view.versions,
    }
    groups = (
        msgspec.json.encode([_json_file(view, root, file) for file in group])[1:-1] for group in _groups(view)
    )
    # One copy of the whole takes milliseconds, so there is only one.
    return b"".join((msgspec.json.encode(page)[:-1], b',"files":[', b",".join(groups), b"]}"))


def _groups(view: ProjectView) -> Iterator[Sequence[OfferedFile]]:
    files = view.files
    return (files[start : start + _FILES_AT_ONCE] for start in range(0, len(files), _FILES_AT_ONCE))


def _json_file(view: ProjectView, root: str, file: OfferedFile) -> _File:
    project, published, found = view.project, file.published, _findings(file)
    return _File(
        filename=file.filename,
        url=file_url(ROOT, project, file),
        hashes=_hashes(file),
        # Clients that expect a boolean take any text for true; an empty text must be true, too.
        yanked=False if file.yanked is None else file.yanked or True,
        size=UNSET if file.size is None else file.size,
        upload_time=UNSET if published is None else timestamp(published),
        requires_python=UNSET if file.requires_python is None else file.requires_python,
        core_metadata=_core_metadata(file),
        provenance=provenance_url(root, project, file) if file.has_provenance else UNSET,
        findings=[{"rule": each.rule, "message": each.message} for each in found] if found else UNSET,
    )


def _core_metadata(file: OfferedFile) -> Literal[True] | dict[str, str] | UnsetType:
    digest = _announced_metadata(file)
    if digest is None:
        return UNSET
    return {"sha256": digest} if digest else True


def _announced_metadata(file: OfferedFile) -> str | None:
    """Return the digest of core metadata, "" if it is unknown; None if the page says nothing of any.

    An sdist that was uploaded here has some, which may leave fields for later (Dynamic), so it is
    not announced.
    """
    return file.core_metadata_sha256 if file.is_wheel or isinstance(file, MirroredFile) else None


def _hashes(file: OfferedFile) -> dict[str, str]:
    if file.sha256:
        return {"sha256": file.sha256}
    name, _, digest = file.other_hash.partition("=") if isinstance(file, MirroredFile) else ("", "", "")
    return {name: digest} if digest else {}


def _findings(file: OfferedFile) -> Sequence[Finding]:
    return file.findings if isinstance(file, File) else ()


def timestamp(moment: datetime) -> str:
    """Return a time in the format of PEP 700: UTC, with a Z, and at most six decimals."""
    in_utc = moment if moment.tzinfo is UTC else moment.astimezone(UTC)
    return f"{in_utc.isoformat(timespec='microseconds').removesuffix('+00:00')}Z"


def _html(view: ProjectView, root: str, link: str) -> str:
    rows = (Markup("".join(_html_row(view, root, file) for file in group)) for group in _groups(view))  # noqa: S704 - each value is escaped
    template = templates.get_template("simple_project.html")
    return template.render(view=view, rows=rows, link=link, api_version=API_VERSION)


def _html_row(view: ProjectView, root: str, file: OfferedFile) -> str:
    """Return the link to a file (PEP 503, 592, 658, 714, 740); the form has neither sizes nor times (PEP 833)."""
    url = file_url(ROOT, view.project, file)
    fragment = "".join(f"#{name}={digest}" for name, digest in _hashes(file).items())
    attributes = "".join(
        f' {name}="{escape(value)}"' for name, value in _attributes(view, root, file) if value is not None
    )
    notes = "".join(f" <small>{escape(f'{each.rule}: {each.message}')}</small>" for each in _findings(file))
    return f'<a href="{escape(url + fragment)}"{attributes}>{escape(file.filename)}</a>{notes}<br>\n'


def _attributes(view: ProjectView, root: str, file: OfferedFile) -> Iterator[tuple[str, str | None]]:
    digest = _announced_metadata(file)
    metadata = None if digest is None else f"sha256={digest}" if digest else "true"
    yield "data-requires-python", file.requires_python
    yield "data-core-metadata", metadata
    yield "data-dist-info-metadata", metadata
    yield "data-provenance", provenance_url(root, view.project, file) if file.has_provenance else None
    yield "data-yanked", file.yanked
