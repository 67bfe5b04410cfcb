"""A real application is resolved and installed through an index as from the public index itself.

The public index is the one that pip of this machine is configured for; in `make matrix`. Without
one, the tests are skipped, and say so.
"""

import os
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from clients.command import output, run, succeed
from clients.environments import UV, program
from clients.installers import installed, new_environment
from support.configured_index import Unreachable, configured, configured_index
from support.fetching import fetch
from support.upstreams.mirroring import Index, index
from support.upstreams.pages import JSON

pytestmark = pytest.mark.matrix
APPLICATION = Path(__file__).parent / "distributions/application.in"
MIN_PACKAGES = 60


def source() -> Mapping[str, str]:
    """Return this machine's own settings, with its index as the only source."""
    others = {"PIP_FIND_LINKS", "UV_FIND_LINKS"}
    variables = {name: value for name, value in os.environ.items() if name not in others}
    found = configured()
    return {**variables, "PIP_CONFIG_FILE": "", **({"UV_DEFAULT_INDEX": found} if found else {})}


def settings() -> dict[str, object]:
    """Return the settings of an index that mirrors it."""
    try:
        found = configured_index()
    except Unreachable as reason:
        pytest.skip(str(reason))
    return {"upstreams": [found.upstream], "egress": {"allowedHosts": ["pypi", *found.hosts]}}


@pytest.fixture(scope="module")
def mirror(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Index]:
    home = tmp_path_factory.mktemp("mirror")
    with index(home, settings()) as running:
        answer = running.page("pip")
        assert answer.status == 200, answer.body.decode()
        yield running


def compiled(folder: Path, variables: Mapping[str, str]) -> str:
    """Return what `uv pip compile` writes for the application, digests included."""
    command = (UV, "pip", "compile", "--quiet", "--no-header", "--no-annotate", "--no-emit-index-url")
    options = ("--generate-hashes", "--python", sys.executable, "--cache-dir", folder / "cache")
    return succeed(*command, *options, APPLICATION, cwd=folder, variables=variables)


def test_it_is_resolved_and_installed_as_directly(mirror: Index, tmp_path: Path) -> None:
    """T41: the same versions with the same digests, and the same packages from them."""
    url = f"{mirror.server.url}/simple/"
    there, here = tmp_path / "there", tmp_path / "here"
    for folder in (there, here):
        folder.mkdir()
    direct = compiled(there, source())
    through = compiled(here, {"UV_DEFAULT_INDEX": url})
    assert through == direct
    pins = dict(re.findall(r"^(\S+)==([^\s;]+)", through, re.MULTILINE))
    assert len(pins) >= MIN_PACKAGES
    (here / "requirements.txt").write_text(through)
    pip = (program("pip"), "--python", new_environment(here), "install", "--only-binary", ":all:")
    done = run(*pip, "--require-hashes", "-r", "requirements.txt", cwd=here, variables={"PIP_INDEX_URL": url})
    assert done.returncode == 0, output(done)[-2000:]
    assert {name.lower(): version for name, version in installed(here).items()}.items() >= {
        name.lower(): version for name, version in pins.items() if ";" not in name
    }.items()


def test_its_files_have_all_fields(mirror: Index) -> None:
    """T43: as the public index has them."""
    files = mirror.files("pip")
    assert len(files) > 100
    wheel = files["pip-26.2-py3-none-any.whl"] if "pip-26.2-py3-none-any.whl" in files else files[list(files)[-1]]
    assert wheel["hashes"]["sha256"]
    url = mirror.url("pip", wheel["filename"])
    assert fetch(f"{mirror.server.url}/simple/pip/", Accept=JSON).status == 200
    assert url.startswith(f"{mirror.server.url}/mirror/public/")
