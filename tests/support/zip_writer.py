"""Writes zip files header by header, so that each of them may lie."""

import io
import struct
import zipfile
import zlib
from collections.abc import Iterable, Mapping
from typing import Any

Headers = Mapping[str, dict[str, Any]]
"""By the name of the member, the fields of its header that are to differ from the truth."""

_NONE: Headers = {}


def zip_file(
    files: Mapping[str, bytes] | Iterable[tuple[str, bytes]],
    *,
    both: Headers = _NONE,
    local: Headers = _NONE,
    central: Headers = _NONE,
    end: Mapping[str, int | bytes] | None = None,
    gap: bytes = b"",
    zip64: dict[str, int] | None = None,
) -> bytes:
    """Return a zip file.

    `both`, `local` and `central` change fields of those headers: name, flags, method, crc,
    compressed, size, extra, attributes, offset, comment, needed (a version), payload (the raw
    content) and after (bytes that follow it). `end` changes the end record: disk, count, total,
    size, offset, comment. `gap` stands before the central directory. `zip64` adds the end records
    of zip64, with such changes of its own.
    """
    body, directory = b"", b""
    count = 0
    for name, content in files.items() if isinstance(files, Mapping) else files:
        truth = _truth(name, content) | both.get(name, {}) | {"offset": len(body)}
        body += _local(truth | local.get(name, {}))
        directory += _central(truth | central.get(name, {}))
        count += 1
    body += gap
    found = {"count": count, "total": count, "size": len(directory), "offset": len(body)}
    ends = b"" if zip64 is None else _end64(found | zip64, len(body) + len(directory))
    return body + directory + ends + _end(found | dict(end or {}))


def _truth(name: str, content: bytes) -> dict[str, Any]:
    deflater = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    payload = deflater.compress(content) + deflater.flush()
    return {
        "name": name.encode(),
        "flags": 0 if name.isascii() else 0x0800,
        "method": 8,
        "crc": zlib.crc32(content),
        "compressed": len(payload),
        "size": len(content),
        "extra": b"",
        "attributes": 0o100644 << 16,
        "comment": b"",
        "needed": 20,
        "payload": payload,
        "after": b"",
    }


def piped(files: Mapping[str, bytes], *, force_zip64: bool = False) -> bytes:
    """Return a zip file as Python writes it to a pipe: sizes and checksums follow the content."""
    pipe = _Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            with archive.open(name, "w", force_zip64=force_zip64) as member:
                member.write(content)
    return pipe.written


class _Pipe(io.RawIOBase):
    """Takes bytes and knows no way back."""

    def __init__(self) -> None:
        self.written = b""

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self.written += bytes(data)
        return len(data)


def stored(content: bytes) -> dict[str, Any]:
    """Return the fields of a member that is stored."""
    return {"method": 0, "payload": content, "compressed": len(content), "size": len(content)}


def _local(of: Mapping[str, Any]) -> bytes:
    sizes = (of["crc"], of["compressed"], of["size"], len(of["name"]), len(of["extra"]))
    header = struct.pack("<4s5H3L2H", b"PK\3\4", of["needed"], of["flags"], of["method"], 0, 33, *sizes)
    return b"".join([header, *(of[part] for part in ("name", "extra", "payload", "after"))])


def _central(of: Mapping[str, Any]) -> bytes:
    sizes = (of["crc"], of["compressed"], of["size"], len(of["name"]), len(of["extra"]), len(of["comment"]))
    version = 3 << 8 | 20
    first = (version, of["needed"], of["flags"], of["method"], 0, 33)
    header = struct.pack("<4s6H3L5H2L", b"PK\1\2", *first, *sizes, 0, 0, of["attributes"], of["offset"])
    return b"".join([header, of["name"], of["extra"], of["comment"]])


def _end(of: Mapping[str, Any]) -> bytes:
    comment: bytes = of.get("comment", b"")
    numbers = (of.get("disk", 0), 0, of["count"], of["total"], of["size"], of["offset"], len(comment))
    return struct.pack("<4s4H2LH", b"PK\5\6", *numbers) + comment


def _end64(of: Mapping[str, int], start: int) -> bytes:
    record = struct.pack(
        "<4sQ2H2L4Q", b"PK\6\6", of.get("record_size", 44), 45, 45, 0, 0,
        of["count"], of["total"], of["size"], of["offset"],
    )  # fmt: skip
    return record + struct.pack("<4sLQL", b"PK\6\7", 0, of.get("start", start), 1)
