"""A real application is resolved from Wheelyard as from where its packages came.

`distributions/application.in` is the application, `application.txt` its locked closure. The wheels
of the closure are fetched once and kept in the cache; the test publishes them. There it is resolved
without any constraint, and from the source with the lock file's versions as constraints: these are
the versions that the index has.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from hashlib import sha256
from pathlib import Path

import pytest

from clients.command import output, run, succeed
from clients.environments import UV, program
from clients.installers import new_environment
from cluster.paths import cache, locked
from support.access import PUBLISHER, USERS
from support.server import running
from wheelyard_server.access.access_file import AccessFile
from wheelyard_server.access.rules import Grant, Verb

LISTS = Path(__file__).parent / "distributions"
APPLICATION, LOCK = LISTS / "application.in", LISTS / "application.txt"
ALL = AccessFile(
    users=USERS, grants=(Grant(subjects=("anonymous", "user:ci.publisher"), packages=("*",), verbs=tuple(Verb)),)
)
FROM_LOCK = ("--constraint", LOCK)


@pytest.fixture(scope="module")
def wheels() -> Path:
    """Return a folder with the wheels of the application's closure for this Python."""
    key = sha256(sys.version.encode() + LOCK.read_bytes()).hexdigest()[:12]
    folder = cache() / "distributions" / f"application-{key}"
    download = ("download", "--quiet", "--only-binary", ":all:", "--no-deps", "--requirement", LOCK)
    with locked("application"):
        if not folder.is_dir():
            partial = folder.with_suffix(".partial")
            shutil.rmtree(partial, ignore_errors=True)
            subprocess.run([program("pip"), *download, "--dest", partial], check=True)
            partial.rename(folder)
    return folder


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory, wheels: Path) -> Iterator[str]:
    """Run a server that has these wheels, published as everybody publishes; give the URL to install from."""
    home = tmp_path_factory.mktemp("index")
    with running(home / "server", {"folder": {"path": str(home / "data")}}, ALL) as server:
        variables = {"UV_PUBLISH_URL": f"{server.url}/legacy/", "UV_PUBLISH_TOKEN": PUBLISHER}
        done = run(UV, "publish", *wheels.iterdir(), cwd=home, variables=variables)
        assert done.returncode == 0, output(done)
        yield f"{server.url}/simple/"


def source() -> Mapping[str, str]:
    """Return this machine's own settings of where packages come from, files and variables."""
    others = {"PIP_FIND_LINKS", "UV_FIND_LINKS"}
    variables = {name: value for name, value in os.environ.items() if name not in others}
    return {**variables, "PIP_CONFIG_FILE": "", "UV_NO_CONFIG": "false"}


def pip_report(folder: Path, variables: Mapping[str, str], *options: object) -> dict[str, str]:
    """Return the file that pip chooses for each project, with its digest."""
    dry_run = ("install", "--quiet", "--dry-run", "--ignore-installed", "--only-binary", ":all:", "--report", "-")
    pip = (program("pip"), "--python", new_environment(folder))
    report = json.loads(succeed(*pip, *dry_run, "-r", APPLICATION, *options, cwd=folder, variables=variables))
    files = (each["download_info"] for each in report["install"])
    return {file["url"].rpartition("/")[2]: file["archive_info"]["hashes"]["sha256"] for file in files}


def uv_compiled(folder: Path, variables: Mapping[str, str], *options: object) -> dict[str, set[str]]:
    """Return the version that uv chooses for each project, with the digests that the index has for it."""
    command = (UV, "pip", "compile", "--quiet", "--no-header", "--no-annotate", "--generate-hashes")
    text = succeed(*command, "--python", sys.executable, APPLICATION, *options, cwd=folder, variables=variables)
    pins = re.findall(r"^(\S+==\S+)((?: \\\n    --hash=\S+)+)", text, re.MULTILINE)
    return {pin: set(re.findall(r"sha256:(\w+)", hashes)) for pin, hashes in pins}


def test_pip_chooses_the_same_files(index: str, tmp_path: Path, wheels: Path) -> None:
    here = pip_report(tmp_path, {"PIP_INDEX_URL": index})
    there = pip_report(tmp_path, source(), *FROM_LOCK)
    assert here == there
    assert len(here) >= 60
    assert {name.replace("%2B", "+") for name in here} <= {wheel.name for wheel in wheels.iterdir()}


def test_uv_chooses_the_same_versions_with_the_same_digests(index: str, tmp_path: Path) -> None:
    here = uv_compiled(tmp_path, {"UV_DEFAULT_INDEX": index})
    there = uv_compiled(tmp_path, source(), *FROM_LOCK, "--only-binary", ":all:")
    assert here.keys() == there.keys()
    assert len(here) >= 60
    for pin, digests in here.items():
        assert len(digests) == 1, pin
        assert digests <= there[pin], pin
