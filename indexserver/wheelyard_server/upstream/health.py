"""Whether an upstream can be used, since when, and if not, why: for people who read `kubectl describe`."""

import logging
from datetime import datetime, timedelta
from typing import NamedTuple

from wheelyard_server.clock import WallClock
from wheelyard_server.upstream import Health
from wheelyard_server.upstream.urls import Origin

log = logging.getLogger(__name__)

ODD_ANSWERS = 3
"""Unusable answers in a row that are a problem of the upstream, not of one project or file."""
FORGOTTEN_AFTER = timedelta(minutes=15)
"""A host that has not failed for so long is no problem any more if another host works: a page may have
named it once, and no client may ever ask for its files again."""
_MAX_HOSTS = 64


class _Problem(NamedTuple):
    reason: str
    at: datetime


class HealthRecord:
    """The health of one upstream, which starts as reachable. One host that fails is enough to end that."""

    def __init__(self, name: str, clock: WallClock) -> None:
        self._clock = clock
        self._problems: dict[Origin, _Problem] = {}
        self._odd: dict[Origin, int] = {}
        """Unusable answers in a row."""
        self.health = Health(name, is_reachable=True, since=clock(), reason="")
        """The present state."""

    def works(self, origin: Origin) -> None:
        """Record a good answer of a host."""
        self._odd.pop(origin, None)
        if not self._problems:
            return
        since = self._clock() - FORGOTTEN_AFTER
        self._problems = {host: each for host, each in self._problems.items() if host != origin and each.at > since}
        self._changed()

    def fails(self, origin: Origin, reason: str) -> None:
        """Record what is wrong with a host, in words that continue "The upstream NAME ..."."""
        if len(self._problems) < _MAX_HOSTS:
            self._problems[origin] = _Problem(reason, self._clock())
            self._changed()

    def is_odd(self, origin: Origin, reason: str) -> None:
        """Record an unusable answer, which may concern one project or file only."""
        if len(self._odd) < _MAX_HOSTS:
            self._odd[origin] = self._odd.get(origin, 0) + 1
        if self._odd.get(origin, 0) >= ODD_ANSWERS:
            self.fails(origin, reason)

    def _changed(self) -> None:
        reason = next((each.reason for each in self._problems.values()), "")
        if self.health.is_reachable == (not reason):
            self.health = self.health._replace(reason=reason)
            return
        self.health = self.health._replace(is_reachable=not reason, since=self._clock(), reason=reason)
        if reason:
            log.warning("The upstream %s %s", self.health.name, reason)
        else:
            log.info("The upstream %s answers again", self.health.name)
