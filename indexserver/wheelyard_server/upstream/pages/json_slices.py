"""The array `files` of a JSON page in slices, each of which is decoded by itself.

The end of a slice is a guess first: a `}` that a comma and a `{` follow. A slice in brackets is
valid JSON only if its own brackets are balanced and its strings are closed. So if it begins at a
real boundary and is valid, it ends at one. Otherwise its tokens are counted, which is slower and
exact.
"""

import json
import re
from collections.abc import Callable, Iterator

from wheelyard_server.sliced import Slices
from wheelyard_server.upstream.pages.bounds import UnreadablePageError
from wheelyard_server.upstream.pages.entries import Entries, Entry

SLICE_BYTES = 64 * 1024
MAX_ENTRY_BYTES = 256 * 1024
MAX_OUTSIDE_BYTES = 1024**2
"""Maximum size of a page without its files; 50,000 versions take less."""
_TOKENS_AT_ONCE = 4000

_CUT = re.compile(rb"\}[ \t\r\n]{0,64}+,[ \t\r\n]{0,64}+\{")
_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*+"|[][{}:,"]', re.DOTALL)

Decode = Callable[[bytes], Entries | None]
"""Returns the entries of a JSON array; None if it is not valid JSON."""


class FilesArray:
    """The array `files` of the object in `body`, read slice by slice."""

    def __init__(self, body: bytes, decode: Decode) -> None:
        self._body = body
        self._decode = decode
        self._start = self._position = 0
        """Positions after the opening bracket, and of the next entry."""
        self._end = -1
        """Position of the closing bracket; negative until it is found."""

    @property
    def is_read(self) -> bool:
        """Return whether all entries were returned."""
        return self._end >= 0

    @property
    def outside(self) -> bytes:
        """Return the page with an empty array; raise `UnreadablePageError` if that is too large."""
        if self._start + len(self._body) - self._end > MAX_OUTSIDE_BYTES:
            raise UnreadablePageError(
                f"answered with a page of more than {MAX_OUTSIDE_BYTES:,} bytes without files"
            )
        return self._body[: self._start] + self._body[self._end :]

    def find(self) -> Slices[None]:
        """Find the array, which is a value of the outermost object; raise `UnreadablePageError`."""
        depth, key, last = 0, b"", b""
        for number, (token, end) in enumerate(self._tokens(0, MAX_OUTSIDE_BYTES)):
            if token == b"[" and depth == 1 and key == b'"files"':
                self._start = self._position = end
                return
            if token in b":,":
                key = last if token == b":" else b""
            depth, last = depth + _step(token), token
            if number % _TOKENS_AT_ONCE == _TOKENS_AT_ONCE - 1:
                yield
        raise UnreadablePageError("answered with JSON that is not a project's page: it lists no files")

    def next_entries(self) -> Slices[Entries]:
        """Return the next entries, None in place of unusable ones; raise `UnreadablePageError`."""
        guessed = self._guess()
        if guessed is not None:
            return guessed
        yield
        spans = yield from self._spans()
        found = self._decode(self._part(spans[0][0], spans[-1][1]))
        if found is not None and (found or spans[0][0] == self._start):
            return found
        return [self._entry(*span) for span in spans]

    def _guess(self) -> Entries | None:
        """Return the entries up to a guessed end; None if that is wrong."""
        least = self._position + SLICE_BYTES
        cut = _CUT.search(self._body, least, least + MAX_ENTRY_BYTES)
        found = self._decode(self._part(self._position, cut.start() + 1)) if cut else None
        if cut and found is not None:
            self._position = self._body.index(b",", cut.start()) + 1
        return found

    def _spans(self) -> Slices[list[tuple[int, int]]]:
        """Return the positions of the next entries, by counting tokens, and go behind them."""
        depth, begin = 0, self._position
        spans: list[tuple[int, int]] = []
        for number, (token, end) in enumerate(self._tokens(begin, begin + SLICE_BYTES + MAX_ENTRY_BYTES)):
            if depth == 0 and token in b",]}":
                spans.append((begin, end - 1))
                begin = end
                if self._is_done(token, end):
                    return spans
            depth += _step(token)
            if number % _TOKENS_AT_ONCE == _TOKENS_AT_ONCE - 1:
                yield
        raise UnreadablePageError("answered with a page that is not valid JSON, or has an entry that is too large")

    def _is_done(self, token: bytes, end: int) -> bool:
        """Return whether these are enough entries, and if so, note the new position."""
        if token == b"]":
            self._end = end - 1
        is_done = self.is_read or end - self._position >= SLICE_BYTES
        if is_done:
            self._position = end
        return is_done

    def _tokens(self, start: int, end: int) -> Iterator[tuple[bytes, int]]:
        for match in _TOKEN.finditer(self._body, start, end):
            token = match[0]
            if token == b'"':
                return  # A string that does not end.
            yield token, match.end()

    def _part(self, start: int, end: int) -> bytes:
        return b"[" + self._body[start:end] + b"]"

    def _entry(self, start: int, end: int) -> Entry | None:
        """Return one entry; None if it is valid JSON, but cannot be decoded, such as `NaN`."""
        found = self._decode(self._part(start, end))
        if found:
            return found[0]
        try:
            json.loads(self._body[start:end])
        except (ValueError, RecursionError) as error:
            raise UnreadablePageError(f"answered with a page that is not valid JSON: {error}") from None
        return None


def _step(token: bytes) -> int:
    """Return by how much a token changes the depth."""
    return (token in b"[{") - (token in b"]}")
