import logging
from collections.abc import Callable
from itertools import count
from pathlib import Path

import pytest

from wheelyard_server.access.current import CurrentAccess
from wheelyard_server.access.rules import ANONYMOUS, Verb


@pytest.fixture
def clock() -> Callable[[], float]:
    """Count how often somebody asks for the time."""
    return count(1).__next__


OPEN = b"grants: [{subjects: [anonymous], verbs: [read]}]"


def test_a_changed_file_is_in_force_after_a_reload(tmp_path: Path, clock: Callable[[], float]) -> None:
    path = tmp_path / "access.yaml"
    path.write_bytes(b"grants: []")
    current = CurrentAccess(path, clock)
    assert not current.access.rules.allows_some(ANONYMOUS, Verb.READ)
    path.write_bytes(OPEN)
    current.reload()
    assert current.access.rules.allows_some(ANONYMOUS, Verb.READ)


@pytest.mark.parametrize("broken", [b"grants: [", b"grants: nobody", b"users: [{name: 2024-99-99}]", b"\xff", None])
def test_a_broken_or_missing_file_neither_opens_nor_closes_the_door(
    tmp_path: Path, broken: bytes | None, caplog: pytest.LogCaptureFixture, clock: Callable[[], float]
) -> None:
    path = tmp_path / "access.yaml"
    path.write_bytes(OPEN)
    current = CurrentAccess(path, clock)
    if broken is None:
        path.unlink()
    else:
        path.write_bytes(broken)
    current.reload()
    assert current.access.rules.allows_some(ANONYMOUS, Verb.READ)
    current.reload()
    assert [record.levelno for record in caplog.records] == [logging.ERROR], "it is told once"
    assert (current.usable, current.loaded) == (False, 1)
    path.write_bytes(b"grants: []")
    current.reload()
    assert not current.access.rules.allows_some(ANONYMOUS, Verb.READ)
    assert (current.usable, current.loaded) == (True, 2)


def test_the_file_that_is_in_force_may_come_back(tmp_path: Path, clock: Callable[[], float]) -> None:
    path = tmp_path / "access.yaml"
    path.write_bytes(OPEN)
    current = CurrentAccess(path, clock)
    path.unlink()
    current.reload()
    assert not current.usable
    path.write_bytes(OPEN)
    current.reload()
    assert current.usable


def test_without_a_good_file_there_is_no_start(tmp_path: Path, clock: Callable[[], float]) -> None:
    with pytest.raises(OSError, match="access"):
        CurrentAccess(tmp_path / "access.yaml", clock)
