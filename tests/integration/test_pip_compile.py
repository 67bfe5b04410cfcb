"""pip-compile with digests: it takes them from the JSON API next to the index URL, and downloads no file."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from clients.command import output, run
from clients.environments import UV, environment
from support import distributions
from support.access import PUBLISHER, READER
from support.server import Server, running


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    home = tmp_path_factory.mktemp("index")
    with running(home / "server", {"folder": {"path": str(home / "data")}}) as server:
        wheels = [
            distributions.wheel(home, "secret_needed", "1.0+local.1"),
            distributions.wheel(home, "secret_app", extra="Requires-Dist: Secret.Needed\n"),
            distributions.sdist(home, "secret_app"),
        ]
        variables = {"UV_PUBLISH_URL": f"{server.url}/legacy/", "UV_PUBLISH_TOKEN": PUBLISHER}
        done = run(UV, "publish", *wheels, cwd=home, variables=variables)
        assert done.returncode == 0, output(done)
        yield server


@pytest.mark.parametrize("ending", ["/simple/", "/simple", "/", ""])
def test_no_file_is_downloaded(index: Server, tmp_path: Path, ending: str) -> None:
    (tmp_path / "requirements.in").write_text("Secret_App\n")
    before = len(index.requests())
    command = (environment("pip-tools") / "bin/pip-compile", "--generate-hashes", "--cache-dir", tmp_path / "cache")
    options = ("--index-url", f"{index.url_of(READER)}{ending}", "--output-file", "requirements.txt")
    done = run(*command, *options, "requirements.in", cwd=tmp_path)
    assert done.returncode == 0, output(done)
    locked = (tmp_path / "requirements.txt").read_text()
    assert locked.count("--hash=sha256:") == 3
    fetched = [
        request
        for request, status in index.requests()[before:]
        if ("/files/" in request or "/packages/" in request) and status == 200
    ]
    assert [each for each in fetched if not each.endswith(".metadata")] == []
