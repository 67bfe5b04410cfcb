"""Whatever the storage does at whatever call: the invariants of the design hold, and a retry succeeds."""

import asyncio

import pytest

from support import faults
from support.faults import TROUBLES
from support.operations import World

CALLS = {
    "upload wheel": 5,
    "upload sdist": 5,
    "upload to a new project": 5,
    "upload again": 3,
    "attest later": 5,
    "upload a deleted file": 5,
    "yank": 2,
    "unyank": 2,
    "delete file": 2,
    "delete version": 2,
    "delete project": 2,
    "set status": 2,
    "read page": 1,
    "read root": 3,
    "read metadata": 2,
    "read provenance": 2,
    "read file": 2,
}
"""How many calls each operation makes; trouble only adds to them."""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    made = World(tmp_path_factory.mktemp("world"))
    asyncio.run(made.fill())
    return made


@pytest.mark.parametrize("trouble", TROUBLES)
@pytest.mark.parametrize("operation", CALLS)
async def test_after_any_trouble_at_any_call_the_invariants_hold_and_a_retry_succeeds(
    world: World, operation: str, trouble: str
) -> None:
    for warm in (False, True):
        calls = await faults.check(world, world.operations()[operation], TROUBLES[trouble], warm=warm)
        assert calls >= CALLS[operation]


def test_every_operation_is_tried(world: World) -> None:
    assert set(CALLS) == set(world.operations())
