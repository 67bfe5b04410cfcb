"""One header of a tar archive, in one of the two forms that current programs write.

These are POSIX.1-2017 `ustar` (https://pubs.opengroup.org/onlinepubs/9799919799/utilities/pax.html)
and GNU (https://www.gnu.org/software/tar/manual/html_node/Standard.html). Readers agree on them if
numbers are plain and unused fields are empty. Anything else is refused, since two readers may
interpret it differently.
"""

import re
import struct
from typing import NamedTuple

from wheelyard_server.catalog.inspection.wording import shown
from wheelyard_server.errors import InvalidUploadError

BLOCK = 512
FILE, OLD_FILE, HARD_LINK, SYMBOLIC_LINK, FOLDER = b"0", b"\0", b"1", b"2", b"5"
PAX, GLOBAL_PAX, LONG_NAME, LONG_LINK = b"x", b"g", b"L", b"K"

_FIELDS = struct.Struct("100s8s8s8s12s12s8sc100s8s32s32s8s8s155s12s")
_CHECKSUM = slice(148, 156)
_POSIX, _GNU = b"ustar\x0000", b"ustar  \0"
_OCTAL = re.compile(rb" *([0-7]+)[ \0]*")
_OCTAL_OR_EMPTY = re.compile(rb" *[0-7]*[ \0]*")
_BINARY = (b"\x80", b"\xff")
"""GNU's marks of a number in base 256, which it writes if octal digits do not suffice."""
_OF_ONE_FORM = {PAX: _POSIX, GLOBAL_PAX: _POSIX, LONG_NAME: _GNU, LONG_LINK: _GNU}
"""Types that exist in one of the forms only."""


class Header(NamedTuple):
    """The relevant fields of a header. Texts are undecoded and may not be UTF-8."""

    name: bytes
    """Includes a trailing slash if the archive has one."""
    size: int
    type: bytes
    link_name: bytes


def parse_header(block: bytes) -> Header:
    """Parse a block; raise `InvalidUploadError` unless it is a regular header in one of the two forms."""
    fields = _FIELDS.unpack(block)
    name, mode, uid, gid, size, mtime, checksum, type_, link_name, magic, _, _, major, minor, prefix, rest = fields
    # The sum of all bytes, with its own as spaces. Sums of signed bytes, by some old programs, are
    # irregular.
    if _number(checksum) != sum(block) - sum(block[_CHECKSUM]) + len(checksum) * ord(" "):
        raise InvalidUploadError("The tar archive has a damaged header")
    if magic not in {_POSIX, _GNU} or magic != _OF_ONE_FORM.get(type_, magic):
        raise InvalidUploadError("The tar archive has a header that is neither POSIX nor GNU")
    if rest.strip(b"\0") or (magic == _GNU and prefix.strip(b"\0")):
        raise InvalidUploadError("The tar archive has a header with data in fields that must be empty")
    for number in (mode, uid, gid, mtime, major, minor):
        _check_unused(number)
    found = Header(_joined(_text(prefix), _text(name)), _number(size), type_, _text(link_name))
    # Some readers treat a file of the oldest type whose name ends in a slash as a folder.
    if type_ == OLD_FILE and found.name.endswith(b"/"):
        raise InvalidUploadError(
            f"{shown(found.name.decode(errors='replace'))} in the archive may be a file or a folder"
        )
    return found


def _joined(prefix: bytes, name: bytes) -> bytes:
    return prefix + b"/" + name if prefix else name


def _text(field: bytes) -> bytes:
    """Return a text field; raise `InvalidUploadError` if data follows its end."""
    text, _, rest = field.partition(b"\0")
    if rest.strip(b"\0"):
        raise InvalidUploadError("The tar archive has a header with data after the end of a name")
    return text


def _number(field: bytes) -> int:
    match = _OCTAL.fullmatch(field)
    if match is None:
        raise InvalidUploadError(
            "The tar archive has a header with a number that is not octal: members must be smaller than 8 GiB"
        )
    return int(match[1], 8)


def _check_unused(field: bytes) -> None:
    """Refuse irregular numbers in fields without effect, such as owners and times. Large ids are in base 256."""
    if not _OCTAL_OR_EMPTY.fullmatch(field) and not field.startswith(_BINARY):
        raise InvalidUploadError("The tar archive has a header with a number field that is not a number")
