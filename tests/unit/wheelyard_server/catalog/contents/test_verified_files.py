import asyncio
import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from support.patience import until
from wheelyard_server.catalog.contents import verified_files
from wheelyard_server.catalog.contents.verified_files import VerifiedFiles
from wheelyard_server.errors import WrongBytesError

BODY = b"wheel" * 1000
SHA256 = hashlib.sha256(BODY).hexdigest()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "file"
    path.write_bytes(BODY)
    return path


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Note every time that a file is read whole."""
    calls: list[int] = []
    real: Callable[[int], str] = verified_files._sha256

    def noted(descriptor: int) -> str:
        calls.append(descriptor)
        return real(descriptor)

    monkeypatch.setattr(verified_files, "_sha256", noted)
    return calls


async def opened(files: VerifiedFiles, path: Path, sha256: str = SHA256) -> bytes:
    with await files.open(path, sha256) as file:
        return file.read()


async def test_a_file_is_read_once_however_often_it_is_opened(path: Path, hashed: list[int]) -> None:
    files = VerifiedFiles()
    assert set(await asyncio.gather(*(opened(files, path) for _ in range(50)))) == {BODY}
    assert await opened(files, path) == BODY
    assert len(hashed) == 1


@pytest.mark.parametrize("damage", [lambda body: body[:-1], lambda body: b"W" + body[1:], lambda _: b""])
async def test_a_file_that_is_damaged_is_refused(path: Path, damage: Callable[[bytes], bytes]) -> None:
    path.write_bytes(damage(BODY))
    with pytest.raises(WrongBytesError):
        await VerifiedFiles().open(path, SHA256)


async def test_a_file_that_is_written_to_is_read_again(path: Path, hashed: list[int]) -> None:
    files = VerifiedFiles()
    await opened(files, path)
    path.write_bytes(b"W" + BODY[1:])
    os.utime(path, ns=(0, 0))
    with pytest.raises(WrongBytesError):
        await files.open(path, SHA256)
    assert len(hashed) == 2


async def test_only_a_verified_unchanged_file_counts_as_present(path: Path) -> None:
    files = VerifiedFiles()
    assert not files.has(path, SHA256)
    await opened(files, path)
    assert files.has(path, SHA256)
    assert not files.has(path, "0" * 64)
    path.write_bytes(BODY + b"?")
    assert not files.has(path, SHA256)
    path.unlink()
    assert not files.has(path, SHA256)


async def test_a_file_that_takes_long_to_check_is_refused_until_then(path: Path, hashed: list[int]) -> None:
    files = VerifiedFiles(patience_seconds=0)
    with pytest.raises(TimeoutError):
        await files.open(path, SHA256)
    await until(lambda: not files._reading)
    assert await opened(files, path) == BODY
    assert len(hashed) == 1


async def test_a_file_that_was_just_written_need_not_be_read(path: Path, hashed: list[int]) -> None:
    files = VerifiedFiles()
    with path.open("rb") as file:
        files.remember(file.fileno(), SHA256)
    assert await opened(files, path) == BODY
    assert not hashed


async def test_no_more_than_a_bounded_number_of_files_is_remembered(
    tmp_path: Path, hashed: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verified_files, "MAX_REMEMBERED", 2)
    files = VerifiedFiles()
    paths = [tmp_path / str(number) for number in range(3)]
    for each in paths:
        each.write_bytes(BODY)
        await opened(files, each)
    await opened(files, paths[2])
    assert len(hashed) == 3
    await opened(files, paths[0])
    assert len(hashed) == 4


async def test_a_missing_file_is_an_error_of_the_system(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        await VerifiedFiles().open(tmp_path / "none", SHA256)
