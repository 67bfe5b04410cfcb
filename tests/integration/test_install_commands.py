"""The commands that pages show are run as they are, by the real installers, also those that log in."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from clients.command import output, run, succeed
from clients.environments import UV, program
from clients.installers import installed, new_environment
from support import distributions
from support.access import PUBLISHER, READER
from support.server import Server, running
from wheelyard_server.web.site.install_commands import SECRET, WHO, Installer, index_at, installers

NAMES = ("uv", "pip", "poetry", "pdm")
PROJECT = """[project]
name = "app"
version = "1.0"
requires-python = ">=3.10"
[tool.poetry]
package-mode = false
[tool.pdm]
distribution = false
"""


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Run one server for all tests of this file."""
    home = tmp_path_factory.mktemp("index")
    wheels = [distributions.wheel(home, "demo", version) for version in ("1.0", "2.0")]
    with running(home / "server", {"folder": {"path": str(home / "data")}}) as server:
        variables = {"UV_PUBLISH_URL": f"{server.url}/legacy/", "UV_PUBLISH_TOKEN": PUBLISHER}
        succeed(UV, "publish", *wheels, distributions.wheel(home, "secret_x"), cwd=home, variables=variables)
        yield server


def execute(folder: Path, server: Server, installer: Installer, token: str) -> None:
    """Run the commands for an installer in a project; those that log in come before the last one."""
    new_environment(folder)
    (folder / "pyproject.toml").write_text(PROJECT)
    login = installer.login if token else ()
    # The commands write into the project, which is read again.
    variables = {"UV_NO_CONFIG": "false", "POETRY_VIRTUALENVS_IN_PROJECT": "true"}
    for text in (*installer.commands[:-1], *login, installer.commands[-1]):
        filled = re.sub(rf"\b{SECRET}\b", token, re.sub(rf"\b{WHO}\b", "__token__", text))
        words = shlex.split(filled)
        if words[0] == "export":
            variables |= dict(each.split("=", 1) for each in words[1:])
        else:
            done = run(*_command(folder, words, server, token), cwd=folder, variables=variables)
            assert done.returncode == 0, output(done)


def _command(folder: Path, words: list[str], server: Server, token: str) -> list[str]:
    name, *arguments = words
    if name == "uv":
        return [str(UV), *arguments]
    if name == "poetry":
        return [str(program(name)), "--no-interaction", *arguments]
    if name == "pip":
        python = str(folder / ".venv/bin/python")
        with_login = server.url.replace("://", f"://__token__:{token}@") if token else server.url
        # pip asks for the login at a terminal.
        return [
            str(program(name)),
            "--python",
            python,
            *(each.replace(server.url, with_login) for each in arguments),
        ]
    return [str(program(name)), *arguments]


@pytest.mark.parametrize("name", NAMES)
def test_the_commands_install_the_latest_version_or_the_one_of_the_page(
    index: Server, tmp_path: Path, name: str
) -> None:
    for wanted in ("", "1.0"):
        found = installers(index_at(index.url, "team/pypi"), "demo", wanted)
        folder = tmp_path / f"app-{wanted}"
        folder.mkdir()
        execute(folder, index, next(each for each in found if each.name == name), "")
        assert installed(folder)["demo"] == (wanted or "2.0")


@pytest.mark.parametrize("name", NAMES)
def test_the_commands_log_in(index: Server, tmp_path: Path, name: str) -> None:
    found = installers(index_at(index.url, "team/my-index"), "secret-x")
    execute(tmp_path, index, next(each for each in found if each.name == name), READER)
    assert installed(tmp_path)["secret-x"] == "1.0"
