"""Request ids: what joins an answer, the log lines of its request and the audit line."""

import re
import secrets
from contextvars import ContextVar

from aiohttp import web

HEADER = "X-Request-ID"
_GIVEN = re.compile(r"[A-Za-z0-9._-]{1,64}")
_current: ContextVar[str] = ContextVar("request_id", default="")


def begin(request: web.BaseRequest) -> None:
    """Name the request as its client or a proxy does, if that is no more than a name; else by a fresh id.

    The id is in force for the rest of the current task, and in what that starts.
    """
    given = request.headers.get(HEADER, "")
    _current.set(given if _GIVEN.fullmatch(given) else secrets.token_hex(16))


def current() -> str:
    """Return the id of the request that this is done for; empty outside of requests."""
    return _current.get()
