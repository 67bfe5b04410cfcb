"""Project documents as bytes, in each format.

Long lists of files have one line for each file, so that documents of megabytes are encoded and
decoded in slices, and the event loop never waits long. White space means nothing in JSON: earlier
releases read such documents, too.

A document of a newer release may contain unknown keys on every level. A change writes them back
unchanged. Documents without such keys, which is nearly all, are decoded in one step.
"""

from base64 import b64decode
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, NamedTuple, TypeVar

import msgspec

from wheelyard_server.catalog.packed_files import PackedFiles
from wheelyard_server.model import FORMAT, OLDEST_FORMAT, DeletedFile, File, Project
from wheelyard_server.model.mirror import MirroredFile
from wheelyard_server.model.part import UNKNOWN
from wheelyard_server.sliced import Slices

Part = TypeVar("Part", Project, File, DeletedFile)

_SINCE_FORMAT_2: dict[type, dict[str, Any]] = {
    Project: {"serial": 0, "owner": "", "status_changed": None, "mirror": None, "claimed": None, "former": ()},
    File: {
        "provenance_id": None,
        "yank_changed": None,
        "added": None,
        "promoted": None,
        "findings": (),
        "license": "",
    },
    DeletedFile: {"deleted_by": "", "upload_time": None, "provenance_id": None},
}
"""Fields that documents of format 1 do not have, with their defaults. Servers of that format drop
unknown fields, so the defaults must lose nothing."""
_FILES, _DELETED, _IN_MIRROR = b',"files":[', b',"deleted":[', b',"mirror":{'
_UNKNOWN_KEYS = b"unknown keys"
"""Stands for a part that has keys of a newer release."""
_MARK = f'"{UNKNOWN}":'.encode()

LARGE_BYTES = 256 * 1024
"""A document of this size takes a quarter of a millisecond to decode."""
LARGE_FILES = 500
"""A document with so many files takes about as long to encode."""
_SLICE_BYTES = 64 * 1024
_SLICE_FILES = 100
_SEARCHED_BYTES = 1024**2

_decode = msgspec.json.Decoder(Project).decode
_decode_files = msgspec.json.Decoder(tuple[File, ...]).decode
_decode_deleted = msgspec.json.Decoder(tuple[DeletedFile, ...]).decode
_decode_mirrored = msgspec.json.Decoder(tuple[MirroredFile, ...]).decode
_DECODERS: dict[bytes, Callable[[bytes], tuple[Any, ...]]] = {
    _FILES: _decode_files,
    _DELETED: _decode_deleted,
    _IN_MIRROR: _decode_mirrored,
}


def _unpacked(files: Any) -> tuple[Any, ...]:
    """Return the files of a mirror that are packed in memory."""
    if isinstance(files, PackedFiles):
        return tuple(files)
    raise NotImplementedError(f"{type(files)} is no part of a document")


_encode = msgspec.json.Encoder(enc_hook=_unpacked).encode
_encode_lines = msgspec.json.Encoder().encode_lines


def decode(body: bytes) -> Project:
    """Decode a document of any format; raise `msgspec.MsgspecError` if it is damaged."""
    try:
        return _decode(body)
    except msgspec.ValidationError:
        # It has keys of a newer release, or is damaged: in that case this raises the reason.
        return msgspec.convert(_split(msgspec.json.decode(body), Project), Project, builtin_types=(bytes,))


def encode(project: Project) -> bytes:
    """Encode a document, including the unknown keys that it was decoded with."""
    body = _encode(project)
    return body if _MARK not in body else _encode(_joined(msgspec.json.decode(body)))


class EncodedLists(NamedTuple):
    """The long lists of a document, in parts: JSON arrays with one line for each item; without parts if empty."""

    files: tuple[bytes, ...]
    deleted: tuple[bytes, ...]
    mirrored: tuple[bytes, ...]


def is_large(project: Project) -> bool:
    """Return whether a document should be encoded in slices."""
    mirrored = () if project.mirror is None else project.mirror.files
    return len(project.files) + len(project.deleted) + len(mirrored) > LARGE_FILES


def encode_lists(project: Project) -> Slices[EncodedLists | None]:
    """Encode the long lists of a document; None if it has keys of a newer release, and so must be encoded whole."""
    mirrored = () if project.mirror is None else project.mirror.files
    files = yield from _lines(project.files)
    deleted = yield from _lines(project.deleted)
    lists = EncodedLists(files, deleted, (yield from _lines(mirrored)))
    return None if any(_UNKNOWN_KEYS in each for each in lists) else lists


def _lines(items: Sequence[File | DeletedFile | MirroredFile]) -> Slices[tuple[bytes, ...]]:
    parts = []
    for start in range(0, len(items), _SLICE_FILES):
        # The only newlines are the ends of lines: those in texts are escaped.
        lines = _encode_lines(items[start : start + _SLICE_FILES])
        parts.append(_UNKNOWN_KEYS if _MARK in lines else lines.replace(b"\n", b",\n"))
        yield
    if parts:
        parts[-1] = parts[-1].removesuffix(b",\n")
    return (b"[\n", *parts, b"\n]") if parts else ()


