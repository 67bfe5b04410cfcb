"""Lock files as uv, Poetry, pip and pip-compile write them."""

from pathlib import Path

import pytest

from wheelyard_server.commands.lock_files import read_lock
from wheelyard_server.errors import InvalidSettingsError

UV = """
version = 1
requires-python = ">=3.11"

[[package]]
name = "app"
version = "0.1.0"
source = { editable = "." }

[[package]]
name = "anyio"
version = "4.12.1"
source = { registry = "https://packages.example.com/simple" }
sdist = { url = "https://packages.example.com/anyio-4.12.1.tar.gz", hash = "sha256:00", size = 1 }

[[package]]
name = "forked"
version = "2.0"
source = { git = "https://git.example.com/forked?rev=1#abc" }

[[package]]
name = "member"
version = "1.0"
source = { virtual = "packages/member" }
"""
POETRY = """
[[package]]
name = "requests"
version = "2.32.5"
optional = false

[[package]]
name = "internal"
version = "1.0"
[package.source]
type = "legacy"
url = "https://packages.example.com/simple"
reference = "main"

[[package]]
name = "forked"
version = "2.0"
[package.source]
type = "git"
url = "https://git.example.com/forked"

[metadata]
lock-version = "2.1"
"""
PYLOCK = """
lock-version = "1.0"
created-by = "pip"

[[packages]]
name = "attrs"
version = "25.1.0"
[[packages.wheels]]
name = "attrs-25.1.0-py3-none-any.whl"
url = "https://packages.example.com/attrs-25.1.0-py3-none-any.whl"
hashes = {sha256 = "c75a69e28a550a7e93789579c22aa26b0f5b83b75dc4e08fe092980051e1090a"}

[[packages]]
name = "forked"
vcs = {type = "git", url = "https://git.example.com/forked", commit-id = "abc"}
"""
REQUIREMENTS = """
# by pip-compile
--index-url https://packages.example.com/simple
-r other.txt
anyio==4.12.1 \\
    --hash=sha256:00 \\
    --hash=sha256:11
    # via app
Requests[socks]==2.32.5 ; python_version >= "3.11"  # why
attrs>=25
starred==1.*
exact===1.0-odd
./local
git+https://git.example.com/forked
forked @ https://files.example.com/forked-1.0.tar.gz
"""


@pytest.mark.parametrize(
    ("name", "text", "releases"),
    [
        ("uv.lock", UV, [("anyio", "4.12.1")]),
        ("poetry.lock", POETRY, [("requests", "2.32.5"), ("internal", "1.0")]),
        ("pylock.toml", PYLOCK, [("attrs", "25.1.0")]),
        ("pylock.dev.toml", PYLOCK, [("attrs", "25.1.0")]),
        ("requirements.txt", REQUIREMENTS, [("anyio", "4.12.1"), ("Requests", "2.32.5"), ("exact", "1.0-odd")]),
    ],
)
def test_releases_of_indexes_are_found_and_others_left_out(
    tmp_path: Path, name: str, text: str, releases: list[tuple[str, str]]
) -> None:
    path = tmp_path / name
    path.write_text(text)
    assert list(read_lock(path)) == releases


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("uv.lock", "["),
        ("uv.lock", "version = 1"),
        ("uv.lock", "package = 1"),
        ("poetry.lock", "[[package]]\nname = 'a'"),
        ("pylock.toml", "lock-version = '9.0'"),
        ("pyproject.toml", "[project]\nname = 'a'"),
    ],
)
def test_something_else_is_an_error_that_names_the_file(tmp_path: Path, name: str, text: str) -> None:
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(InvalidSettingsError, match=f"{name} cannot be read as a lock file"):
        list(read_lock(path))


def test_bytes_that_are_no_text_and_huge_files_are_errors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "requirements.txt"
    path.write_bytes(b"\xff")
    with pytest.raises(InvalidSettingsError, match="cannot be read"):
        list(read_lock(path))
    monkeypatch.setattr("wheelyard_server.commands.lock_files.MAX_LOCK_BYTES", 0)
    with pytest.raises(InvalidSettingsError, match="larger than"):
        list(read_lock(path))
