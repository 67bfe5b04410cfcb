"""What index servers say about their upstreams, as values."""

from typing import NamedTuple


class UpstreamState(NamedTuple):
    """The state of an upstream, as one index server sees it."""

    name: str
    is_reachable: bool
    since: float
    """When that began, in seconds since 1970."""
    reason: str
    """What went wrong last."""
    conflicts: int
    """Number of files that have another digest at the upstream than before, found by this server."""
    owners_changed: int
    """Number of names that another upstream owned before, moved by this server."""


class UpstreamsAnswer(NamedTuple):
    """What an index server says about its upstreams."""

    upstreams: tuple[UpstreamState, ...]
    unkept: int
    """Number of files that were served without being kept because of `limits.mirroredSize`."""
