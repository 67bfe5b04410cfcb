"""Writes `.tar.gz` files member by member, so that each header may lie."""

import gzip
import io
import tarfile
from collections.abc import Mapping
from typing import Any, Literal

PKG_INFO = "demo-1.0/PKG-INFO"
END = bytes(2 * tarfile.BLOCKSIZE)


def member(
    name: str,
    content: bytes = b"",
    *,
    pax: Mapping[str, str] | None = None,
    format_: Literal[0, 1, 2] = tarfile.PAX_FORMAT,
    **fields: Any,
) -> bytes:
    """Return a member: its headers and content. `fields` are those of `tarfile.TarInfo`, such as type and size."""
    info = tarfile.TarInfo(name)
    info.size = len(content)
    info.pax_headers = dict(pax or {})
    for field, value in fields.items():
        setattr(info, field, value)
    padding = bytes(-len(content) % tarfile.BLOCKSIZE)
    return info.tobuf(format_) + content + padding


def rewritten(member: bytes, at: int, field: bytes) -> bytes:
    """Return a member with these bytes in its header, whose checksum is right again."""
    header = member[:at] + field + member[at + len(field) : tarfile.BLOCKSIZE]
    return with_checksum(header) + member[tarfile.BLOCKSIZE :]


def with_checksum(header: bytes) -> bytes:
    """Return a header with its checksum."""
    checksum = sum(header[:148]) + sum(header[156:]) + sum(b" " * 8)
    return header[:148] + b"%06o\0 " % checksum + header[156:]


def pkg_info(text: str = "Metadata-Version: 2.3\nName: demo\nVersion: 1.0\n\n") -> bytes:
    """Return the member that every sdist has."""
    return member(PKG_INFO, text.encode())


def tar_gz(*members: bytes, end: bytes = END) -> bytes:
    """Return a `.tar.gz` of these members."""
    body = io.BytesIO()
    with gzip.GzipFile(fileobj=body, mode="wb", mtime=0) as file:
        file.write(b"".join(members) + end)
    return body.getvalue()
