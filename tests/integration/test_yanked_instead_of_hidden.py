"""The reason of ADR 47: clients fail if a refused file is listed as yanked, and succeed if it is hidden.

The index is one of the tests', since Wheelyard hides. If one of these tests fails, a client has
learned to pass over a yanked file that it cannot download: the decision can be made again.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from clients.command import Done, output, run
from clients.environments import UV
from clients.installers import INSTALLERS, Install, installed, new_environment, uv_project
from support.upstreams.faults import refuses
from support.upstreams.running import Upstream, upstream
from support.upstreams.stock import Stock

SENTENCE = "demo 2.0 waits until 2026-12-05"
YANKED, HIDDEN = "yanked", "hidden"


@pytest.fixture
def public() -> Iterator[Upstream]:
    """Run an index whose `demo` 2.0 is refused; app 2.0 needs exactly that one, app 1.0 any."""
    with upstream("pypi", Stock()) as running:
        running.stock.wheel("demo", "1.0")
        running.stock.wheel("demo", "2.0")
        running.stock.wheel("app", "1.0", requires=("demo>=1",))
        running.stock.wheel("app", "2.0", requires=("demo==2.0",))
        yield running


def refuse(public: Upstream, way: str) -> None:
    filename = "demo-2.0-py3-none-any.whl"
    if way == YANKED:
        public.stock.change("demo", filename, yanked=SENTENCE)
    else:
        public.stock.change("demo", filename, is_listed=False)
    public.fail(refuses(403), f"GET /.*{filename}")


@pytest.mark.parametrize("client", ["pip", "poetry", "pdm"])
def test_a_pin_of_a_dependency_breaks_an_install_without_pins(
    public: Upstream, tmp_path: Path, client: str
) -> None:
    install: Install = INSTALLERS[client]
    refuse(public, HIDDEN)
    hidden, listed = tmp_path / "hidden", tmp_path / "listed"
    hidden.mkdir()
    listed.mkdir()
    assert install(hidden, public.url, "app").returncode == 0
    assert installed(hidden) == {"app": "1.0", "demo": "1.0"}
    public.stock.change("demo", "demo-2.0-py3-none-any.whl", is_listed=True)
    refuse(public, YANKED)
    failed = install(listed, public.url, "app")
    assert failed.returncode != 0
    assert "403" in output(failed)


def test_pip_takes_no_prerelease_next_to_a_yanked_file(public: Upstream, tmp_path: Path) -> None:
    public.stock.wheel("beta", "1.0rc1")
    public.stock.wheel("beta", "2.0", yanked=SENTENCE)
    failed = INSTALLERS["pip"](tmp_path, public.url, "beta")
    assert "Ignored the following yanked versions: 2.0" in output(failed)
    assert failed.returncode != 0
    public.stock.remove_file("beta", "beta-2.0-py3-none-any.whl")
    assert INSTALLERS["pip"](tmp_path, public.url, "beta").returncode == 0
    assert installed(tmp_path) == {"beta": "1.0rc1"}


@pytest.mark.parametrize(("way", "succeeds"), [(HIDDEN, True), (YANKED, False)])
def test_uv_keeps_a_yanked_version_that_is_in_its_lock(
    public: Upstream, tmp_path: Path, way: str, *, succeeds: bool
) -> None:
    made, clone = tmp_path / "made", tmp_path / "clone"
    made.mkdir()
    clone.mkdir()
    assert uv_project(made, public.url, "demo").returncode == 0
    assert installed(made) == {"demo": "2.0"}
    for name in ("pyproject.toml", "uv.lock"):
        (clone / name).write_bytes((made / name).read_bytes())
    refuse(public, way)
    done = added(clone)
    assert (done.returncode == 0) == succeeds, output(done)


def added(folder: Path) -> Done:
    """Add another package, so that uv resolves again."""
    new_environment(folder)
    return run(UV, "add", "app", cwd=folder, variables={"UV_NO_CONFIG": "false"})
