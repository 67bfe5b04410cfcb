"""Cache-Status says where an answer with data of an upstream comes from (RFC 9211)."""

import pytest

from wheelyard_server.catalog.stored_project import Forwarded, ForwardReason, Staleness
from wheelyard_server.web.http.cache_status import HIT, Caveat, cache_status, file_status, with_caveat

STALE = Staleness(7.4, "the upstream pypi")


@pytest.mark.parametrize(
    ("caveat", "expected"),
    [
        (STALE, 'Wheelyard; hit; ttl=-7; detail="the upstream pypi does not answer"'),
        (Forwarded(ForwardReason.MISS, "pypi"), 'Wheelyard; fwd=miss; detail="the upstream pypi"'),
        (Forwarded(ForwardReason.STALE, "pypi"), 'Wheelyard; fwd=stale; detail="the upstream pypi"'),
    ],
)
def test_an_answer_that_is_no_plain_hit_says_why(caveat: Staleness | Forwarded, expected: str) -> None:
    assert cache_status(caveat) == expected


def test_a_file_is_a_hit_if_it_is_kept() -> None:
    assert file_status("pypi", is_fetched=False) == HIT
    assert file_status("pypi", is_fetched=True) == 'Wheelyard; fwd=miss; detail="the upstream pypi"'


@pytest.mark.parametrize("head", [b"A: b\r\n", b"Cache-Status: Wheelyard; hit\r\nA: b\r\n"])
def test_a_head_has_the_header_once(head: bytes) -> None:
    caveat: Caveat = STALE
    assert caveat is not None
    assert with_caveat(head, caveat) == b"A: b\r\nCache-Status: " + cache_status(caveat).encode() + b"\r\n"
