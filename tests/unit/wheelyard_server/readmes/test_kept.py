import os
from pathlib import Path

import pytest

from wheelyard_server.readmes.frames import Answer, Outcome
from wheelyard_server.readmes.kept import MEMORY_BYTES, KeptReadmes

KEY, OTHER = "ab" * 32, "cd" * 32
RENDERED = Answer(Outcome.RENDERED, "<p>a</p>")


async def test_an_answer_is_there_for_the_next_process(tmp_path: Path) -> None:
    await KeptReadmes(tmp_path / "readmes").keep(KEY, RENDERED)
    later = KeptReadmes(tmp_path / "readmes")
    assert later.in_memory(KEY) is None
    assert await later.find(KEY) == RENDERED
    assert later.in_memory(KEY) == RENDERED


async def test_a_refusal_is_remembered_too(tmp_path: Path) -> None:
    await KeptReadmes(tmp_path).keep(KEY, Answer(Outcome.SLOW))
    assert await KeptReadmes(tmp_path).find(KEY) == Answer(Outcome.SLOW)


@pytest.mark.parametrize(
    "damage", [lambda each: each[:-1], lambda each: each[:20], lambda _each: b"", bytes.swapcase]
)
async def test_a_damaged_file_is_no_answer_and_goes(
    tmp_path: Path, damage: object, caplog: pytest.LogCaptureFixture
) -> None:
    await KeptReadmes(tmp_path).keep(KEY, RENDERED)
    (file,) = tmp_path.glob("ab/*")
    file.write_bytes(damage(file.read_bytes()))  # type: ignore[operator]
    assert await KeptReadmes(tmp_path).find(KEY) is None
    assert "damaged" in caplog.text
    assert not file.exists()


async def test_a_lost_file_is_no_answer(tmp_path: Path) -> None:
    kept = KeptReadmes(tmp_path)
    await kept.keep(KEY, RENDERED)
    (file,) = tmp_path.glob("ab/*")
    later = KeptReadmes(tmp_path)
    file.unlink()
    assert await later.find(KEY) is None


async def test_the_folder_is_bounded_and_the_oldest_goes_first(tmp_path: Path) -> None:
    answer = Answer(Outcome.RENDERED, "a" * 1000)
    kept = KeptReadmes(tmp_path, max_bytes=2500)
    for key in (KEY, OTHER, "ef" * 32):
        await kept.keep(key, answer)
    assert {each.name for each in tmp_path.glob("*/*")} == {OTHER, "ef" * 32}
    assert await kept.find(KEY) == answer  # It is still in memory.


async def test_a_start_with_a_smaller_bound_removes_what_is_too_much(tmp_path: Path) -> None:
    kept = KeptReadmes(tmp_path)
    await kept.keep(KEY, RENDERED)
    await kept.keep(OTHER, RENDERED)
    os.utime(tmp_path / "cd" / OTHER, (1, 1))
    KeptReadmes(tmp_path, max_bytes=100)
    assert [each.name for each in tmp_path.glob("*/*")] == [KEY]


async def test_leftovers_of_a_crash_are_removed(tmp_path: Path) -> None:
    (tmp_path / "new-abc").write_bytes(b"half")
    KeptReadmes(tmp_path)
    assert list(tmp_path.iterdir()) == []


async def test_a_disk_that_fails_costs_speed_only(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").write_text("a file where the folder should be")
    kept = KeptReadmes(tmp_path / "file")
    await kept.keep(KEY, RENDERED)
    assert await kept.find(KEY) == RENDERED
    assert "cannot be written" in caplog.text


async def test_memory_is_bounded_in_bytes() -> None:
    kept = KeptReadmes(None)
    large = Answer(Outcome.RENDERED, "a" * (MEMORY_BYTES // 3))
    for number in range(4):
        await kept.keep(str(number), large)
    assert [number for number in range(4) if kept.in_memory(str(number))] == [2, 3]
    assert await kept.find("0") is None
