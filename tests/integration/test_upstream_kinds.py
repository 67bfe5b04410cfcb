"""All clients against the eight kinds of upstreams: directly, and through an index that mirrors them.

pip and uv go through all kinds in `make integration`, the other clients in `make matrix`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from clients.command import output
from clients.installers import INSTALLERS, LOCKERS, Install, installed
from clients.matrix import with_clients
from support.fetching import fetch
from support.patience import wait_until
from support.upstreams.faults import Fault
from support.upstreams.kinds import KINDS
from support.upstreams.mirroring import Index, index, mirror_settings
from support.upstreams.running import Upstream, upstream
from support.upstreams.stock import APP, NEEDED, TENSOR

CLIENTS = {**INSTALLERS, **LOCKERS}
CHOSEN = {APP: "1.0", NEEDED: "1.0", TENSOR: "2.6.0+cu124"}
"""The newest versions that this Python takes, and none that is yanked."""


@dataclass(frozen=True)
class Mirrored:
    """An upstream, and an index that mirrors it and nothing else."""

    other: Upstream
    index: Index

    @property
    def url(self) -> str:
        return f"{self.index.server.url}/simple/"

    @property
    def wanted(self) -> list[str]:
        """Return the requirements of `CHOSEN`: a page without yanks leaves out only what is pinned out."""
        return [APP, TENSOR, *([] if self.other.kind.has_yanks else [f"{NEEDED}==1.0"])]


@pytest.fixture(scope="module", params=KINDS)
def of_kind(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mirrored]:
    """Run an upstream of each kind, and an index with it as its only one."""
    home = tmp_path_factory.mktemp(request.param)
    with upstream(request.param) as other, index(home, mirror_settings(home, other)) as running:
        yield Mirrored(other, running)


@pytest.fixture
def mirrored(of_kind: Mirrored) -> Iterator[Mirrored]:
    """Return both, and heal the upstream afterwards."""
    yield of_kind
    of_kind.other.heal()
    # An upstream that did not answer is asked again after some seconds.
    wait_until(lambda: of_kind.index.page("public-absent").status == 404)


@pytest.mark.matrix
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("client", ["pip", "uv"])
def test_clients_install_from_an_upstream_directly(kind: str, tmp_path: Path, client: str) -> None:
    """So that what fails through an index is no fault of the upstreams that the tests make."""
    with upstream(kind) as other:
        pinned = [] if other.kind.has_yanks else [f"{NEEDED}==1.0"]
        done = INSTALLERS[client](tmp_path, other.login_url, APP, TENSOR, *pinned)
    assert done.returncode == 0, output(done)
    assert installed(tmp_path) == CHOSEN


@with_clients("install", CLIENTS)
def test_clients_install_and_again_without_the_upstream(
    mirrored: Mirrored, tmp_path: Path, install: Install
) -> None:
    """T18 to T21: local versions, other hosts, relative URLs, odd content types.

    T2, T8 and U12: an outage is no absence, and all that was installed once is there.
    """
    for folder in (tmp_path / "once", tmp_path / "again"):
        folder.mkdir()
        done = install(folder, mirrored.url, *mirrored.wanted)
        assert done.returncode == 0, output(done)[-2000:]
        assert {name: version for name, version in installed(folder).items() if name in CHOSEN} == CHOSEN
        mirrored.other.fail(Fault(closes=True))


def test_kept_files_have_all_that_pypi_says_of_its_own(mirrored: Mirrored) -> None:
    """T12, T17, T41 and T43: digests, sizes, times and metadata, also if the upstream has none of them.

    T18 and T20: a URL is a prefix and the upstream's path, byte for byte, so that a lock can be
    mapped back.
    """
    prefix = f"{mirrored.index.server.url}/mirror/{mirrored.other.kind.name}"
    for project, version in CHOSEN.items():
        wheel = f"{project.replace('-', '_')}-{version}-py3-none-any.whl"
        made = mirrored.other.stock.projects[project].file(wheel)
        url = mirrored.index.url(project, wheel)
        assert fetch(url).body == made.body
        assert url.removeprefix(prefix) in {seen.request.raw_path for seen in mirrored.other.log}
        wait_until(lambda: "core-metadata" in mirrored.index.files(project)[wheel])  # noqa: B023 - called at once
        file = mirrored.index.files(project)[wheel]
        assert file["hashes"] == {"sha256": made.sha256}
        assert file["size"] == len(made.body)
        assert file["core-metadata"] == {"sha256": made.metadata_sha256}
        assert fetch(f"{url}.metadata").body == made.metadata
        assert file["upload-time"]
        assert file["requires-python"] == made.requires_python
        assert mirrored.index.page(project).json()["meta"]["api-version"] == "1.4"


def test_the_index_says_of_absent_names_what_it_says_of_its_own(mirrored: Mirrored) -> None:
    """T27 and T28: each upstream's way of saying no is a 404 here."""
    answer = mirrored.index.page("public-absent")
    assert answer.status == 404
    assert mirrored.other.pages("public-absent")
