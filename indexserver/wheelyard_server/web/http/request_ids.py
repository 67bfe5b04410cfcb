"""Request ids: what joins an answer, the log lines of its request and the audit line."""

import os
import re
from binascii import hexlify
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar

from aiohttp import web

HEADER = "X-Request-ID"
_NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")
_BITS = 128
_AT_A_TIME = 256
_random: list[bytes] = []
_current: ContextVar[str] = ContextVar("request_id", default="")


def begin(request: web.BaseRequest) -> None:
    """Name the request as its client or a proxy does, if that is no more than a name; else by a fresh id.

    The id is in force for the rest of the current task, and in what that starts.
    """
    _current.set(accepted(request.headers.get(HEADER, "")) or fresh(1)[0].decode())


def fresh(count: int) -> Sequence[bytes]:
    """Return so many ids that nobody else has: 128 random bits each, of which the kernel gives many at a time."""
    while len(_random) < count:
        many = hexlify(os.urandom(_BITS // 8 * _AT_A_TIME))
        _random.extend(many[start : start + _BITS // 4] for start in range(0, len(many), _BITS // 4))
    rest = len(_random) - count
    taken = _random[rest:]
    del _random[rest:]
    return taken


def accepted(text: str) -> str | None:
    """Return the id that a client sent, if it is no more than a name."""
    return text if _NAME.fullmatch(text) else None


@contextmanager
def named(request_id: str) -> Iterator[None]:
    """Let this be done for a request that has no task of its own."""
    token = _current.set(request_id)
    try:
        yield
    finally:
        _current.reset(token)


def current() -> str:
    """Return the id of the request that this is done for; empty outside of requests."""
    return _current.get()
