"""The JSON form of a page (PEP 691, 700, 714, 740, 792), of any version 1.x.

Neither the version nor the types of the values are trusted: an entry that cannot be used costs only
itself.
"""

from typing import Any

from wheelyard_server.sliced import Slices
from wheelyard_server.upstream import Page
from wheelyard_server.upstream.pages import entries
from wheelyard_server.upstream.pages.bounds import UnreadablePageError
from wheelyard_server.upstream.pages.files import Files, refuse_other_major
from wheelyard_server.upstream.pages.json_slices import MAX_VALUE_BYTES, Cursor

_FILES = "files"
MAX_KEYS = 100
"""Maximum number of values next to the files."""


def read(body: bytes, url: str) -> Slices[Page]:
    """Return a page; `url` is its own, which relative ones refer to. Raises `UnreadablePageError`."""
    cursor, files = Cursor(body), Files(url)
    others = yield from _object(cursor, files)
    cursor.end()
    if _FILES not in others:
        raise UnreadablePageError("answered with JSON that is not a project's page: it has no list of files")
    return _page(others, files)


def _object(cursor: Cursor, files: Files) -> Slices[dict[str, Any]]:
    """Read the files, and return the other values of the page."""
    others: dict[str, Any] = {}
    cursor.look(MAX_VALUE_BYTES)
    cursor.take("{")
    is_last = cursor.is_at("}")
    while not is_last:
        key = cursor.value()
        cursor.take(":")
        if not isinstance(key, str) or key in others or len(others) >= MAX_KEYS:
            raise UnreadablePageError("answered with JSON that is not a project's page")
        if key == _FILES:
            others[key] = None
            yield from _files(cursor, files)
        else:
            others[key] = cursor.value()
            yield
        cursor.look(MAX_VALUE_BYTES)
        is_last = cursor.take(",", "}") == "}"
    return others


def _files(cursor: Cursor, files: Files) -> Slices[None]:
    cursor.take("[")
    goes_on = not cursor.is_at("]")
    while goes_on:
        found = cursor.guessed_entries()
        if found is None:
            found = cursor.guessed_last_entries()
            goes_on = found is None
        if found is None:
            yield
            found, goes_on = cursor.counted_entries()
        files.add(found)
        yield


def _page(others: dict[str, Any], files: Files) -> Page:
    meta, status = _mapping(others.get("meta")), _mapping(others.get("project-status"))
    refuse_other_major(meta.get("api-version"))
    return files.page(
        serial=entries.serial(meta.get("_last-serial")),
        versions=entries.versions(others.get("versions")),
        status=status.get("status"),
        status_reason=status.get("reason"),
    )


def _mapping(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
