"""One header of a tar archive, in one of the two forms that all of today's programs write.

POSIX.1-2017 `ustar` (https://pubs.opengroup.org/onlinepubs/9799919799/utilities/pax.html) and GNU
(https://www.gnu.org/software/tar/manual/html_node/Standard.html). Readers agree on these as long as numbers are
plain and unused fields are empty; of all else, two of them may make two things. So all else is refused.
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
"""How GNU marks a number in base 256, which it writes where octal digits do not suffice."""
_OF_ONE_FORM = {PAX: _POSIX, GLOBAL_PAX: _POSIX, LONG_NAME: _GNU, LONG_LINK: _GNU}
"""Types that belong to one of the forms."""


class Header(NamedTuple):
    """What counts of a header. Texts are as they stand in the archive, which may be no UTF-8."""

    name: bytes
    """With a slash at its end if the archive has one."""
    size: int
    type: bytes
    link_name: bytes


def parse_header(block: bytes) -> Header:
    """Parse a block; raise `InvalidUploadError` unless it is a regular header in one of the two forms."""
    fields = _FIELDS.unpack(block)
    name, mode, uid, gid, size, mtime, checksum, type_, link_name, magic, _, _, major, minor, prefix, rest = fields
    # The sum of all bytes, with spaces for itself. Signed bytes, as some programs added them, are not regular.
    if _number(checksum) != sum(block) - sum(block[_CHECKSUM]) + len(checksum) * ord(" "):
        raise InvalidUploadError("The tar archive has a damaged header")
    if magic not in {_POSIX, _GNU} or magic != _OF_ONE_FORM.get(type_, magic):
        raise InvalidUploadError("The tar archive has a header that is neither POSIX's nor GNU's")
    if rest.strip(b"\0") or (magic == _GNU and prefix.strip(b"\0")):
        raise InvalidUploadError("The tar archive has a header with something in fields that must be empty")
    for number in (mode, uid, gid, mtime, major, minor):
        _check_unused(number)
    found = Header(_joined(_text(prefix), _text(name)), _number(size), type_, _text(link_name))
    # To some, a file in the oldest form whose name ends in a slash is a folder.
    if type_ == OLD_FILE and found.name.endswith(b"/"):
        raise InvalidUploadError(
            f"{shown(found.name.decode(errors='replace'))} in the archive may be a file or a folder"
        )
    return found


def _joined(prefix: bytes, name: bytes) -> bytes:
    return prefix + b"/" + name if prefix else name


def _text(field: bytes) -> bytes:
    """Return a text field; nothing may follow its end."""
    text, _, rest = field.partition(b"\0")
    if rest.strip(b"\0"):
        raise InvalidUploadError("The tar archive has a header with something behind the end of a name")
    return text


def _number(field: bytes) -> int:
    match = _OCTAL.fullmatch(field)
    if match is None:
        raise InvalidUploadError(
            "The tar archive has a header with a number that is not octal digits: its members must be below 8 GiB"
        )
    return int(match[1], 8)


def _check_unused(field: bytes) -> None:
    """Refuse an irregular number that decides nothing: owners and times. Large user ids are in base 256."""
    if not _OCTAL_OR_EMPTY.fullmatch(field) and not field.startswith(_BINARY):
        raise InvalidUploadError("The tar archive has a header with a number field that is not a number")
