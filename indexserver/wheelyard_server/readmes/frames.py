"""The frames between a server and its child: the length in 4 bytes, then MessagePack."""

import os
import struct
from collections.abc import Iterator
from enum import StrEnum

import msgspec

from wheelyard_server.readmes.markups import Markup

MAX_TEXT_BYTES = 256 * 1024
"""Longer READMEs are shown as text."""
MAX_HTML_BYTES = 1024 * 1024
"""Highlighted code is about ten times as large as its text."""
MAX_FRAME_BYTES = MAX_HTML_BYTES + 1024
_LENGTH = struct.Struct("!I")
LENGTH_BYTES = _LENGTH.size


class Outcome(StrEnum):
    """How the rendering of a README ended; a label of metrics, too."""

    RENDERED = "rendered"
    INVALID = "invalid"
    """Not valid in its markup, which is a mistake of its author."""
    SLOW = "slow"
    """It took more than its share of processor time."""
    LARGE = "large"
    """The text, or the HTML, is too large."""
    FAILED = "failed"
    """The renderer failed, needed too much memory, or wrote something that is not shown."""
    BUSY = "busy"
    """The machine, or the child, had no time for it. The only outcome that is not final."""


class Hello(msgspec.Struct, frozen=True):
    """The first frame of a child, when it is ready."""

    filtered: bool
    """Whether the kernel limits the system calls of renderers."""


class Task(msgspec.Struct, frozen=True):
    """A README to render."""

    text: str
    markup: Markup
    images: bool = False
    """Whether the HTML may show images of other sites."""


class Answer(msgspec.Struct, frozen=True):
    """What became of a task."""

    outcome: Outcome
    html: str = ""


def framed(content: msgspec.Struct) -> bytes:
    """Return a frame."""
    body = msgspec.msgpack.encode(content)
    return _LENGTH.pack(len(body)) + body


def length_of(head: bytes) -> int:
    """Return the length of the frame that begins with these bytes."""
    length: int = _LENGTH.unpack(head)[0]
    return length


def read_frames(file: int) -> Iterator[bytes]:
    """Yield the content of all frames until the other side closes the file; blocks."""
    while len(head := read_exactly(file, LENGTH_BYTES)) == LENGTH_BYTES:
        yield read_exactly(file, length_of(head))


def read_exactly(file: int, size: int) -> bytes:
    """Return that many bytes, or fewer if the file ends; blocks."""
    parts = []
    while size > 0 and (part := os.read(file, min(size, 1 << 20))):
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def write_all(file: int, content: bytes) -> None:
    """Write all bytes; blocks."""
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(file, rest) :]
