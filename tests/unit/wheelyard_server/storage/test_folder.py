"""What the contract of all storages does not say of a folder."""

import os
import time
from pathlib import Path

import pytest

from wheelyard_server.storage.folder import FolderStorage


@pytest.mark.parametrize(("age_ns", "known"), [(300_000_000, False), (1_100_000_000, True)])
async def test_whole_seconds_of_a_file_system_say_nothing_of_the_second_that_has_just_begun(
    tmp_path: Path, *, age_ns: int, known: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = FolderStorage(tmp_path)
    await storage.write("projects/a.json", b"{}", expected=None)
    second = int(time.time()) * 1_000_000_000
    for path in (tmp_path / "projects", tmp_path / "projects/a.json"):
        os.utime(path, ns=(second, second))
    monkeypatch.setattr(time, "time_ns", lambda: second + age_ns)
    assert [storage.stamp(key) is not None for key in ("projects/", "projects/a.json")] == [known, known]
