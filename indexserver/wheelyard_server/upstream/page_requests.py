"""Requests for pages of projects."""

import asyncio
import re
from functools import partial

import msgspec
from yarl import URL

from wheelyard_server.errors import UpstreamAnswerError, UpstreamCredentialsError, UpstreamUnavailableError
from wheelyard_server.names import NormalizedName
from wheelyard_server.upstream import Absent, Page, Unchanged
from wheelyard_server.upstream.bodies import (
    ACCEPT_ENCODING,
    Room,
    TooLargeError,
    UnreadableCodingError,
    decoded_in,
    discard,
    received,
)
from wheelyard_server.upstream.failures import NETWORK_ERRORS, HiccupError, in_words
from wheelyard_server.upstream.guards import Guard
from wheelyard_server.upstream.http_times import max_age
from wheelyard_server.upstream.pages.bounds import MAX_PAGE_BYTES, UnreadablePageError
from wheelyard_server.upstream.pages.reading import read_page
from wheelyard_server.upstream.requester import Answer, Requester
from wheelyard_server.upstream.slots import Slots
from wheelyard_server.upstream.targets import Targets

PAGE_SECONDS = 30
"""Timeout for a page, its second attempt included."""
PAGES_AT_ONCE = 16
_ABSENT = frozenset({404, 410})
_REFUSED = frozenset({401, 403})
_ACCEPT = "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.1"
_SERIAL_HEADER = "X-PyPI-Last-Serial"
_ETAG = re.compile(r'(?:W/)?"[!#-~]{0,200}"')
_SERIAL = re.compile(r"\d{1,18}")

PageAnswer = Page | Unchanged | Absent


class PageRequests:
    """Gets pages of one upstream."""

    def __init__(
        self, name: str, targets: Targets, requester: Requester, guard: Guard, absent_on: tuple[int, ...]
    ) -> None:
        self._name = name
        self._targets = targets
        self._requester = requester
        self._guard = guard
        self._absent = _ABSENT | set(absent_on)
        self._slots = Slots(name, "pages", PAGES_AT_ONCE)
        self._large = asyncio.Lock()

    async def get(self, project: NormalizedName, etag: str) -> PageAnswer:
        """See `Upstream.page`."""
        url = self._targets.url.joinpath(project, "", encoded=True)
        self._guard.check(self._targets.origin)
        async with self._slots.one():
            deadline = asyncio.get_running_loop().time() + PAGE_SECONDS
            return await self._guard.call(self._targets.origin, partial(self._attempt, url, etag, deadline))

    async def _attempt(self, url: URL, etag: str, deadline: float, is_again: bool) -> PageAnswer:  # noqa: FBT001
        room = Room(self._large)
        try:
            return await self._page(url, etag, deadline, room, is_again=is_again)
        except TooLargeError as error:
            size = f"{MAX_PAGE_BYTES // 1024**2} MiB"
            raise UpstreamAnswerError(self._name, f"answered with a page of more than {size}") from error
        except UnreadableCodingError as error:
            raise UpstreamAnswerError(
                self._name, "answered in an unknown content coding, or a damaged one"
            ) from error
        except UnreadablePageError as error:
            raise UpstreamAnswerError(self._name, str(error)) from error
        finally:
            room.leave()

    async def _page(self, url: URL, etag: str, deadline: float, room: Room, *, is_again: bool) -> PageAnswer:
        condition = {"If-None-Match": etag} if _ETAG.fullmatch(etag) else {}
        headers = {"Accept": _ACCEPT, "Accept-Encoding": ACCEPT_ENCODING, **condition}
        try:
            async with asyncio.timeout_at(deadline):
                answer = await self._requester.get(url, headers, self._targets.check_page, is_again=is_again)
                if answer.status != 200:
                    await discard(answer.http)
                    return self._without_page(answer, etag)
                body = await self._body(answer, room)
        except TimeoutError:
            if room.is_waiting:
                raise UpstreamUnavailableError(self._name, "has several large pages, which take turns") from None
            raise HiccupError(f"does not answer within {PAGE_SECONDS} seconds", is_down=True) from None
        plain = await decoded_in(room, body, answer.header("Content-Encoding"), MAX_PAGE_BYTES)
        page = await read_page(plain, answer.header("Content-Type"), str(answer.url))
        return _with_headers(page, answer)

    async def _body(self, answer: Answer, room: Room) -> bytes:
        try:
            return await received(answer.http, MAX_PAGE_BYTES, room)
        except NETWORK_ERRORS as error:
            raise HiccupError(in_words(error, self._targets.origin)) from None
        finally:
            answer.http.close()

    def _without_page(self, answer: Answer, etag: str) -> Unchanged | Absent:
        """Return what any other status than 200 means; raise `UpstreamAnswerError`."""
        if answer.status in self._absent:
            return Absent()
        if answer.status == 304 and etag:
            return Unchanged(max_age(answer.header("Cache-Control")))
        if answer.status in _REFUSED:
            raise UpstreamCredentialsError(self._name, refusal(answer.status))
        raise UpstreamAnswerError(self._name, f"answers {answer.status} when it is asked for a page")


def refusal(status: int) -> str:
    """Return what a 401 or 403 means, and what to do."""
    wanted = f"answers {status}, so it wants credentials, or other ones"
    return f"{wanted}: check its Secret or, with `wheelyard serve`, its variables and ~/.netrc"


def _with_headers(page: Page, answer: Answer) -> Page:
    etag, serial = answer.header("ETag"), answer.header(_SERIAL_HEADER)
    return msgspec.structs.replace(
        page,
        etag=etag if _ETAG.fullmatch(etag) else "",
        serial=page.serial or (int(serial) if _SERIAL.fullmatch(serial) else 0),
        max_age=max_age(answer.header("Cache-Control")),
    )
