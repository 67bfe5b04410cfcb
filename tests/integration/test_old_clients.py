"""Clients as old as distutils, and passwords that are not ASCII, which each client sends in its own encoding."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import msgspec
import pytest

from clients.command import Done, output, run
from clients.environments import TWINE, UV, environment
from clients.installers import pip, uv
from support import distributions
from support.access import ACCESS, PUBLISHER
from support.server import Server, running
from wheelyard_operator.passwords import hashed
from wheelyard_server.access.access_file import Password

USER, WORD = "ci.publisher", "d\u00fcnn \u00a3 caf\u00e9"


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    home = tmp_path_factory.mktemp("index")
    passwords = (Password(hash=hashed(WORD).hash),)
    users = tuple(
        msgspec.structs.replace(user, passwords=passwords) if user.name == USER else user for user in ACCESS.users
    )
    access = msgspec.structs.replace(ACCESS, users=users)
    with running(home / "server", {"folder": {"path": str(home / "data")}}, access) as server:
        yield server


@pytest.fixture
def project(tmp_path: Path, index: Server) -> Path:
    """Write a project for distutils, and its login."""
    (tmp_path / "setup.py").write_text(
        # As Python's own distutils reports it; that of setuptools leaves it to its caller.
        "import logging\nlogging.basicConfig(level=logging.INFO)\n"
        "from distutils.core import setup\n"
        "setup(name='secret-old', version='1.0', description='d', author='a', author_email='a@b', url='http://c',"
        " py_modules=['old'])\n"
    )
    (tmp_path / "old.py").touch()
    (tmp_path / ".pypirc").write_text(
        f"[distutils]\nindex-servers = private\n"
        f"[private]\nrepository = {index.url}/legacy/\nusername = __token__\npassword = {PUBLISHER}\n"
    )
    return tmp_path


def setup(project: Path, *commands: str) -> Done:
    return run(environment("distutils") / "bin/python", "setup.py", *commands, cwd=project)


def test_setup_py_uploads(index: Server, project: Path) -> None:
    done = setup(project, "sdist", "upload", "-r", "private")
    assert done.returncode == 0, output(done)
    assert index.statuses("POST /legacy/")[-1] == 200


def test_setup_py_register_is_refused_with_advice(index: Server, project: Path) -> None:
    done = setup(project, "register", "-r", "private")
    assert done.returncode == 0, output(done)
    assert "Server response (410): Registration is not needed: the first upload creates the project" in output(done)
    assert index.statuses("POST /legacy/")[-2:] == [401, 410]


def test_twine_register_is_refused_with_advice(index: Server, tmp_path: Path) -> None:
    wheel = distributions.wheel(tmp_path)
    login = ("-u", "__token__", "-p", PUBLISHER, "--repository-url", f"{index.url}/legacy/")
    done = run(TWINE, "register", "--non-interactive", *login, wheel, cwd=tmp_path)
    assert done.returncode != 0
    assert "Registration is not needed" in output(done)


def test_passwords_that_are_not_ascii(index: Server, tmp_path: Path) -> None:
    wheels = [distributions.wheel(tmp_path, f"secret_{name}") for name in ("twine", "uv")]
    login = {"TWINE_USERNAME": USER, "TWINE_PASSWORD": WORD, "TWINE_REPOSITORY_URL": f"{index.url}/legacy/"}
    upload = (TWINE, "upload", "--non-interactive", "--disable-progress-bar")
    published = [
        run(*upload, wheels[0], cwd=tmp_path, variables=login),
        run(
            *(UV, "publish", wheels[1]),
            cwd=tmp_path,
            variables={
                "UV_PUBLISH_URL": f"{index.url}/legacy/",
                "UV_PUBLISH_USERNAME": USER,
                "UV_PUBLISH_PASSWORD": WORD,
            },
        ),
    ]
    url = index.url.replace("http://", f"http://{USER}:{quote(WORD)}@")
    for name, install in (("pip", pip), ("uv", uv)):
        folder = tmp_path / name
        folder.mkdir()
        published.append(install(folder, f"{url}/simple/", "secret-twine", "secret-uv"))
    for done in published:
        assert done.returncode == 0, output(done)
