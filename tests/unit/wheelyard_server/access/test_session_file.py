"""The sessions file, and that it need not exist."""

import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from support.sessions import KEY, write_sessions
from wheelyard_server.access.current_sessions import CurrentSessions
from wheelyard_server.access.session_file import SessionFile, parse
from wheelyard_server.errors import InvalidSettingsError
from wheelyard_server.settings.web import SESSIONS_FILE


@pytest.mark.parametrize("moment", ["2026-11-30T12:00:00Z", '"2026-11-30T13:00:00+01:00"'])
def test_moments_are_texts_or_times_of_yaml(moment: str) -> None:
    found = parse(f"keys: [{KEY}]\nnotBefore: {moment}\n".encode())
    assert (found.keys, found.not_before) == ((KEY,), datetime(2026, 11, 30, 12, tzinfo=UTC))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("keys: [short]", "keys"),
        ("notBefore: 2026-11-30T12:00:00", "offset"),
        ("notBefore: soon", "notBefore|Invalid"),
        ("other: 1", "other"),
        (f"keys: [{', '.join([KEY] * 17)}]", "keys"),
    ],
)
def test_a_fault_names_its_key(text: str, words: str) -> None:
    with pytest.raises(InvalidSettingsError, match=words):
        parse(text.encode())


def test_an_index_without_the_file_takes_it_as_soon_as_it_is_there(tmp_path: Path) -> None:
    current = CurrentSessions(tmp_path / SESSIONS_FILE, time.time)
    assert current.file == SessionFile()
    write_sessions(tmp_path)
    current.reload()
    assert current.file.keys == (KEY,)
    (tmp_path / SESSIONS_FILE).write_text("keys: 1")
    current.reload()
    assert current.file.keys == (KEY,)
    (tmp_path / SESSIONS_FILE).unlink()
    current.reload()
    assert current.file == SessionFile()
    current.close()


def test_an_invalid_file_at_the_start_keeps_no_installer_waiting(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / SESSIONS_FILE).write_text("keys: 1")
    current = CurrentSessions(tmp_path / SESSIONS_FILE, time.time)
    assert current.file == SessionFile()
    assert "pages have no logins" in caplog.text
    write_sessions(tmp_path)
    current.reload()
    assert current.file.keys == (KEY,)
    current.close()
