import logging
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import pytest

from wheelyard_server.access import reloading as module
from wheelyard_server.access.reloading import CurrentAccess
from wheelyard_server.access.rules import ANONYMOUS, Verb


@dataclass
class Clock:
    now: float = 1

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


OPEN = b"grants: [{subjects: [anonymous], verbs: [read]}]"


def test_a_changed_file_is_in_force_after_a_reload(tmp_path: Path, clock: Clock) -> None:
    path = tmp_path / "access.yaml"
    path.write_bytes(b"grants: []")
    current = CurrentAccess(path, clock)
    assert not current.access.rules.allows_some(ANONYMOUS, Verb.READ)
    path.write_bytes(OPEN)
    current.reload()
    assert current.access.rules.allows_some(ANONYMOUS, Verb.READ)


@pytest.mark.parametrize("broken", [b"grants: [", b"grants: nobody", b"users: [{name: 2024-99-99}]", b"\xff", None])
def test_a_broken_or_missing_file_neither_opens_nor_closes_the_door(
    tmp_path: Path, broken: bytes | None, caplog: pytest.LogCaptureFixture, clock: Clock
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
    assert [record.levelno for record in caplog.records] == [logging.ERROR], "it is logged once"
    clock.now = 2
    current.reload()
    assert (current.usable, current.loaded, current.looked) == (False, 1, 2)
    path.write_bytes(b"grants: []")
    current.reload()
    assert not current.access.rules.allows_some(ANONYMOUS, Verb.READ)
    assert (current.usable, current.loaded) == (True, 2)


def test_the_file_that_is_in_force_may_come_back(tmp_path: Path, clock: Clock) -> None:
    path = tmp_path / "access.yaml"
    path.write_bytes(OPEN)
    current = CurrentAccess(path, clock)
    path.unlink()
    current.reload()
    assert not current.usable
    path.write_bytes(OPEN)
    current.reload()
    assert current.usable


def test_without_a_good_file_there_is_no_start(tmp_path: Path, clock: Clock) -> None:
    with pytest.raises(OSError, match="access"):
        CurrentAccess(tmp_path / "access.yaml", clock)


def test_an_unexpected_error_is_tried_again_and_the_last_good_file_stays(
    tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "access.yaml"
    path.write_bytes(OPEN)
    current = CurrentAccess(path, clock)
    path.write_bytes(b"grants: []")

    def fail(_text: bytes) -> NoReturn:
        raise MemoryError

    with monkeypatch.context() as patched:
        patched.setattr(module, "parse", fail)
        for _ in range(2):
            with pytest.raises(MemoryError):
                current.reload()
    assert current.access.rules.allows_some(ANONYMOUS, Verb.READ)
    assert not current.usable
    current.reload()
    assert not current.access.rules.allows_some(ANONYMOUS, Verb.READ)
    assert current.usable
