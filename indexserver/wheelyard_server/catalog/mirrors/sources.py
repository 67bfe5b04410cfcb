"""The upstreams of an index, with the settings that decide when each is asked for what."""

from collections.abc import Sequence
from typing import NamedTuple

from wheelyard_server.policy.file_policy import AllowedUpstream, FilePolicy
from wheelyard_server.settings.upstreams import UpstreamFreshness
from wheelyard_server.upstream import Upstream


class ConfiguredUpstream(NamedTuple):
    """An upstream, and when it is asked."""

    upstream: Upstream
    packages: tuple[str, ...] = ("*",)
    """Globs on normalized names."""
    freshness: UpstreamFreshness = UpstreamFreshness()
    offline: bool = False
    """Whether it is never asked."""


def policy_of(upstreams: Sequence[ConfiguredUpstream], private: Sequence[str] = (), index: str = "") -> FilePolicy:
    """Return the policy of an index with these upstreams, in order, and these private names."""
    allowed = (AllowedUpstream(each.upstream.name, each.upstream.url, each.packages) for each in upstreams)
    return FilePolicy(tuple(allowed), tuple(private), index=index)
