"""Files whose bytes an upstream sends wrong: fetched once more over a new connection, then refused for a while."""

from collections import OrderedDict
from typing import NamedTuple

from wheelyard_server.catalog.mirrors.listed_file import ListedFile
from wheelyard_server.clock import MonotonicClock
from wheelyard_server.errors import UpstreamBytesError

MAX_DOUBTS = 1000
MAX_WRONG = 2
"""Transfers of wrong bytes in a row, after which a file is refused."""
REFUSED_SECONDS = 60.0


class _Doubt(NamedTuple):
    wrong: int
    since: float


class Doubts:
    """The files whose last transfer was wrong, by their identity."""

    def __init__(self, clock: MonotonicClock) -> None:
        self._clock = clock
        self._doubts: OrderedDict[str, _Doubt] = OrderedDict()

    def __contains__(self, identity: str) -> bool:
        return identity in self._doubts

    def check(self, listed: ListedFile) -> None:
        """Raise `UpstreamBytesError` if transfers of this file were wrong again and again, a short time ago."""
        doubt = self._doubts.get(listed.identity)
        if doubt is None or doubt.wrong < MAX_WRONG:
            return
        if self._clock() - doubt.since < REFUSED_SECONDS:
            reason = f"repeatedly sent other bytes of {listed.file.filename} than it lists: try again in a minute"
            raise UpstreamBytesError(listed.upstream, reason)

    def record(self, identity: str, *, is_right: bool) -> None:
        """Record the end of a transfer."""
        doubt = self._doubts.pop(identity, _Doubt(0, 0))
        if is_right:
            return
        self._doubts[identity] = _Doubt(doubt.wrong + 1, self._clock())
        if len(self._doubts) > MAX_DOUBTS:
            self._doubts.popitem(last=False)
