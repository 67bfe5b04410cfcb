"""aiohttp's connection, with names for the private state that is read only here.

It uses four of aiohttp's own attributes: it reads `_waiter`, `_current_request` and `_messages`,
and ends the work of `_parser`. `test_connection_server.py` pins their meaning.
"""

import logging
from typing import Any

from aiohttp import web
from aiohttp.http import RawRequestMessage
from aiohttp.streams import EMPTY_PAYLOAD

from wheelyard_server.web.http import request_ids
from wheelyard_server.web.http.headers import complete
from wheelyard_server.web.http.problem_details import problem

log = logging.getLogger(__name__)


class AiohttpConnection(web.RequestHandler):
    """aiohttp's connection, with names for its state and our answers to errors."""

    is_at_a_beginning = True
    """Everything so far was whole requests: the next byte begins one."""

    @property
    def waits_for_request(self) -> bool:
        """Whether aiohttp waits for a request."""
        return self._waiter is not None and not self._waiter.done()

    @property
    def has_requests(self) -> bool:
        """Whether requests are being answered or wait for that."""
        return self._current_request is not None or bool(self._messages)

    @property
    def is_receiving_body(self) -> bool:
        """Whether a request is being answered whose body has not ended."""
        return self._current_request is not None and not self._current_request.content.is_eof()

    @property
    def has_malformed_body(self) -> bool:
        """Whether a request follows a body that has not ended, because its chunks were malformed.

        aiohttp notices on the connection, but not in the handler, which would wait forever.
        """
        return bool(self._messages) and self.is_receiving_body

    def feed(self, data: bytes) -> None:
        """Hand aiohttp the next bytes: headers while it waits for them, else a body."""
        before = len(self._messages)
        super().data_received(data)
        # One more request, without a body and with nothing after it: the next byte begins a
        # request.
        self.is_at_a_beginning = (
            len(self._messages) == before + 1 and _has_no_body(self._messages[-1]) and data.endswith(b"\r\n\r\n")
        )

    def has_half_a_request(self) -> bool:
        """Return whether headers began behind an earlier request and never ended; the parser is then done."""
        if self.is_at_a_beginning or self._parser is None:
            return False
        try:
            # Within headers, the parser makes a request of them or finds them malformed; else it
            # does nothing.
            return self._parser.feed_eof() is not None
        except Exception:  # noqa: BLE001 - whatever is wrong with the headers, they are not whole
            return True

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer a request that is not HTTP, or that failed with an unexpected error.

        aiohttp would log the malformed line and send it back, and that line may contain the token.
        """
        if status == 400:
            request_ids.begin(request)
            log.info("%s sent a request that is not valid HTTP: %s", request.remote, type(exc).__name__)
            response = problem(status, "This is not a valid HTTP/1.1 request")
        else:
            # It logs the error, or raises if an answer has begun.
            super().handle_error(request, status, exc, message)
            response = problem(status, "The server failed; its log has the reason under this request's id")
        response.force_close()
        complete(response.headers)
        return response


def _has_no_body(received: tuple[Any, Any]) -> bool:
    """Return whether the next bytes after a request belong to the next request."""
    message, payload = received
    return payload is EMPTY_PAYLOAD and isinstance(message, RawRequestMessage) and not message.upgrade
