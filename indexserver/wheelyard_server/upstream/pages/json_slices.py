"""The cursor over a JSON page, which decodes slices of its files.

The end of a slice of files is a guess first: a `}` that a comma and a `{` follow, or the bracket
that ends the array. A slice in brackets is valid JSON only if its own brackets are balanced and its
strings are closed. So if it begins at a real boundary and is valid, it ends at one. Otherwise the
standard library decodes value by value, which is slower and exact.
"""

import json
import re
from typing import Any

import msgspec

from wheelyard_server.upstream.pages.bounds import UnreadablePageError
from wheelyard_server.upstream.pages.entries import Entries, Entry

SLICE_BYTES = 64 * 1024
MAX_ENTRY_BYTES = 256 * 1024
MAX_VALUE_BYTES = 1024**2
"""Maximum size of a value that is not a file; 50,000 versions take less."""
MAX_CONTAINERS = 20_000
"""Maximum number of arrays and objects that are decoded at once: each costs Python more than any text."""

_CUT = re.compile(rb"\}[ \t\r\n]{0,64}+(,)[ \t\r\n]{0,64}+\{")
_END = re.compile(rb"\}[ \t\r\n]{0,64}+(\])")
_SPACE = re.compile(r"[ \t\r\n]*+")
_INVALID = "answered with a page that is not valid JSON, or has a value that is too large"
_decode_value = json.JSONDecoder().raw_decode
_decode_entries = msgspec.json.Decoder(list[Entry]).decode


class Cursor:
    """A position in a JSON text. Each step is bounded, and raises `UnreadablePageError`."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self._position = 0
        self._text, self._index = "", 0
        """The next part of the body as text, and the position in it."""

    def look(self, size: int) -> None:
        """Go on with the next so many bytes as text."""
        self._settle()
        part = self._body[self._position : self._position + size]
        if part.count(b"[") + part.count(b"{") > MAX_CONTAINERS:
            raise UnreadablePageError(_INVALID)
        # Bytes that are not UTF-8 become lone surrogates, and so does a character that is cut.
        self._text = part.decode("utf-8", "surrogateescape")

    def take(self, *expected: str) -> str:
        """Return the next character, which must be one of these, and go behind it."""
        self._skip_space()
        character = self._text[self._index : self._index + 1]
        if character not in expected:
            raise UnreadablePageError(_INVALID)
        self._index += 1
        return character

    def is_at(self, character: str) -> bool:
        """Return whether this is the next character; if so, go behind it."""
        self._skip_space()
        found = self._text.startswith(character, self._index)
        self._index += found
        return found

    def value(self) -> Any:
        """Return the next value, and go behind it."""
        self._skip_space()
        try:
            value, self._index = _decode_value(self._text, self._index)
        except (ValueError, RecursionError):
            raise UnreadablePageError(_INVALID) from None
        return value

    def end(self) -> None:
        """Check that nothing follows."""
        self._settle()
        if self._body[self._position : self._position + MAX_VALUE_BYTES].strip(b" \t\r\n"):
            raise UnreadablePageError(_INVALID)

    def guessed_entries(self) -> Entries | None:
        """Return the next entries up to a guessed end, and go behind the comma; None if the guess is wrong."""
        self._settle()
        least = self._position + SLICE_BYTES
        return self._entries_until(_CUT.search(self._body, least, least + SLICE_BYTES))

    def guessed_last_entries(self) -> Entries | None:
        """Do the same up to the guessed end of the array, and go behind its bracket."""
        self._settle()
        return self._entries_until(_END.search(self._body, self._position, self._position + 2 * SLICE_BYTES))

    def _entries_until(self, cut: re.Match[bytes] | None) -> Entries | None:
        if cut is None:
            return None
        try:
            found = _decode_entries(b"[" + self._body[self._position : cut.start() + 1] + b"]")
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return None
        self._position = cut.end(1)
        return list(found)

    def counted_entries(self) -> tuple[Entries, bool]:
        """Return the next entries and whether the array goes on, and go behind the comma or bracket."""
        self.look(SLICE_BYTES + MAX_ENTRY_BYTES)
        entries: Entries = []
        goes_on = True
        while goes_on and self._index < SLICE_BYTES:
            entries.append(_entry(self.value()))
            goes_on = self.take(",", "]") == ","
        return entries, goes_on

    def _skip_space(self) -> None:
        space = _SPACE.match(self._text, self._index)
        self._index = space.end() if space else self._index

    def _settle(self) -> None:
        """Count what was read as text."""
        self._position += len(self._text[: self._index].encode("utf-8", "surrogateescape"))
        self._text, self._index = "", 0


def _entry(value: Any) -> Entry | None:
    """Return an entry from a decoded value; None if that is no object, or has text that is not Unicode."""
    if not isinstance(value, dict):
        return None
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return None
    return msgspec.convert(value, Entry)
