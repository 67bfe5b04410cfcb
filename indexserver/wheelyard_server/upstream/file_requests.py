"""Requests for files and for the small objects of files, such as core metadata."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from yarl import URL

from wheelyard_server.errors import (
    UpstreamAnswerError,
    UpstreamBytesError,
    UpstreamCredentialsError,
    UpstreamFileMissingError,
)
from wheelyard_server.upstream import FileStream, WantedPart, urls
from wheelyard_server.upstream.bodies import TooLargeError, UnreadableCodingError, decoded, discard, received
from wheelyard_server.upstream.failures import NETWORK_ERRORS, HiccupError, in_words
from wheelyard_server.upstream.files import FileChunks, Part, is_wanted, part_of, range_headers
from wheelyard_server.upstream.guards import Guard
from wheelyard_server.upstream.page_requests import refusal
from wheelyard_server.upstream.requester import Answer, Requester
from wheelyard_server.upstream.slots import Slots
from wheelyard_server.upstream.targets import Targets

SECONDS = 30
"""Timeout for a small object, and for the beginning of a file; both include a second attempt."""
FILES_AT_ONCE = 64
OBJECTS_AT_ONCE = 32
_MISSING = frozenset({404, 410})
_REFUSED = frozenset({401, 403})
_AS_IT_IS = {"Accept": "*/*", "Accept-Encoding": "identity"}


class FileRequests:
    """Gets files of one upstream."""

    def __init__(self, name: str, targets: Targets, requester: Requester, guard: Guard) -> None:
        self._name = name
        self._targets = targets
        self._requester = requester
        self._guard = guard
        self._files = Slots(name, "files", FILES_AT_ONCE)
        self._objects = Slots(name, "metadata", OBJECTS_AT_ONCE)

    async def open(self, text: str, wanted: WantedPart, *, is_retry: bool, is_verified: bool) -> FileStream:
        """See `Upstream.open`."""
        url = self._parsed(text)
        self._guard.check(urls.origin(url))
        await self._files.take()
        try:
            answer, part = await self._opened(url, wanted, is_retry=is_retry)
        except BaseException:
            self._files.release()
            raise
        resume = partial(self._resumed, url, wanted.end, part) if part.validator or is_verified else None
        interrupted = partial(self._guard.interrupted, urls.origin(url))
        chunks = FileChunks(answer, part, resume, interrupted, self._files.release)
        return FileStream(chunks, part.start, part.size, part.validator)

    async def read(self, text: str, max_bytes: int) -> bytes:
        """See `Upstream.read`."""
        url = self._parsed(text)
        self._guard.check(urls.origin(url))
        async with self._objects.one():
            deadline = _now() + SECONDS
            return await self._guard.call(urls.origin(url), partial(self._read, url, max_bytes, deadline))

    def _parsed(self, text: str) -> URL:
        try:
            return urls.parse(text)
        except ValueError:
            raise UpstreamAnswerError(self._name, "names a file by something that is not a URL of HTTP") from None

    async def _opened(self, url: URL, wanted: WantedPart, *, is_retry: bool) -> tuple[Answer, Part]:
        headers = {**_AS_IT_IS, **range_headers(wanted)}
        attempt = partial(self._begun, url, headers, _now() + SECONDS)
        answer = await self._guard.call(urls.origin(url), attempt, is_retry=is_retry)
        part = part_of(answer)
        if part is None or not is_wanted(part, wanted):
            answer.http.close()
            raise UpstreamAnswerError(self._name, "answers with another part of a file than it was asked for")
        return answer, part

    async def _begun(self, url: URL, headers: dict[str, str], deadline: float, is_again: bool) -> Answer:  # noqa: FBT001
        async with _in_time(deadline):
            return await self._attempt(url, headers, is_again=is_again)

    async def _attempt(self, url: URL, headers: dict[str, str], *, is_again: bool) -> Answer:
        named = urls.origin(url)
        check = partial(self._targets.check_file, named=named)
        answer = await self._requester.get(url, headers, check, is_again=is_again)
        if answer.status in {200, 206}:
            return answer
        await discard(answer.http)
        if answer.status in _MISSING:
            raise UpstreamFileMissingError(self._name, f"has no such file any more ({answer.status})")
        if answer.status in _REFUSED and self._targets.gets_credentials(urls.origin(answer.url)):
            raise UpstreamCredentialsError(self._name, refusal(answer.status))
        host = urls.origin(answer.url).name
        raise UpstreamAnswerError(self._name, f"answers {answer.status} when {host} is asked for a file")

    async def _resumed(self, url: URL, end: int | None, first: Part, position: int) -> Answer:
        """Return the rest of a file from a position; raise `UpstreamBytesError` if it is another file now."""
        answer, part = await self._opened(url, WantedPart(position, end, first.validator), is_retry=True)
        if part.start == position and part.validator == first.validator:
            return answer
        answer.http.close()
        if not first.validator:
            raise self._guard.interrupted(urls.origin(url), "ends its answer early and sends no parts of files")
        raise UpstreamBytesError(self._name, "has changed a file while it was fetched")

    async def _read(self, url: URL, max_bytes: int, deadline: float, is_again: bool) -> bytes:  # noqa: FBT001
        try:
            async with _in_time(deadline):
                answer = await self._attempt(url, _AS_IT_IS, is_again=is_again)
                body = await self._body(answer, max_bytes)
            return decoded(body, answer.header("Content-Encoding"), max_bytes) if body else body
        except (TooLargeError, UnreadableCodingError) as error:
            raise UpstreamAnswerError(self._name, "has metadata that is too large or damaged") from error

    @staticmethod
    async def _body(answer: Answer, max_bytes: int) -> bytes:
        try:
            return await received(answer.http, max_bytes)
        except NETWORK_ERRORS as error:
            raise HiccupError(in_words(error, urls.origin(answer.url))) from None
        finally:
            answer.http.close()


@asynccontextmanager
async def _in_time(deadline: float) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout_at(deadline):
            yield
    except TimeoutError:
        raise HiccupError(f"does not answer within {SECONDS} seconds", is_down=True) from None


def _now() -> float:
    return asyncio.get_running_loop().time()
