"""The upstreams of an index, as managers of the whole index see them."""

from collections.abc import Mapping
from typing import NamedTuple

from wheelyard_server.catalog.counts import KeptSize
from wheelyard_server.upstream import Health


class UpstreamState(NamedTuple):
    """One upstream, as this server has it."""

    name: str
    url: str
    packages: tuple[str, ...]
    """Globs on normalized names."""
    is_offline: bool
    """Whether it is never asked."""
    health: Health


class UpstreamsInUse(NamedTuple):
    """The upstreams of an index, with the amounts that are mirrored from them."""

    states: tuple[UpstreamState, ...]
    """In the order in which they are asked."""
    projects: Mapping[str, int]
    """How many projects are mirrored, by the name of the upstream; also of those that were removed."""
    kept: KeptSize
    unkept: int
    """Files that were not kept since this server started: `limits.mirroredBytes` was reached."""
