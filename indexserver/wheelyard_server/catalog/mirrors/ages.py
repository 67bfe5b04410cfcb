"""How old each mirror is on this replica: when its upstream last confirmed it, and when to ask again.

Nothing of this is stored. A replica that has just started takes the time of the document's last
change, so that it asks again soon, and counts the time without an upstream from its own start.
"""

import random
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from wheelyard_server.clock import MonotonicClock, WallClock
from wheelyard_server.model.mirror import Mirror
from wheelyard_server.settings.upstreams import UpstreamFreshness

MAX_AGES = 50_000
"""Maximum number of mirrors whose ages are kept; each takes about 300 bytes."""
JITTER = 0.1
"""Windows differ by this part, so that replicas and projects do not ask at the same moment."""
MIN_WINDOW_SECONDS = 5.0
"""Lower bound of what an upstream may ask for: one that forbids caching would be asked by every request."""


def _jitter() -> float:
    return random.uniform(-JITTER, JITTER)  # noqa: S311 - no secret


@dataclass(slots=True)
class Age:
    """The age of one mirror. All times are of the monotonic clock, in seconds."""

    url: str
    """URL of the upstream."""
    fetched: datetime
    """When the page of the document was fetched, in UTC."""
    document_etag: str
    """The ETag of that page. The mirror itself may be megabytes, so it is not kept here."""
    checked: float
    """When the upstream last confirmed it."""
    known_since: float
    """When this replica first saw it."""
    window: float
    """How long it is fresh."""
    etag: str
    """The ETag of the last page, which may be newer than the one in the document."""
    retry_at: float = float("-inf")
    """When the upstream may be asked again after a failure."""
    error: str = ""
    """The last failure; "" if the last question was answered."""


class Ages:
    """The ages of all mirrors that this replica has served lately."""

    def __init__(
        self,
        clock: MonotonicClock,
        now: WallClock,
        jitter: Callable[[], float] = _jitter,
    ) -> None:
        self.clock = clock
        self._now = now
        self._jitter = jitter
        self._ages: OrderedDict[str, Age] = OrderedDict()

    def of(self, name: str, mirror: Mirror, freshness: UpstreamFreshness) -> Age:
        """Return the age of a project's mirror, which another replica may have renewed."""
        age = self._ages.get(name)
        if age is None or age.url != mirror.url:
            age = self._ages[name] = self._first(mirror, freshness)
            while len(self._ages) > MAX_AGES:
                self._ages.popitem(last=False)
        else:
            self._renew(age, mirror)
        self._ages.move_to_end(name)
        return age

    def confirmed(self, age: Age, freshness: UpstreamFreshness, checked: float, max_age: float | None) -> None:
        """Record that the upstream has answered a question of the moment `checked`."""
        age.checked, age.error, age.retry_at = checked, "", float("-inf")
        age.window = self._window(freshness, max_age)

    def failed(self, age: Age, error: str, seconds: float) -> None:
        """Record that the upstream could not be asked, and may be asked again after so many seconds."""
        age.error, age.retry_at = error, self.clock() + seconds

    def is_fresh(self, age: Age) -> bool:
        """Return whether the mirror needs no question."""
        return self.clock() - age.checked < age.window

    def is_usable_meanwhile(self, age: Age) -> bool:
        """Return whether the mirror is young enough to be served while the upstream is asked."""
        return not age.error and self.clock() - age.checked < 2 * age.window

    def may_ask(self, age: Age) -> bool:
        """Return whether the upstream has had time to recover from a failure."""
        return self.clock() >= age.retry_at

    def is_within(self, age: Age, freshness: UpstreamFreshness) -> bool:
        """Return whether the mirror may still be served without an answer of the upstream."""
        return self.clock() - max(age.checked, age.known_since) <= freshness.stale_seconds

    def seconds(self, age: Age) -> float:
        """Return the time since the upstream last confirmed the mirror."""
        return self.clock() - age.checked

    def _first(self, mirror: Mirror, freshness: UpstreamFreshness) -> Age:
        now = self.clock()
        return Age(
            url=mirror.url,
            fetched=mirror.fetched,
            document_etag=mirror.etag,
            checked=self._fetched(mirror),
            known_since=now,
            window=self._window(freshness, None),
            etag=mirror.etag,
        )

    def _renew(self, age: Age, mirror: Mirror) -> None:
        """Take what another replica wrote."""
        if mirror.etag != age.document_etag:
            age.etag = age.document_etag = mirror.etag
        if mirror.fetched > age.fetched:
            age.checked = max(age.checked, self._fetched(mirror))
            age.fetched = mirror.fetched

    def _fetched(self, mirror: Mirror) -> float:
        return self.clock() - max(0.0, (self._now() - mirror.fetched).total_seconds())

    def _window(self, freshness: UpstreamFreshness, max_age: float | None) -> float:
        allowed = freshness.fresh_seconds if max_age is None else max(max_age, MIN_WINDOW_SECONDS)
        return min(freshness.fresh_seconds, allowed) * (1 + self._jitter())