def encode_around(project: Project, lists: EncodedLists) -> bytes:
    """Encode a document with these encoded lists in place of its own."""
    parts = [_encode(project.replace(files=(), deleted=(), mirror=None))[:-1]]
    parts += [_FILES[:-1], *lists.files] if lists.files else []
    parts += [_DELETED[:-1], *lists.deleted] if lists.deleted else []
    if project.mirror is not None:
        mirror = _encode(project.mirror.replace(files=()))
        parts += [_IN_MIRROR, mirror[1:-1], *((_FILES[:-1], *lists.mirrored) if lists.mirrored else ()), b"}"]
        has_unknown_keys = _MARK in parts[0] or _MARK in mirror
    else:
        has_unknown_keys = _MARK in parts[0]
    return encode(project) if has_unknown_keys else b"".join((*parts, b"}"))


def decode_in_slices(body: bytes) -> Slices[Project]:
    """Decode a document as `decode` does; it is decoded whole if its lists are not in lines."""
    try:
        return (yield from _decode_lines(body))
    except msgspec.MsgspecError:
        return decode(body)


def _decode_lines(body: bytes) -> Slices[Project]:
    outside: list[bytes] = []
    lists: dict[bytes, tuple[Any, ...]] = {}
    position = 0
    while (start := (yield from _list_after(body, position))) >= 0:
        outside.append(body[position:start])
        kind = _kind(outside[-1])
        if kind in lists:
            return decode(body)
        lists[kind], position = yield from _decode_list(body, start + 1, _DECODERS[kind])
    return _with_lists(_decode(b"".join((*outside, body[position:]))), lists)


def _list_after(body: bytes, position: int) -> Slices[int]:
    """Return the position behind the bracket of the next list in lines; -1 if there is none."""
    for start in range(position, len(body), _SEARCHED_BYTES):
        found = body.find(b"[\n", start, start + _SEARCHED_BYTES + 1)
        if found >= 0:
            return found + 1
        yield
    return -1


def _with_lists(project: Project, lists: dict[bytes, tuple[Any, ...]]) -> Project:
    mirror = project.mirror
    if mirror is not None and _IN_MIRROR in lists:
        mirror = mirror.replace(files=lists[_IN_MIRROR])
    files, deleted = lists.get(_FILES, project.files), lists.get(_DELETED, project.deleted)
    return project.replace(files=files, deleted=deleted, mirror=mirror)


def _kind(before: bytes) -> bytes:
    """Return which list begins after this part of a document."""
    if _IN_MIRROR in before:
        return _IN_MIRROR
    return _DELETED if before.endswith(_DELETED) else _FILES


def _decode_list(
    body: bytes, start: int, decode_part: Callable[[bytes], tuple[Any, ...]]
) -> Slices[tuple[tuple[Any, ...], int]]:
    """Decode the lines of a list from `start`; return its items and the position of its closing bracket."""
    found: list[Any] = []
    while True:
        end = body.find(b"\n", start + _SLICE_BYTES)
        last = body.find(b"\n]", start, len(body) if end < 0 else end + 2)
        found += decode_part(b"[%s]" % body[start : end if last < 0 else last].removesuffix(b","))
        yield
        if last >= 0 or end < 0:
            return tuple(found), last + 1
        start = end + 1


def in_format(project: Project, wanted: int) -> Project:
    """Return the project reduced to this format. A document never goes back to an older format."""
    if max(project.format, wanted) > OLDEST_FORMAT:
        return project.replace(format=FORMAT)
    return _lowered(project).replace(
        files=tuple(map(_lowered, project.files)), deleted=tuple(map(_lowered, project.deleted))
    )


def _lowered(part: Part) -> Part:
    return part.replace(**_SINCE_FORMAT_2[type(part)])


@cache
def _parts(struct: type) -> dict[str, type | None]:
    """Return all keys of a struct, each with the type of its struct value, alone or in a list."""
    info = msgspec.inspect.type_info(struct)
    assert isinstance(info, msgspec.inspect.StructType)  # noqa: S101 - our own model
    return {field.encode_name: _struct_in(field.type) for field in info.fields if field.encode_name != UNKNOWN}


def _struct_in(type_: msgspec.inspect.Type) -> type | None:
    match type_:
        case msgspec.inspect.StructType():
            return type_.cls
        case msgspec.inspect.VarTupleType():
            return _struct_in(type_.item_type)
        case msgspec.inspect.UnionType():
            return next(filter(None, map(_struct_in, type_.types)), None)
    return None


def _split(value: Any, struct: type | None) -> Any:
    """Move keys that the struct does not know into its `unknown`."""
    if struct is None:
        return value
    if isinstance(value, list):
        return [_split(each, struct) for each in value]
    if not isinstance(value, dict):
        return value
    parts = _parts(struct)
    known = {key: _split(each, parts[key]) for key, each in value.items() if key in parts}
    unknown = {key: each for key, each in value.items() if key not in parts}
    return {**known, UNKNOWN: _encode(unknown)} if unknown else known


def _joined(value: Any) -> Any:
    """Move the keys in `unknown` back to their places."""
    if isinstance(value, list):
        return [_joined(each) for each in value]
    if not isinstance(value, dict):
        return value
    known = {key: _joined(each) for key, each in value.items() if key != UNKNOWN}
    unknown = value.get(UNKNOWN)
    return known if unknown is None else {**known, **msgspec.json.decode(b64decode(unknown))}
