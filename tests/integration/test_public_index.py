"""A real application is resolved and installed through an index as from the public index itself.

The public index is the one that pip of this machine is configured for; in `make matrix`. Without
one, the tests are skipped, and say so.
"""

import json
import os
import re
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import pytest
from distlib.index import DEFAULT_INDEX

from clients.command import output, run, succeed
from clients.environments import UV, program
from clients.installers import installed, new_environment
from support.fetching import fetch
from support.upstreams.mirroring import Index, index
from support.upstreams.pages import JSON

pytestmark = pytest.mark.matrix
APPLICATION = Path(__file__).parent / "distributions/application.in"
MIN_PACKAGES = 60


def configured() -> str:
    """Return the URL of the index that pip is configured for; "" for its default."""
    asked = subprocess.run(
        [program("pip"), "config", "get", "global.index-url"], capture_output=True, text=True, check=False
    )
    return os.environ.get("PIP_INDEX_URL", asked.stdout.strip())


def source() -> Mapping[str, str]:
    """Return this machine's own settings, with its index as the only source."""
    others = {"PIP_FIND_LINKS", "UV_FIND_LINKS"}
    variables = {name: value for name, value in os.environ.items() if name not in others}
    found = configured()
    return {**variables, "PIP_CONFIG_FILE": "", **({"UV_DEFAULT_INDEX": found} if found else {})}


def hosts(url: str) -> set[str]:
    """Return the hosts of an index and of the files on one of its pages, as a client of this machine sees them."""
    request = urllib.request.Request(f"{url}pip/", headers={"Accept": JSON})
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            page = json.load(answer)
    except OSError as error:
        pytest.skip(f"no public index can be reached from here: {error}")
    return {urlsplit(urljoin(url, each)).netloc for each in ("", *(file["url"] for file in page["files"]))}


def settings() -> dict[str, object]:
    """Return the settings of an index that mirrors it.

    All hosts are listed: on a machine behind a relay they may have private addresses.
    """
    own = configured().rstrip("/") + "/" if configured() else ""
    if urlsplit(own).username:
        pytest.skip("the configured index needs a login")
    found = hosts(own or f"{DEFAULT_INDEX.removesuffix('pypi')}simple/")
    upstream = {"name": "public", "url": own, "fileHosts": sorted(found)} if own else {"name": "public", "pypi": {}}
    return {"upstreams": [upstream], "egress": {"allowedHosts": ["pypi", *sorted(found)]}}


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
