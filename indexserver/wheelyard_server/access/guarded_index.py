"""What pages show about the whole index, to principals that may manage all projects. No upstream is ever asked."""

from collections import Counter
from collections.abc import Mapping

from wheelyard_server.access.guarded_pages import GuardedPages
from wheelyard_server.access.upstreams_in_use import UpstreamsInUse, UpstreamState
from wheelyard_server.catalog.counts import MirrorEvent
from wheelyard_server.catalog.event_loop_turns import in_turns
from wheelyard_server.catalog.mirrors.sources import ConfiguredUpstream


class GuardedIndex(GuardedPages):
    """Answers what managers of the whole index ask; see `GuardedCatalog`."""

    async def upstreams_in_use(self) -> UpstreamsInUse:
        """Return the upstreams with their states, as the last requests of clients left them."""
        self.require_manager()
        known = await self._catalog.mirrored_projects()
        return UpstreamsInUse(
            states=tuple(map(_state, self._catalog.configured_upstreams)),
            projects=Counter([each.upstream async for each in in_turns(known)]),
            kept=self._catalog.mirrored.kept,
            unkept=self._catalog.counts.mirrored[MirrorEvent.BOUND_REACHED],
        )

    def decisions_by_rule(self) -> Mapping[tuple[str, str], int]:
        """Return how often requests met a rule since this server started, by rule and action."""
        self.require_manager()
        return dict(self._catalog.counts.decisions.by_rule)


def _state(each: ConfiguredUpstream) -> UpstreamState:
    upstream = each.upstream
    return UpstreamState(upstream.name, upstream.url, each.packages, each.offline, upstream.health())
