"""Which requests are traced: those that their callers trace, and a part of the others."""

import random
import re
from collections.abc import Callable
from weakref import WeakSet

from aiohttp import web

HEADER = "traceparent"
_PARENT = re.compile(
    r"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]([0-9a-f])(?:-.*)?", re.DOTALL
)
"""https://www.w3.org/TR/trace-context/; the lowest bit of the flags says whether the caller traces."""


class Sampling:
    """Decides once for each request, in the fast lane or after it."""

    def __init__(self, ratio: float, dice: Callable[[], float] = random.random) -> None:
        self._ratio = ratio
        self._dice = dice
        self._chosen: WeakSet[object] = WeakSet()

    def leaves_to_aiohttp(self, connection: object, traceparent: str) -> bool:
        """Return whether to trace the fast lane's next request of a connection; if so, `samples` returns True."""
        if not self._decide(traceparent):
            return False
        self._chosen.add(connection)
        return True

    def samples(self, request: web.BaseRequest) -> bool:
        """Return whether to trace a request."""
        if request.protocol in self._chosen:
            self._chosen.discard(request.protocol)
            return True
        return self._decide(request.headers.get(HEADER, ""))

    def _decide(self, traceparent: str) -> bool:
        parent = _PARENT.fullmatch(traceparent) if traceparent else None
        return self._dice() < self._ratio if parent is None else int(parent[1], 16) % 2 == 1
