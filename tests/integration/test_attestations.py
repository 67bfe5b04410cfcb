"""Uploads with attestations are verified by `pypi-attestations`, the library behind every verifier.

The files and their attestations are the library's own, signed on GitHub Actions, gitlab.com and
CircleCI.
"""

import shutil
import subprocess
import sys
import tarfile
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from clients.command import output, run, succeed
from clients.environments import LOCKS, TWINE, environment
from cluster.paths import cache, locked
from support.access import ACCESS, OWNER
from support.server import Server, running
from wheelyard_server.access.rules import Grant, Verb

UNEARTH = Path(sys.executable).parent / "unearth"
VERIFY = Path(__file__).parents[1] / "clients/verify_provenance.py"
PUBLISH = "https://docs.pypi.org/attestations/publish/v1"
BUILD = "https://slsa.dev/provenance/v1"
ON_GITHUB = "pypi_attestations-0.0.19.tar.gz"
FILES = {
    ON_GITHUB: ("pypi-attestations", "0.0.19", "GitHub"),
    "gitlab_oidc_project-0.0.3.tar.gz": ("gitlab-oidc-project", "0.0.3", "GitLab"),
    "circleci_sign_publish_example-0.0.1.dev137-py3-none-any.whl": (
        "circleci-sign-publish-example",
        "0.0.1.dev137",
        "CircleCI",
    ),
}


@pytest.fixture(scope="module")
def assets() -> Path:
    """Return the folder of the library's own test files: they are in its sdist."""
    (line,) = (
        line.partition(" ")[0]
        for line in (LOCKS / "pypi-attestations.txt").read_text().splitlines()
        if line.startswith("pypi-attestations==")
    )
    folder = cache() / "distributions" / line.replace("==", "-")
    with locked("pypi-attestations"):
        if not folder.is_dir():
            partial = folder.with_suffix(".partial")
            shutil.rmtree(partial, ignore_errors=True)
            subprocess.run([UNEARTH, "--no-binary", "--download", partial, line], check=True)
            (sdist,) = partial.glob("*.tar.gz")
            with tarfile.open(sdist) as archive:
                archive.extractall(partial, filter="data")
            partial.rename(folder)
    (found,) = folder.glob("*/test/assets")
    return found


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    home = tmp_path_factory.mktemp("index")
    everything = Grant(subjects=("group:owners",), packages=("*",), verbs=tuple(Verb))
    access = msgspec.structs.replace(
        ACCESS, grants=(everything, Grant(subjects=("anonymous",), verbs=(Verb.READ,)))
    )
    with running(home / "server", {"folder": {"path": str(home / "data")}}, access=access) as server:
        yield server


def upload(index: Server, path: Path, *attestations: Path) -> None:
    variables = {"TWINE_USERNAME": "__token__", "TWINE_PASSWORD": OWNER}
    command = (TWINE, "upload", "--attestations", "--repository-url", f"{index.url}/legacy/")
    done = run(*command, path, *attestations, cwd=path.parent, variables=variables)
    assert done.returncode == 0, output(done)


def verified(index: Server, filename: str, file: Path, folder: Path) -> list[str]:
    project, version, _ = FILES[filename]
    provenance = folder / "provenance.json"
    url = f"{index.url}/integrity/{project}/{version}/{filename}/provenance"
    with urllib.request.urlopen(url) as answer:
        provenance.write_bytes(answer.read())
    python = environment("pypi-attestations") / "bin/python"
    return succeed(python, VERIFY, provenance, file, cwd=folder).splitlines()


@pytest.mark.parametrize("filename", FILES)
def test_a_verifier_verifies_what_the_index_serves(
    index: Server, assets: Path, filename: str, tmp_path: Path
) -> None:
    file, attestation = (
        Path(shutil.copy(assets / name, tmp_path)) for name in (filename, f"{filename}.publish.attestation")
    )
    upload(index, file, attestation)
    assert verified(index, filename, file, tmp_path) == [f"{FILES[filename][2]} {PUBLISH}"]


def test_attestations_of_a_later_upload_are_added_once(index: Server, assets: Path, tmp_path: Path) -> None:
    names = (ON_GITHUB, f"{ON_GITHUB}.publish.attestation", f"{ON_GITHUB}.slsa.attestation")
    file, published, built = (Path(shutil.copy(assets / name, tmp_path)) for name in names)
    upload(index, file, published)
    for _ in range(2):
        upload(index, file, built)
        assert verified(index, ON_GITHUB, file, tmp_path) == [f"GitHub {PUBLISH}", f"GitHub {BUILD}"]
