"""Project documents as bytes, in each format.

A document of a newer release may contain unknown keys on every level. A change writes them back
unchanged. Documents without such keys, which is nearly all, are decoded in one step.
"""

from base64 import b64decode
from functools import cache
from typing import Any, TypeVar

import msgspec

from wheelyard_server.model import FORMAT, OLDEST_FORMAT, UNKNOWN, DeletedFile, File, Project

Part = TypeVar("Part", Project, File, DeletedFile)

_SINCE_FORMAT_2: dict[type, dict[str, Any]] = {
    Project: {"serial": 0, "owner": "", "status_changed": None, "mirror": None, "claimed": None},
    File: {"provenance_id": None, "yank_changed": None, "added": None, "promoted": None, "findings": ()},
    DeletedFile: {"deleted_by": "", "upload_time": None, "provenance_id": None},
}
"""Fields that documents of format 1 do not have, with their defaults. Servers of that format drop
unknown fields, so the defaults must lose nothing."""
_MARK = f'"{UNKNOWN}":'.encode()

_decode = msgspec.json.Decoder(Project).decode
_encode = msgspec.json.Encoder().encode


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
