"""Every client installs from the index as its only one. `docs/clients.md` has the observations.

All share one server. On it, open-needed has 1.0, 1.1, which is yanked, and 1.2 for a Python that is
not there yet.
"""

import re
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from clients.command import output, run
from clients.environments import UV, program
from clients.installers import INSTALLERS, Install, installed, new_environment, pdm_sync, poetry_sync, uv_sync
from clients.matrix import with_clients
from support import distributions
from support.access import OWNER, PUBLISHER, READER
from support.command_line import wheelyard
from support.server import Server, running

every_client = pytest.mark.parametrize("install", INSTALLERS.values(), ids=INSTALLERS.keys())
clients = with_clients("install", INSTALLERS)
# pipenv takes its time, and resolves and installs with pip's code.
clients_but_pipenv = with_clients("install", INSTALLERS, [name for name in INSTALLERS if name != "pipenv"])
Requests = Callable[[str], int]


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Run one server for all tests of this file."""
    home = tmp_path_factory.mktemp("index")
    with running(home / "server", {"folder": {"path": str(home / "data")}}) as server:
        _publish(server, home)
        yield server


def _publish(server: Server, folder: Path) -> None:
    wheels = (
        distributions.wheel(folder, "open_needed"),
        distributions.wheel(folder, "open_needed", "1.1"),
        distributions.wheel(folder, "open_needed", "1.2", extra="Requires-Python: >=3.99\n"),
        distributions.wheel(folder, "open_app", extra="Requires-Dist: open-needed>=1\nRequires-Python: >=3.9\n"),
        distributions.wheel(folder, "secret_a", extra="Requires-Python: >=3.9\n"),
    )
    variables = {"UV_PUBLISH_URL": f"{server.url}/legacy/", "UV_PUBLISH_TOKEN": PUBLISHER}
    done = run(UV, "publish", *wheels, cwd=folder, variables=variables)
    assert done.returncode == 0, output(done)
    yank = ("yank", "open-needed", "1.1", "--reason", "loses data")
    assert wheelyard(*yank, "--index-url", f"{server.url_of(OWNER)}/simple/").returncode == 0


@pytest.fixture
def requests(index: Server) -> Requests:
    """Count the requests since the start of the test that begin like this and are answered with success."""
    before = index.requests()

    def count(pattern: str) -> int:
        new = index.requests()[len(before) :]
        return sum(status < 300 and bool(re.fullmatch(pattern, request)) for request, status in new)

    return count


def digest(index: Server) -> str:
    """Return the sha256 of open-needed 1.0, as the index gives it."""
    with urllib.request.urlopen(f"{index.url}/simple/open-needed/") as page:
        found = re.search(r"open_needed-1\.0-py3-none-any\.whl#sha256=(\w{64})", page.read().decode())
    assert found
    return found[1]


# To pip and pdm the project is just not there.
_SAYS_WHY = {"uv": "401 Unauthorized", "uv_project": "401 Unauthorized", "poetry": "Authorization error"}


@every_client
def test_dependencies_are_chosen_by_metadata_before_any_wheel_is_fetched(
    index: Server, tmp_path: Path, install: Install, requests: Requests
) -> None:
    done = install(tmp_path, f"{index.url}/simple/", "open-app")
    assert done.returncode == 0, output(done)
    versions = installed(tmp_path)
    assert {name: versions[name] for name in ("open-app", "open-needed")} == {
        "open-app": "1.0",
        "open-needed": "1.0",
    }
    assert requests(r"GET /files/open-app/\S+\.whl\.metadata") >= 1
    assert requests(r"GET /files/open-app/\S+-1\.0-\S+\.whl") == 1
    assert requests(r"GET /files/open-needed/\S+-1\.0-\S+\.whl") == 1
    assert requests(r"GET /files/\S+-1\.[12]-\S+\.whl") == 0


@clients
def test_a_login_in_the_url_opens_what_anonymous_cannot_see(
    index: Server, tmp_path: Path, install: Install
) -> None:
    done = install(tmp_path, f"{index.url_of(READER)}/simple/", "secret-a", "open-app")
    assert done.returncode == 0, output(done)
    assert installed(tmp_path)["secret-a"] == "1.0"


@clients_but_pipenv
def test_a_login_in_netrc_opens_what_anonymous_cannot_see(index: Server, tmp_path: Path, install: Install) -> None:
    netrc = tmp_path / ".netrc"
    netrc.write_text(f"machine 127.0.0.1 login __token__ password {READER}\n")
    netrc.chmod(0o600)
    done = install(tmp_path, f"{index.url}/simple/", "secret-a")
    assert done.returncode == 0, output(done)
    assert installed(tmp_path)["secret-a"] == "1.0"


@clients_but_pipenv
def test_without_a_login_nothing_is_installed(index: Server, tmp_path: Path, install: Install) -> None:
    done = install(tmp_path, f"{index.url}/simple/", "secret-a")
    assert done.returncode != 0
    assert "secret-a" in output(done)
    assert _SAYS_WHY.get(install.__name__, "") in output(done)


@clients_but_pipenv
def test_a_yanked_version_is_installed_only_if_pinned(index: Server, tmp_path: Path, install: Install) -> None:
    done = install(tmp_path, f"{index.url}/simple/", "open-needed==1.1")
    assert done.returncode == 0, output(done)
    assert installed(tmp_path)["open-needed"] == "1.1"
    if install.__name__ in {"pip", "uv", "poetry"}:
        assert "loses data" in output(done)


@pytest.mark.parametrize("install", [INSTALLERS["pip"], INSTALLERS["uv"]], ids=["pip", "uv"])
def test_required_hashes_are_those_of_the_files(index: Server, tmp_path: Path, install: Install) -> None:
    sha256 = digest(index)
    requirements = tmp_path / "requirements.txt"
    arguments = ("--require-hashes", "--requirement", str(requirements))
    requirements.write_text(f"open-needed==1.0 --hash=sha256:{'0' * 64}\n")
    refused = install(tmp_path, f"{index.url}/simple/", *arguments)
    assert refused.returncode != 0
    assert sha256 in output(refused)
    requirements.write_text(f"open-needed==1.0 --hash=sha256:{sha256}\n")
    done = install(tmp_path, f"{index.url}/simple/", *arguments)
    assert done.returncode == 0, output(done)


@pytest.mark.parametrize(
    ("name", "lock", "sync"),
    [
        ("uv_project", "uv.lock", uv_sync),
        ("poetry", "poetry.lock", poetry_sync),
        ("pdm", "pdm.lock", pdm_sync),
    ],
)
def test_a_lock_file_holds_the_hashes_that_are_served(
    index: Server, tmp_path: Path, name: str, lock: str, sync: Install
) -> None:
    folder = tmp_path / "first"
    folder.mkdir()
    assert INSTALLERS[name](folder, f"{index.url}/simple/", "open-needed==1.0").returncode == 0
    sha256 = digest(index)
    assert f"sha256:{sha256}" in (folder / lock).read_text()
    # Elsewhere, from the lock file alone: with another digest in it, the index's file is not taken.
    for number, changed in enumerate((sha256, "0" * 64)):
        other = tmp_path / str(number)
        other.mkdir()
        for file in ("pyproject.toml", lock):
            (other / file).write_text((folder / file).read_text().replace(sha256, changed))
        new_environment(other)
        assert (sync(other).returncode == 0) == (changed == sha256)


@pytest.mark.parametrize("client", ["pip", "uv"])
def test_resolving_fetches_no_wheel(index: Server, tmp_path: Path, client: str, requests: Requests) -> None:
    (tmp_path / "requirements.in").write_text("open-app\n")
    commands = {
        "pip": (program("pip"), "install", "--dry-run", "--ignore-installed", "--requirement", "requirements.in"),
        "uv": (UV, "pip", "compile", "requirements.in"),
    }
    variables = {"PIP_INDEX_URL": f"{index.url}/simple/", "UV_DEFAULT_INDEX": f"{index.url}/simple/"}
    done = run(*commands[client], cwd=tmp_path, variables=variables)
    assert done.returncode == 0, output(done)
    assert "open-needed" in output(done)
    assert requests(r"GET /files/\S+\.whl\.metadata") == 2
    assert requests(r"GET /files/\S+\.whl") == 0
