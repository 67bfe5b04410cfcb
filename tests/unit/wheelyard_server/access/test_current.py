import logging
from pathlib import Path

import pytest

from wheelyard_server.access.current import CurrentAccess
from wheelyard_server.access.rules import ANONYMOUS, Verb

OPEN = b"grants: [{subjects: [anonymous], verbs: [read]}]"


def test_a_changed_file_is_in_force_after_a_reload(tmp_path: Path) -> None:
    path = tmp_path / "access.yaml"
    path.write_bytes(b"grants: []")
    current = CurrentAccess(path)
    assert not current.access.rules.allows_some(ANONYMOUS, Verb.READ)
    path.write_bytes(OPEN)
    current.reload()
    assert current.access.rules.allows_some(ANONYMOUS, Verb.READ)


@pytest.mark.parametrize("broken", [b"grants: [", b"grants: nobody", b"users: [{name: 2024-99-99}]", b"\xff", None])
def test_a_broken_or_missing_file_neither_opens_nor_closes_the_door(
    tmp_path: Path, broken: bytes | None, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "access.yaml"
    path.write_bytes(OPEN)
    current = CurrentAccess(path)
    if broken is None:
        path.unlink()
    else:
        path.write_bytes(broken)
    current.reload()
    assert current.access.rules.allows_some(ANONYMOUS, Verb.READ)
    assert [record.levelno for record in caplog.records] == [logging.ERROR]
    path.write_bytes(b"grants: []")
    current.reload()
    assert not current.access.rules.allows_some(ANONYMOUS, Verb.READ)


def test_without_a_good_file_there_is_no_start(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="access"):
        CurrentAccess(tmp_path / "access.yaml")
