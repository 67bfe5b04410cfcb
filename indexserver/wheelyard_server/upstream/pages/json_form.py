"""The JSON form of a page (PEP 691, 700, 714, 740, 792), of any version 1.x.

Neither the version nor the types of the values are trusted: an entry that cannot be used costs only
itself.
"""

from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

from wheelyard_server.sliced import Slices
from wheelyard_server.upstream import Page
from wheelyard_server.upstream.pages import entries
from wheelyard_server.upstream.pages.bounds import UnreadablePageError
from wheelyard_server.upstream.pages.files import Files, refuse_other_major
from wheelyard_server.upstream.pages.json_slices import FilesArray

T = TypeVar("T")


class _Top(msgspec.Struct, rename="kebab"):
    """A page without its files. Values are decoded by themselves, so that none costs much."""

    files: msgspec.Raw = msgspec.Raw()
    meta: msgspec.Raw = msgspec.Raw()
    versions: msgspec.Raw = msgspec.Raw()
    project_status: msgspec.Raw = msgspec.Raw()


_MAX_VALUE_BYTES = 64 * 1024
"""Maximum size of a small value, such as `meta`."""
_decode_entries = msgspec.json.Decoder(entries.Entries).decode
_decode_top = msgspec.json.Decoder(_Top).decode
_decode_versions = msgspec.json.Decoder(list[str]).decode
_DAMAGE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


def read(body: bytes, url: str) -> Slices[Page]:
    """Return a page; `url` is its own, which relative ones refer to. Raises `UnreadablePageError`."""
    array = FilesArray(body, _decode)
    yield from array.find()
    files = Files(url)
    while not array.is_read:
        files.add((yield from array.next_entries()))
        yield
    return _page(array.outside, files)


def _page(outside: bytes, files: Files) -> Page:
    top = _top(outside)
    meta, status = _mapping(top.meta), _mapping(top.project_status)
    refuse_other_major(meta.get("api-version"))
    return files.page(
        serial=entries.serial(meta.get("_last-serial")),
        versions=entries.versions(_value(_decode_versions, top.versions)),
        status=status.get("status"),
        status_reason=status.get("reason"),
    )


def _mapping(raw: msgspec.Raw) -> dict[str, Any]:
    value = _value(msgspec.json.decode, raw) if len(bytes(raw)) <= _MAX_VALUE_BYTES else None
    return value if isinstance(value, dict) else {}


def _value(decode: Callable[[bytes], T], raw: msgspec.Raw) -> T | None:
    """Return a value; None if it is missing, or of another type."""
    try:
        return decode(bytes(raw)) if raw else None
    except _DAMAGE:
        return None


def _top(outside: bytes) -> _Top:
    try:
        top = _decode_top(outside)
    except _DAMAGE as error:
        raise UnreadablePageError(f"answered with a page that is not valid JSON: {error}") from None
    if bytes(top.files) != b"[]":
        raise UnreadablePageError("answered with a page that lists its files twice")
    return top


def _decode(part: bytes) -> entries.Entries | None:
    """Return the entries of an array, None in place of one that is no object; None if it is not valid JSON."""
    try:
        return _decode_entries(part)
    except msgspec.ValidationError:
        return _decode_any(part)
    except _DAMAGE:
        return None


def _decode_any(part: bytes) -> entries.Entries | None:
    try:
        values = msgspec.json.decode(part)
    except _DAMAGE:
        return None
    return [msgspec.convert(each, entries.Entry) if isinstance(each, dict) else None for each in values]
