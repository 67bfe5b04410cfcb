"""A released file is not replaced by another spelling of it: real clients publish and install.

Each spelling is one that pip and uv take for the same distribution.
"""

import shutil
from pathlib import Path

import pytest

from clients.command import Done, output, run, succeed
from clients.environments import TWINE
from clients.installers import Install, pip, uv
from support import distributions
from support.access import OWNER, PUBLISHER
from support.command_line import wheelyard
from support.server import Server

RELEASED = "demo-1.0-py3-none-any.whl"
SPELLINGS = ("Demo-1.0-py3-none-any.whl", "demo-1.0.0-py3-none-any.whl", "demo-1-PY3-none-any.whl")


def published(server: Server, path: Path) -> Done:
    """Upload with twine: uv leaves out what is not spelled as the standard has it."""
    variables = {
        "TWINE_REPOSITORY_URL": f"{server.url}/legacy/",
        "TWINE_USERNAME": "__token__",
        "TWINE_PASSWORD": PUBLISHER,
    }
    return run(TWINE, "upload", "--non-interactive", path, cwd=path.parent, variables=variables)


def spelled(folder: Path, filename: str, module: str) -> Path:
    """Make the wheel with other content, under another name."""
    made = distributions.wheel(folder, module=module)
    return made.rename(folder / filename)


def installed_answer(server: Server, folder: Path, install: Install) -> str:
    """Return what the module says that a client installs."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    done = install(folder, f"{server.url}/simple/", "demo==1.0")
    assert done.returncode == 0, output(done)
    return succeed(folder / ".venv/bin/python", "-c", "import demo; print(demo.answer)", cwd=folder).strip()


@pytest.mark.parametrize("server", ["folder"], indirect=True)
def test_the_first_bytes_are_installed_whatever_was_tried_in_another_spelling(
    server: Server, tmp_path: Path
) -> None:
    first = distributions.wheel(tmp_path, module="answer = 'first'")
    assert published(server, first).returncode == 0
    for spelling in SPELLINGS:
        refused = published(server, spelled(tmp_path, spelling, "answer = 'other'"))
        assert refused.returncode != 0
        assert f"File already exists with other content, raise the version: {spelling}" in output(refused)
    for install in (pip, uv):
        assert installed_answer(server, tmp_path / "environment", install) == "first"


@pytest.mark.parametrize("server", ["folder"], indirect=True)
def test_after_a_delete_only_the_first_bytes_come_back(server: Server, tmp_path: Path) -> None:
    first = distributions.wheel(tmp_path, module="answer = 'first'")
    assert published(server, first).returncode == 0
    deleted = wheelyard("delete", "demo", RELEASED, "--yes", "--index-url", f"{server.url_of(OWNER)}/simple/")
    assert deleted.returncode == 0
    kept = first.read_bytes()
    for spelling in SPELLINGS:
        refused = published(server, spelled(tmp_path, spelling, "answer = 'other'"))
        assert refused.returncode != 0
        assert "A deleted file had this name and other content" in output(refused)
    again = tmp_path / SPELLINGS[0]
    again.write_bytes(kept)
    done = published(server, again)
    assert done.returncode == 0, output(done)
    for install in (pip, uv):
        assert installed_answer(server, tmp_path / "environment", install) == "first"
