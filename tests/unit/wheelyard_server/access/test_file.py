import logging
from pathlib import Path

import pytest

from wheelyard_server.access.file import CurrentRules, parse
from wheelyard_server.access.rules import ANONYMOUS, Verb
from wheelyard_server.errors import InvalidSettingsError

OPEN = b"grants: [{subjects: [anonymous], verbs: [read]}]"


@pytest.mark.parametrize(
    ("text", "named"),
    [
        (b"user: []", "user"),
        (b"grants: [{subjects: [everybody], verbs: [read]}]", r"subjects"),
        (b"grants: [{subjects: [anonymous], verbs: [write]}]", r"verbs"),
        (b"users: [{name: a, tokenDigests: [secret]}]", r"tokenDigests"),
        (b"users: [{name: ''}]", "name"),
        (b"users: [{name: 2024-99-99}]", "access.yaml"),
        (b"users: [{name: !!int x}]", "access.yaml"),
    ],
)
def test_an_error_names_the_key(text: bytes, named: str) -> None:
    with pytest.raises(InvalidSettingsError, match=named):
        parse(text)


def test_a_changed_file_is_in_force_after_a_reload(tmp_path: Path) -> None:
    path = tmp_path / "access.yaml"
    path.write_bytes(b"grants: []")
    current = CurrentRules(path)
    assert not current.rules.allows_some(ANONYMOUS, Verb.READ)
    path.write_bytes(OPEN)
    current.reload()
    assert current.rules.allows_some(ANONYMOUS, Verb.READ)


@pytest.mark.parametrize("broken", [b"grants: [", b"grants: nobody", b"users: [{name: 2024-99-99}]", b"\xff", None])
def test_a_broken_or_missing_file_neither_opens_nor_closes_the_door(
    tmp_path: Path, broken: bytes | None, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "access.yaml"
    path.write_bytes(OPEN)
    current = CurrentRules(path)
    if broken is None:
        path.unlink()
    else:
        path.write_bytes(broken)
    current.reload()
    assert current.rules.allows_some(ANONYMOUS, Verb.READ)
    assert [record.levelno for record in caplog.records] == [logging.ERROR]
    path.write_bytes(b"grants: []")
    current.reload()
    assert not current.rules.allows_some(ANONYMOUS, Verb.READ)


def test_without_a_good_file_there_is_no_start(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="access"):
        CurrentRules(tmp_path / "access.yaml")
