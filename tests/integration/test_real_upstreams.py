"""Other products as upstreams of an index, and an index as the upstream of another; in `make matrix`.

Each mirrors an upstream of the tests, at the version of its lock file in `tests/bench/locks`.
"""

from collections.abc import Mapping
from pathlib import Path

import pytest

from clients.command import output, run
from clients.environments import UV
from clients.installers import INSTALLERS, installed
from support import distributions, real_mirrors
from support.access import PUBLISHER
from support.upstreams.mirroring import Index, index, mirror_settings
from support.upstreams.running import Upstream, upstream
from support.upstreams.stock import APP, NEEDED, TENSOR

pytestmark = pytest.mark.matrix
CHOSEN = {APP: "1.0", NEEDED: "1.0", TENSOR: "2.6.0+cu124"}
ESCAPES_TWICE = "simple-repository-server"
"""It asks its upstream for `%252B` where a page has `%2B`, so it has no files of local versions (T18)."""


def chosen_through(name: str) -> Mapping[str, str]:
    """Return the versions that can be had through a product."""
    return {each: CHOSEN[each] for each in CHOSEN if each != TENSOR or name != ESCAPES_TWICE}


def settings_of(url: str) -> dict[str, object]:
    """Return the settings of an index that mirrors a simple API."""
    host = url.partition("://")[2].partition("/")[0]
    return {"upstreams": [{"name": "real", "url": url}], "egress": {"allowedHosts": [host]}}


def check(running: Index, folder: Path, other: Upstream, chosen: Mapping[str, str] = CHOSEN) -> None:
    """Install with two clients through the index; no wheel is fetched twice from the end of the chain."""
    for client in ("pip", "uv"):
        target = folder / client
        target.mkdir()
        done = INSTALLERS[client](target, f"{running.server.url}/simple/", *chosen)
        assert done.returncode == 0, output(done)
        assert installed(target) == chosen
    files = [seen.line for seen in other.log if "/packages/" in seen.line and seen.line.endswith(".whl")]
    assert len(files) == len(set(files)), "one wheel was fetched twice"


@pytest.mark.parametrize("name", real_mirrors.BY_NAME)
def test_clients_install_through_an_index_and_another_product(tmp_path: Path, name: str) -> None:
    with (
        upstream("pypi") as other,
        real_mirrors.running(real_mirrors.BY_NAME[name], other.url, tmp_path / "product") as url,
        index(tmp_path / "index", settings_of(url)) as running,
    ):
        check(running, tmp_path, other, chosen_through(name))


def test_clients_install_through_two_indexes(tmp_path: Path) -> None:
    with (
        upstream("pypi") as other,
        index(tmp_path / "first", mirror_settings(tmp_path, other)) as first,
        index(tmp_path / "second", settings_of(f"{first.server.url}/simple/")) as second,
    ):
        check(second, tmp_path, other)


def test_an_index_mirrors_what_was_published_to_another(tmp_path: Path) -> None:
    with (
        index(tmp_path / "first", {}) as first,
        index(tmp_path / "second", settings_of(f"{first.server.url}/simple/")) as second,
    ):
        wheel = distributions.wheel(tmp_path, "published", "1.0+local", extra="Requires-Python: >=3.9\n")
        variables = {"UV_PUBLISH_URL": f"{first.server.url}/legacy/", "UV_PUBLISH_TOKEN": PUBLISHER}
        done = run(UV, "publish", wheel, cwd=tmp_path, variables=variables)
        assert done.returncode == 0, output(done)
        there, here = first.files("published")[wheel.name], second.files("published")[wheel.name]
        same = ("hashes", "size", "upload-time", "requires-python", "yanked", "core-metadata")
        assert [here[key] for key in same] == [there[key] for key in same]
        done = INSTALLERS["pip"](tmp_path, f"{second.server.url}/simple/", "published")
        assert done.returncode == 0, output(done)


@pytest.mark.parametrize("name", real_mirrors.BY_NAME)
def test_the_products_themselves_work(tmp_path: Path, name: str) -> None:
    """So that a failure of the tests above is one of the index."""
    with (
        upstream("pypi") as other,
        real_mirrors.running(real_mirrors.BY_NAME[name], other.url, tmp_path / "product") as url,
    ):
        done = INSTALLERS["uv"](tmp_path, url, *chosen_through(name))
    assert done.returncode == 0, output(done)
    assert installed(tmp_path) == chosen_through(name)
