"""All clients against the eight kinds of upstreams: directly, and through an index that mirrors them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from clients.command import output
from clients.installers import INSTALLERS, Install, installed
from support.upstreams.kinds import KINDS
from support.upstreams.running import Upstream, upstream
from support.upstreams.stock import APP, NEEDED, TENSOR

kinds = pytest.mark.parametrize("other", KINDS, indirect=True)


@pytest.fixture
def other(request: pytest.FixtureRequest) -> Iterator[Upstream]:
    """Run an upstream of one kind."""
    with upstream(request.param) as running:
        yield running


def check_installed(folder: Path) -> None:
    """Check that the newest versions that this Python takes are there, and none that is yanked."""
    assert installed(folder) == {APP: "1.0", NEEDED: "1.0", TENSOR: "2.6.0+cu124"}


@kinds
@pytest.mark.parametrize("client", ["pip", "uv"])
def test_clients_install_from_an_upstream_directly(other: Upstream, tmp_path: Path, client: str) -> None:
    """So that what fails through an index is no fault of the upstreams that the tests make."""
    install: Install = INSTALLERS[client]
    pinned = [] if other.kind.has_yanks else [f"{NEEDED}==1.0"]
    done = install(tmp_path, other.login_url, APP, TENSOR, *pinned)
    assert done.returncode == 0, output(done)
    check_installed(tmp_path)
