"""Long histories of an index, one after the other and at the same time, against a simple model.

`make proof` runs this for minutes instead of seconds.
"""

import asyncio
from collections.abc import Callable

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import run_state_machine_as_test

from support.concurrency import Race
from support.index_model import small_uploads
from support.machine import IndexMachine
from support.memory_storage import MemoryStorage
from support.properties import given, settings
from wheelyard_server.catalog.publish import Upload

Tell = Callable[[str], None]
Uploads = dict[tuple[str, str], Upload]


@pytest.fixture(scope="module")
def uploads(tmp_path_factory: pytest.TempPathFactory) -> Uploads:
    return small_uploads(tmp_path_factory.mktemp("uploads"))


@pytest.mark.usefixtures("no_threads")
def test_crashing_replicas_and_a_failing_storage_keep_all_promises(uploads: Uploads, tell: Tell) -> None:
    class Machine(IndexMachine):
        pass

    Machine.uploads = uploads
    run_state_machine_as_test(Machine, settings=settings())
    tell(f"{Machine.steps} steps")


@pytest.mark.usefixtures("no_threads")
def test_concurrent_operations_are_linearizable(uploads: Uploads, tell: Tell) -> None:
    races = 0

    @given(seed=st.integers(0, 2**32))
    def race(seed: int) -> None:
        nonlocal races
        races += 1
        asyncio.run(Race(seed, uploads, MemoryStorage()).run())

    race()
    tell(f"{races} races")
