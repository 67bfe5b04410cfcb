"""One archive for every reader: `python -m fuzz.readers --seconds 60`.

Changes the headers of small sdists, one field at a time, with checksums that are right. What
`inspect` accepts is unpacked by GNU tar, by Python's `tarfile` and by uv: the three must find the
same files. `--seed N` repeats a run.
"""

import argparse
import gzip
import os
import random
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from clients.command import run
from clients.environments import UV
from support.distributions import metadata
from support.inspecting import SDIST
from support.tar_writer import END, PKG_INFO, member, with_checksum
from wheelyard_server.catalog.inspection import ArchiveLimits, inspect
from wheelyard_server.errors import InvalidUploadError
from wheelyard_server.names import parse_filename
from wheelyard_server.settings import Accept

BLOCK = tarfile.BLOCKSIZE
Tree = dict[str, bytes]
"""The paths below the root folder: the content of a file, the target of a link, b"/" of a folder."""
_FORMS: tuple[Literal[0, 1, 2], ...] = (tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT)
_FIELDS = {
    "name": (0, 100), "mode": (100, 8), "uid": (108, 8), "size": (124, 12), "mtime": (136, 12), "type": (156, 1),
    "link": (157, 100), "magic": (257, 8), "owner": (265, 32), "major": (329, 8), "prefix": (345, 155),
    "rest": (500, 12),
}  # fmt: skip
_NUMBERS = (
    b"00000000007", b"7", b"      7", b"+7", b"-7", b"0o7", b"7 7", b"0_7", b"08", b"",
    b"\x80\0\0\0\0\0\0\0\0\0\0\7", b"\xff" * 12, b"000000001000", b"00000000011",
)  # fmt: skip
_TEXTS = (
    b"demo-1.0/a",
    b"demo-1.0/a/",
    b"demo-1.0/a\0b",
    b"demo-1.0",
    b"x",
    b"a/b",
    b"",
    b"/",
    b"\xc3\xa9",
    b"\xff",
)
_VALUES = {
    "type": (*(bytes([code]) for code in b"01234567gxLKSDAVM\0"),),
    "magic": (b"ustar\x0000", b"ustar  \0", bytes(8), b"ustar\0  ", b"ustar \x000"),
}
_PAX = (
    b"16 path=demo-1.0\n",
    b"18 path=demo-1.0/p\n",
    b"9 size=7\n",
    b"9 size=0\n",
    b"12 comment=a\n",
    b"11 uname=a\n",
)


def seeds() -> list[list[bytes]]:
    """Return archives as lists of blocks, with all that real ones have."""
    found = []
    for form in _FORMS:
        members = [
            member(PKG_INFO, metadata("demo", "1.0").encode(), format_=form),
            member("demo-1.0/module.py", b"x = 1\n", format_=form),
            member("demo-1.0/link", type=tarfile.SYMTYPE, linkname="PKG-INFO", format_=form),
            member("demo-1.0/folder/", type=tarfile.DIRTYPE, format_=form),
            member("demo-1.0/" + "folder/" * 14 + "deep", b"y" * 600, format_=form),
            member("demo-1.0/copy", type=tarfile.LNKTYPE, linkname="demo-1.0/module.py", format_=form),
        ]
        found.append(_blocks(b"".join(members)))
    return found


def _blocks(raw: bytes) -> list[bytes]:
    return [raw[start : start + BLOCK] for start in range(0, len(raw), BLOCK)]


def mutated(archive: list[bytes], chance: random.Random) -> list[bytes]:
    """Return the archive with a few changes."""
    changed = list(archive)
    for _ in range(chance.choice((1, 1, 1, 2, 3))):
        change: Callable[[list[bytes], random.Random], None] = chance.choice(
            (_set, _set, _set, _extend, _repeat, _flip)
        )
        change(changed, chance)
    return changed


def _header(archive: list[bytes], chance: random.Random) -> int:
    return chance.choice([index for index, block in enumerate(archive) if block[257:262] == b"ustar"] or [0])


def _set(archive: list[bytes], chance: random.Random) -> None:
    index = _header(archive, chance)
    name = chance.choice(list(_FIELDS))
    start, size = _FIELDS[name]
    texts = _TEXTS if name in {"name", "link", "owner", "prefix", "rest"} else _NUMBERS
    value = chance.choice(_VALUES.get(name, texts))[:size]
    padding = chance.choice((b"\0", b"\0", b" "))
    archive[index] = with_checksum(
        archive[index][:start] + value.ljust(size, padding) + archive[index][start + size :]
    )


