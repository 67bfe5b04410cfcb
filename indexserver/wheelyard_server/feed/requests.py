"""Requests for the parts of a feed, over the guarded connections of upstreams (ADR 37).

Their host is checked against the list of the chart, their address when the connection is made.
Redirects lead nowhere else. Every body is bounded in bytes and in time.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import IO, NamedTuple

from yarl import URL

from wheelyard_server.clock import WallClock
from wheelyard_server.errors import FeedError, FeedPartMissingError
from wheelyard_server.policy.moments import in_utc
from wheelyard_server.upstream import urls
from wheelyard_server.upstream.allowed_hosts import AllowedHosts
from wheelyard_server.upstream.bodies import (
    ACCEPT_ENCODING,
    TooLargeError,
    UnreadableCodingError,
    decoded,
    received,
)
from wheelyard_server.upstream.connections import Connections
from wheelyard_server.upstream.failures import (
    NETWORK_ERRORS,
    AskedToWaitError,
    ForbiddenTargetError,
    HiccupError,
    in_words,
)
from wheelyard_server.upstream.pace import Pace
from wheelyard_server.upstream.proxies import Proxies, Proxy
from wheelyard_server.upstream.requester import Answer, Requester
from wheelyard_server.upstream.urls import Origin

SECONDS = 60
"""Timeout for a small object."""
FILE_SECONDS = 600
"""Timeout for an export."""
_MISSING = frozenset({404, 410})
_ETAG_LENGTH = 200
_CHUNK = 1024 * 1024


class Got(NamedTuple):
    """A part of a feed."""

    body: bytes
    """Empty if it was written to a file."""
    etag: str
    shown: datetime | None
    """`Last-Modified`, in UTC."""


class Requests:
    """Gets the parts of one feed. It is made without an event loop, and used in one."""

    def __init__(
        self, url: URL, allowed: AllowedHosts, proxies: Proxies, clock: WallClock, authorities: str = ""
    ) -> None:
        self._routes = _Routes(urls.origin(url), allowed, proxies)
        self._connections = Connections(allowed)
        self._requester = Requester(self._connections, self._routes, clock, authorities=authorities)

    async def get(self, url: URL, max_bytes: int, etag: str = "") -> Got | None:
        """Return a small part whole; None if its ETag is still `etag`. Raises `FeedError`."""
        return await _twice(lambda is_again: self._get(url, max_bytes, etag, is_again=is_again))

    async def download(self, url: URL, file: IO[bytes], max_bytes: int, etag: str = "") -> Got | None:
        """Write a part to a file; None if its ETag is still `etag`. Raises `FeedError`."""
        return await _twice(lambda is_again: self._download(url, file, max_bytes, etag, is_again=is_again))

    async def close(self) -> None:
        """End all connections."""
        await self._connections.close()

    async def _get(self, url: URL, max_bytes: int, etag: str, *, is_again: bool) -> Got | None:
        async with self._answer(url, etag, ACCEPT_ENCODING, SECONDS, is_again=is_again) as answer:
            if answer.status == 304:
                return None
            body = await received(answer.http, max_bytes)
            plain = await asyncio.to_thread(decoded, body, answer.header("Content-Encoding"), max_bytes)
            return Got(plain, *_state(answer))

    async def _download(
        self, url: URL, file: IO[bytes], max_bytes: int, etag: str, *, is_again: bool
    ) -> Got | None:
        async with self._answer(url, etag, "identity", FILE_SECONDS, is_again=is_again) as answer:
            if answer.status == 304:
                return None
            if answer.header("Content-Encoding").lower() not in {"", "identity"}:
                raise UnreadableCodingError
            await _written(answer, file, max_bytes)
            return Got(b"", *_state(answer))

    @asynccontextmanager
    async def _answer(
        self, url: URL, etag: str, coding: str, seconds: float, *, is_again: bool
    ) -> AsyncIterator[Answer]:
        """Hold an answer with 200 or 304; raise `HiccupError` or `FeedError` for any other, and for its body."""
        headers = {"Accept": "*/*", "Accept-Encoding": coding, **({"If-None-Match": etag} if etag else {})}
        try:
            async with asyncio.timeout(seconds):
                answer = await self._requester.get(url, headers, self._routes.check, is_again=is_again)
                try:
                    yield _checked(answer, is_conditional=bool(etag))
                finally:
                    answer.http.close()
        except TooLargeError:
            raise FeedError(f"answers with more bytes than any feed has ({url.name})") from None
        except UnreadableCodingError:
            raise FeedError(f"answers in an unknown content coding ({url.name})") from None
        except NETWORK_ERRORS as error:
            raise HiccupError(in_words(error, urls.origin(url))) from None


class _Routes:
    """The only host of a feed, and how it is reached."""

    def __init__(self, origin: Origin, allowed: AllowedHosts, proxies: Proxies) -> None:
        self._origin = origin
        self._allowed = allowed
        self._proxies = proxies

    def check(self, origin: Origin) -> None:
        """Raise `ForbiddenTargetError` unless a part of the feed may come from here."""
        if origin != self._origin:
            raise ForbiddenTargetError(f"redirects to {origin.scheme}://{origin.name}: use that as its `url`")
        self._check_listed(origin, self._allowed.allows_feed(origin))

    def proxy(self, origin: Origin) -> tuple[Proxy, Origin] | None:
        """See `Routes.proxy`."""
        route = self._proxies.route(origin)
        if route is not None:
            _, through = route
            self._check_listed(through, self._allowed.lists(through))
        return route

    def gets_credentials(self, _origin: Origin) -> bool:
        """Return False: feeds have no login."""
        return False

    @staticmethod
    def _check_listed(origin: Origin, is_listed: bool) -> None:  # noqa: FBT001 - a check
        if not is_listed:
            raise ForbiddenTargetError(
                f"is at {origin.name}, which `upstreams.allowedHosts` of the chart does not list"
            )


async def _twice(attempt: Callable[[bool], Awaitable[Got | None]]) -> Got | None:
    """Return the result of an attempt, or of a second one over a new connection; raise `FeedError`."""
    try:
        try:
            return await attempt(False)
        except HiccupError:
            return await attempt(True)
    except (HiccupError, AskedToWaitError, ForbiddenTargetError) as error:
        raise FeedError(str(error)) from error


def _checked(answer: Answer, *, is_conditional: bool) -> Answer:
    if answer.status == 200 or (answer.status == 304 and is_conditional):
        return answer
    if answer.status in _MISSING:
        raise FeedPartMissingError(f"has no {answer.url.name} ({answer.status})")
    raise FeedError(f"answers {answer.status} to a request for {answer.url.name}")


async def _written(answer: Answer, file: IO[bytes], max_bytes: int) -> None:
    """Write a body to a file, in a thread; raise as `received`."""
    size, pace = 0, Pace(time.monotonic)
    if (answer.http.content_length or 0) > max_bytes:
        raise TooLargeError
    await asyncio.to_thread(_emptied, file)
    pace.wait()
    async for chunk in answer.http.content.iter_chunked(_CHUNK):
        pace.receive(len(chunk))
        size += len(chunk)
        if size > max_bytes:
            raise TooLargeError
        await asyncio.to_thread(_write, file, chunk)
        pace.wait()
    await asyncio.to_thread(file.flush)


def _emptied(file: IO[bytes]) -> None:
    file.seek(0)
    file.truncate()


def _write(file: IO[bytes], chunk: bytes) -> None:
    try:
        file.write(chunk)
    except OSError as error:
        raise FeedError(f"cannot be written to the scratch folder ({error.strerror})") from error


def _state(answer: Answer) -> tuple[str, datetime | None]:
    etag = answer.header("ETag")
    return etag if len(etag) <= _ETAG_LENGTH else "", _moment(answer.header("Last-Modified"))


def _moment(header: str) -> datetime | None:
    try:
        return in_utc(parsedate_to_datetime(header))
    except (ValueError, TypeError, OverflowError):
        return None
