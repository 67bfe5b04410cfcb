"""Which upstream owns a name that is not this index's own: they are asked in order, and the first that has it does.

An upstream that cannot be asked ends the search with its error: otherwise a later one could take
the name over during an outage (U3, U7).
"""

from collections import OrderedDict
from collections.abc import Mapping
from typing import NamedTuple

from wheelyard_server.catalog.current_basis import CurrentBasis
from wheelyard_server.catalog.mirrors.sources import ConfiguredUpstream
from wheelyard_server.clock import MonotonicClock
from wheelyard_server.errors import UpstreamAnswerError, UpstreamError, UpstreamUnavailableError
from wheelyard_server.model.status import Status
from wheelyard_server.names import NormalizedName
from wheelyard_server.upstream import Absent, Page, Unchanged

ABSENT_SECONDS = 10.0
"""How long an absence is remembered: a project that an upstream has just published is soon found."""
MAX_ABSENT = 10_000
"""Maximum number of absent names that are remembered."""


class Found(NamedTuple):
    """The owner of a name, and its page."""

    owner: ConfiguredUpstream
    page: Page


class Owners:
    """Finds owners. Absences are kept in memory only: what a reader guesses writes nothing."""

    def __init__(
        self, upstreams: Mapping[str, ConfiguredUpstream], basis: CurrentBasis, clock: MonotonicClock
    ) -> None:
        self._upstreams = upstreams
        self._basis = basis
        self._clock = clock
        self._absent: OrderedDict[str, float] = OrderedDict()

    def is_absent(self, name: NormalizedName) -> bool:
        """Return whether all upstreams for this name said lately that they do not have it."""
        at = self._absent.get(name)
        return at is not None and self._clock() - at < ABSENT_SECONDS

    def was_asked(self, name: NormalizedName) -> bool:
        """Return whether the name was asked for before without success, so that it is not a new one."""
        return name in self._absent

    def forget(self, name: NormalizedName) -> None:
        """Let the next reader ask again."""
        if name in self._absent:
            self._absent[name] = float("-inf")

    async def first(self, name: NormalizedName) -> Found | None:
        """Return the first upstream that has files of the project, or keeps it closed; None if none has it.

        Raises `UpstreamError` if an upstream cannot be asked before one has it.
        """
        for each in self._basis.policy.order(name):
            try:
                page = await self._page(self._upstreams[each], name)
            except UpstreamError:
                self._remember(name, float("-inf"))
                raise
            if page is not None and (page.files or page.status == Status.QUARANTINED):
                return Found(self._upstreams[each], page)
        self._remember(name, self._clock())
        return None

    async def any_has(self, name: NormalizedName) -> str:
        """Return the first upstream that knows the project, even without files; "" if none does.

        Raises `UpstreamError` as `first`.
        """
        for each in self._basis.policy.order(name):
            if await self._page(self._upstreams[each], name) is not None:
                return each
        return ""

    async def _page(self, owner: ConfiguredUpstream, name: NormalizedName) -> Page | None:
        upstream = owner.upstream
        if owner.offline:
            raise UpstreamUnavailableError(upstream.name, f"is offline, and nothing of {name} is kept", seconds=60)
        answer = await upstream.page(name)
        if isinstance(answer, Absent):
            return None
        if isinstance(answer, Unchanged):
            raise UpstreamAnswerError(upstream.name, "answered 304 to a request without an ETag")
        if not answer.files and answer.unusable:
            raise UpstreamAnswerError(upstream.name, f"has a page of {name} of which no entry can be used")
        return answer

    def _remember(self, name: NormalizedName, absent_since: float) -> None:
        self._absent[name] = absent_since
        self._absent.move_to_end(name)
        while len(self._absent) > MAX_ABSENT:
            self._absent.popitem(last=False)
