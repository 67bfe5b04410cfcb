"""What people see of a refusal: the index's own sentence, in what pip and uv print.

`test_publishing.py` has all clients that publish.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from clients.command import Done, output, run
from clients.environments import UV
from clients.installers import Install, pip, uv
from support import distributions
from support.access import PUBLISHER, READER
from support.server import Server, running


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Run a server."""
    home = tmp_path_factory.mktemp("index")
    with running(home / "server", {"folder": {"path": str(home / "data")}}) as server:
        yield server


def publish(index: Server, token: str, path: Path) -> Done:
    variables = {"UV_PUBLISH_URL": f"{index.url}/legacy/", "UV_PUBLISH_TOKEN": token}
    return run(UV, "publish", path, cwd=path.parent, variables=variables)


@pytest.mark.parametrize(
    ("token", "project", "said"),
    [
        ("wy_wrong", "demo", "401 Unauthorized. Server message: Unauthorized, Not a valid token"),
        (
            READER,
            "demo",
            "403 Forbidden. Server message: Forbidden, The user web.reader has no permission to publish",
        ),
        (
            PUBLISHER,
            "other",
            "403 Forbidden. Server message: Forbidden, The user ci.publisher has no permission to",
        ),
    ],
)
def test_uv_shows_the_details_of_a_problem(
    index: Server, tmp_path: Path, token: str, project: str, said: str
) -> None:
    # It reads them only from exactly application/problem+json.
    refused = publish(index, token, distributions.wheel(tmp_path, project))
    assert refused.returncode != 0
    assert said in output(refused)


@pytest.mark.parametrize("install", [pip, uv])
def test_pip_and_uv_show_the_reason_phrase(index: Server, tmp_path: Path, install: Install) -> None:
    url = f"{index.url}/files/secret-a/{'0' * 64}/secret_a-1.0-py3-none-any.whl"
    refused = install(tmp_path, f"{index.url}/simple/", f"secret-a @ {url}")
    assert refused.returncode != 0
    assert "Log in to read the project secret-a" in output(refused)
