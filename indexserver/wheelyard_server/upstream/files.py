"""The bytes of one file, which go on over a new connection if they stop."""

import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import NamedTuple

from wheelyard_server.upstream import WantedPart, urls
from wheelyard_server.upstream.failures import NETWORK_ERRORS, in_words
from wheelyard_server.upstream.pace import Pace
from wheelyard_server.upstream.requester import Answer

MAX_RESUMES = 5
"""How often one file may stop and go on."""
_CONTENT_RANGE = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18}|\*)")
_STRONG = re.compile(r'"[!#-~]{0,200}"')


class Part(NamedTuple):
    """The part of a file that an answer has."""

    start: int
    end: int | None
    """Position after the last byte, if the answer says so."""
    size: int | None
    """Size of the whole file in bytes, if the answer says so."""
    validator: str
    """A strong ETag; "" if there is none."""


def part_of(answer: Answer) -> Part | None:
    """Return which part an answer has (RFC 9110, section 14.4); None if it does not say it well."""
    etag = answer.header("ETag")
    validator = etag if _STRONG.fullmatch(etag) else ""
    if answer.status == 200:
        length = answer.http.content_length
        return Part(0, length, length, validator)
    found = _CONTENT_RANGE.fullmatch(answer.header("Content-Range"))
    if found is None:
        return None
    return Part(int(found[1]), int(found[2]) + 1, None if found[3] == "*" else int(found[3]), validator)


def is_wanted(part: Part, wanted: WantedPart) -> bool:
    """Return whether this is the part that was asked for, or the whole file."""
    if part.start == 0 and part.end == part.size:
        return True
    wanted_end = part.size if wanted.end is None else wanted.end
    return part.start == wanted.start and part.end in {wanted_end, part.size}


def range_headers(wanted: WantedPart) -> dict[str, str]:
    """Return the headers that ask for a part, none for the whole file."""
    start, end, validator = wanted
    if start == 0 and end is None:
        return {}
    last = "" if end is None else end - 1
    condition = {"If-Range": validator} if _STRONG.fullmatch(validator) else {}
    return {"Range": f"bytes={start}-{last}", **condition}


Resume = Callable[[int], Awaitable[Answer]]
"""Opens the same file at a position; raises `UpstreamError`."""


class FileChunks(AsyncIterator[bytes]):
    """The bytes of a part of a file."""

    def __init__(
        self,
        answer: Answer,
        part: Part,
        resume: Resume | None,
        interrupted: Callable[[str], Exception],
        ended: Callable[[], None],
    ) -> None:
        """`resume` is None if nothing would show that the rest is of another file."""
        self._answer: Answer | None = answer
        self._position = part.start
        self._end = part.end
        self._resume = resume
        self._resumes_left = MAX_RESUMES
        self._interrupted = interrupted
        self._ended = ended
        self._pace = Pace(time.monotonic)

    async def __anext__(self) -> bytes:
        """Return the next bytes."""
        while self._answer is not None:
            try:
                chunk = await self._next(self._answer)
            except NETWORK_ERRORS as error:
                await self._resumed(error)
                continue
            if chunk:
                self._position += len(chunk)
                return chunk
            self.close()
        raise StopAsyncIteration

    def close(self) -> None:
        """End the transfer."""
        answer, self._answer = self._answer, None
        if answer is not None:
            answer.http.close()
            self._ended()

    async def aclose(self) -> None:
        """End the transfer, as of a generator."""
        self.close()

    def __del__(self) -> None:
        # A generator around this that never began does not close it.
        self.close()

    async def _next(self, answer: Answer) -> bytes:
        """Return the next bytes, b"" at the end; raise `NETWORK_ERRORS`."""
        self._pace.wait()
        chunk = await answer.http.content.readany()
        if chunk:
            self._pace.receive(len(chunk))
        elif self._end not in {None, self._position}:
            raise EOFError
        return chunk

    async def _resumed(self, error: Exception) -> None:
        assert self._answer is not None  # noqa: S101 - `__anext__` checks it
        reason = in_words(error, urls.origin(self._answer.url))
        self._answer.http.close()
        if self._resume is None or not self._resumes_left:
            self.close()
            raise self._interrupted(reason) from None
        self._resumes_left -= 1
        try:
            self._answer = await self._resume(self._position)
        except BaseException:
            self.close()
            raise