def _extend(archive: list[bytes], chance: random.Random) -> None:
    """Put an extended header before some header."""
    type_ = chance.choice((b"x", b"x", b"g", b"L", b"K"))
    content = chance.choice(_PAX) if type_ in {b"x", b"g"} else chance.choice(_TEXTS) + chance.choice((b"\0", b""))
    form = chance.choice(_FORMS)
    index = _header(archive, chance)
    archive[index:index] = _blocks(member("demo-1.0/extended", content, type=type_, format_=form))


def _repeat(archive: list[bytes], chance: random.Random) -> None:
    index = _header(archive, chance)
    archive[index:index] = archive[index : index + chance.choice((1, 2))]


def _flip(archive: list[bytes], chance: random.Random) -> None:
    index, at = _header(archive, chance), chance.randrange(BLOCK)
    block = archive[index]
    archive[index] = with_checksum(block[:at] + bytes([chance.randrange(256)]) + block[at + 1 :])


def is_accepted(path: Path) -> bool:
    """Return whether an index takes it."""
    try:
        with path.open("rb") as file:
            inspect(file, parse_filename(SDIST), ArchiveLimits(), Accept.INSTALLABLE)
    except InvalidUploadError:
        return False
    return True


def by_tar(path: Path, folder: Path) -> Tree | None:
    """Unpack with GNU tar; None if it refuses."""
    done = subprocess.run(
        ["tar", "--extract", "--gzip", "--file", path, "--directory", folder], capture_output=True, check=False
    )
    return tree(folder / "demo-1.0") if done.returncode == 0 else None


def by_python(path: Path, folder: Path) -> Tree | None:
    """Unpack as pip does."""
    try:
        with tarfile.open(path) as archive:
            archive.extractall(folder, filter="data")
    except (tarfile.TarError, OSError, ValueError, KeyError):
        return None
    return tree(folder / "demo-1.0")


def by_uv(path: Path, folder: Path) -> Tree | None:
    """Unpack as uv does, on its way to the metadata."""
    requirements = folder / "requirements.in"
    requirements.write_text(f"demo @ {path.as_uri()}\n")
    compile_ = ("pip", "compile", "--quiet", "--offline", "--no-deps", "--no-build-isolation", requirements)
    run(UV, *compile_, cwd=folder, variables={"UV_CACHE_DIR": str(folder / "cache")})
    found = list(folder.glob("cache/sdists-*/path/*/*/src"))
    return tree(found[0]) if found else None


def tree(root: Path) -> Tree:
    """Return what was unpacked."""
    found: Tree = {}
    for folder, folders, files in os.walk(root):
        for name in (*folders, *files):
            path = Path(folder, name)
            key = str(path.relative_to(root))
            if path.is_symlink():
                found[key] = b"-> " + os.fsencode(path.readlink())
            else:
                found[key] = b"/" if path.is_dir() else path.read_bytes()
    return found


def disagreement(path: Path, folder: Path) -> str:
    """Return what the readers make of an archive if it is not the same; "" if it is. One may refuse it."""
    found: dict[str, Tree | None] = {}
    for name, read in (("GNU tar", by_tar), ("Python", by_python), ("uv", by_uv)):
        place = folder / name.replace(" ", "")
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir()
        found[name] = read(path, place)
    trees = [each for each in found.values() if each is not None]
    if all(each == trees[0] for each in trees):
        return ""
    return "\n".join(f"{name}: {sorted(each or {})}" for name, each in found.items())


def fuzz(seconds: float, seed: int) -> int:
    """Change and compare for so long; return the exit status."""
    chance = random.Random(seed)  # noqa: S311 - to be repeated, not to be secret
    end, tried, accepted, problems = time.monotonic() + seconds, 0, 0, 0
    with tempfile.TemporaryDirectory() as temporary:
        path = Path(temporary, SDIST)
        while time.monotonic() < end and not problems:
            tried += 1
            raw = b"".join(mutated(chance.choice(seeds()), chance)) + END
            path.write_bytes(gzip.compress(raw, 1))
            if is_accepted(path):
                accepted += 1
                if difference := disagreement(path, Path(temporary)):
                    problems += 1
                    sys.stdout.write(f"{difference}\n{raw!r}\n")
    sys.stdout.write(f"seed {seed}: {problems} problems in {accepted} accepted archives of {tried}\n")
    return 1 if problems else 0


def main() -> None:
    """Fuzz from the command line."""
    parser = argparse.ArgumentParser(prog="python -m fuzz.readers", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=time.time_ns() % 1_000_000)
    arguments = parser.parse_args()
    sys.exit(fuzz(arguments.seconds, arguments.seed))


if __name__ == "__main__":
    main()
