"""No mirror misses a change: three replicas whose clocks differ, any interleaving of their writes and its runs."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import example
from hypothesis import strategies as st

from support.mirror import Api, World
from support.properties import given
from wheelyard_server.catalog import project_list, serials
from wheelyard_server.model import DeletedFile, Project

NOW = datetime(2026, 1, 1, tzinfo=UTC)
REPLICA = st.integers(0, 2)
STEP = st.one_of(
    st.tuples(st.just("begin_write"), REPLICA, REPLICA),
    st.tuples(st.just("finish_write"), st.integers(0, 5)),
    st.tuples(st.just("wait"), st.integers(1, 30)),
    st.tuples(st.just("synchronize"), REPLICA, REPLICA),
)
Step = tuple[str, int] | tuple[str, int, int]
AHEAD = st.tuples(*[st.floats(-12, 12)] * 3)
"""Seconds by which each clock is ahead: more than what servers of one index are asked to keep to,
see ADR 33."""
OVERTAKEN: Sequence[Step] = (
    ("begin_write", 1, 0),
    ("wait", 1),
    ("begin_write", 2, 1),
    ("finish_write", 1),
    ("synchronize", 0, 0),
    ("finish_write", 0),
)
"""A write begins before another and takes effect after it, and the mirror runs between the two."""


async def run(api: Api, ahead: tuple[float, float, float], steps: Sequence[Step]) -> None:
    world = World(api, ahead)
    for name, *arguments in steps:
        await getattr(world, name)(*arguments)
    await world.settle()


@pytest.mark.parametrize("api", Api)
def test_a_mirror_misses_nothing(api: Api) -> None:
    @given(AHEAD, st.lists(STEP, max_size=30))
    @example((-12, 12, 0), OVERTAKEN)
    def check(ahead: tuple[float, float, float], steps: Sequence[Step]) -> None:
        asyncio.run(run(api, ahead, steps))

    check()


@pytest.mark.parametrize("api", Api)
def test_without_a_horizon_a_mirror_would_miss_something(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(project_list, "horizon", serials.serial_at)
    with pytest.raises(AssertionError, match="missed something"):
        asyncio.run(run(api, (0, 0, 0), OVERTAKEN))


def test_a_later_change_has_a_higher_serial_whatever_the_clock_says() -> None:
    first = serials.next_serial(Project(name="demo"), NOW)
    assert first == serials.serial_at(NOW)
    project = Project(name="demo", serial=first)
    assert serials.next_serial(project, NOW - timedelta(days=1)) == first + 1
    assert serials.next_serial(project, NOW + timedelta(seconds=5)) == first + 5


def test_the_serial_of_a_document_of_format_1_is_that_of_its_last_file() -> None:
    deleted = DeletedFile(filename="a", sha256="0", upload_id="1", deleted=NOW)
    assert serials.last_serial(Project(name="demo", deleted=(deleted,))) == serials.serial_at(NOW)
    assert serials.last_serial(Project(name="demo")) == 1


def test_serials_are_those_that_xml_rpc_knows() -> None:
    assert serials.serial_at(datetime(1999, 1, 1, tzinfo=UTC)) > 0
    assert serials.serial_at(datetime(2087, 1, 1, tzinfo=UTC)) < 2**31
    assert serials.moment_of(serials.serial_at(NOW)) == NOW.timestamp()
