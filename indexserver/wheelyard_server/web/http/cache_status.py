"""The Cache-Status header (RFC 9211): where an answer with data of an upstream comes from.

Wheelyard is a cache for projects of upstreams, and the origin of its own: their answers have no
such header, unless the storage does not confirm that they are current.
"""

from wheelyard_server.catalog.stored_project import Forwarded, ForwardReason, Staleness

CACHE_STATUS = "Cache-Status"
HIT = "Wheelyard; hit"
"""Nothing was asked for this answer."""
_HIT_LINE = f"{CACHE_STATUS}: {HIT}\r\n".encode()

Caveat = Staleness | Forwarded | None
"""Why an answer is no plain hit; see `ProjectView.caveat`."""


def cache_status(caveat: Staleness | Forwarded) -> str:
    """Return the value of the header for an answer that is stale, or for which an upstream was asked."""
    if isinstance(caveat, Staleness):
        return f'Wheelyard; hit; ttl=-{caveat.seconds:.0f}; detail="{caveat.waiting_for} does not answer"'
    return f'Wheelyard; fwd={caveat.reason}; detail="the upstream {caveat.upstream}"'


def file_status(upstream: str, *, is_fetched: bool) -> str:
    """Return the value of the header for the bytes of a file, which are kept here or come from the upstream."""
    return cache_status(Forwarded(ForwardReason.MISS, upstream)) if is_fetched else HIT


def with_caveat(head: bytes, caveat: Staleness | Forwarded) -> bytes:
    """Return the head of an answer, without its end, with the header for this caveat."""
    return head.replace(_HIT_LINE, b"") + f"{CACHE_STATUS}: {cache_status(caveat)}\r\n".encode()
