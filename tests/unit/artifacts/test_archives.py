"""Archives of a release: the same content gives the same bytes (release/artifacts/archives.py)."""

import io
import tarfile
from pathlib import Path

import pytest

from artifacts.archives import normalise


def write(path: Path, names: list[str], mtime: int, owner: str) -> None:
    with tarfile.open(path, "w:gz" if path.suffix == ".tgz" else "w") as archive:
        for name in names:
            member = tarfile.TarInfo(name)
            member.size, member.mtime, member.uname, member.uid, member.mode = len(name), mtime, owner, mtime, 0o640
            archive.addfile(member, io.BytesIO(name.encode()))


@pytest.mark.parametrize("suffix", [".tgz", ".tar"])
def test_the_same_content_gives_the_same_bytes(suffix: str, tmp_path: Path) -> None:
    one, other = tmp_path / f"one{suffix}", tmp_path / f"other{suffix}"
    write(one, ["b", "a"], 1, "alice")
    write(other, ["a", "b"], 2, "bob")
    assert one.read_bytes() != other.read_bytes()
    for each in (one, other):
        normalise(each, 1_700_000_000)
    assert one.read_bytes() == other.read_bytes()
    with tarfile.open(one) as archive:
        assert [(each.name, each.mtime, each.uid) for each in archive] == [
            ("a", 1_700_000_000, 0),
            ("b", 1_700_000_000, 0),
        ]
        member = archive.extractfile("b")
        assert member
        assert member.read() == b"b"


def test_other_content_gives_other_bytes(tmp_path: Path) -> None:
    one, other = tmp_path / "one.tgz", tmp_path / "other.tgz"
    write(one, ["a"], 1, "")
    write(other, ["b"], 1, "")
    for each in (one, other):
        normalise(each, 0)
    assert one.read_bytes() != other.read_bytes()
