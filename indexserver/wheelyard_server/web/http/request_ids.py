"""Request ids: they join an answer with the log lines and the audit line of its request."""

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
    """Give the request the id that its client or a proxy sent, or a fresh one if that is not a plain name.

    The id is current for the rest of the task, and in tasks that it starts.
    """
    _current.set(parse(request.headers.get(HEADER, "")) or fresh(1)[0].decode())


def fresh(count: int) -> Sequence[bytes]:
    """Return `count` unique ids of 128 random bits each; the kernel is asked for many at once."""
    if count == 1 and _random:
        return [_random.pop()]
    while len(_random) < count:
        many = hexlify(os.urandom(_BITS // 8 * _AT_A_TIME))
        _random.extend(many[start : start + _BITS // 4] for start in range(0, len(many), _BITS // 4))
    rest = len(_random) - count
    taken = _random[rest:]
    del _random[rest:]
    return taken


def parse(text: str) -> str | None:
    """Return the id that a client sent; None if it is not a plain name."""
    return text if _NAME.fullmatch(text) else None


@contextmanager
def use(request_id: str) -> Iterator[None]:
    """Make an id current for as long as the block runs, for a request without a task of its own."""
    token = _current.set(request_id)
    try:
        yield
    finally:
        _current.reset(token)


def current() -> str:
    """Return the id of the current request; empty if there is none."""
    return _current.get()
