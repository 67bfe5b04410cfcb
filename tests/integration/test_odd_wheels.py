"""What an index takes although it breaks a rule, pip and uv install: of each rule, one wheel.

The wheels come over HTTP from a server without ranges, so that uv reads them while they arrive.
"""

import functools
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from clients.command import output
from clients.installers import Install, installed, pip, uv
from support.inspecting import WHEEL
from support.odd_distributions import CASES
from wheelyard_server.catalog.inspection.findings import Rule

RULES = [rule for rule, (filename, _) in CASES.items() if filename == WHEEL]


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Serve a folder for each rule."""
    home = tmp_path_factory.mktemp("wheels")
    for rule in RULES:
        (home / rule).mkdir()
        (home / rule / WHEEL).write_bytes(CASES[rule][1])
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(home))) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("install", [uv, pytest.param(pip, marks=pytest.mark.matrix)], ids=["uv", "pip"])
@pytest.mark.parametrize("rule", RULES)
def test_files_with_findings_are_installed(url: str, tmp_path: Path, install: Install, rule: Rule) -> None:
    done = install(tmp_path, f"{url}/none/", "--no-deps", f"{url}/{rule}/{WHEEL}")
    assert done.returncode == 0, output(done)
    assert installed(tmp_path)["demo"] == "1.0"
