"""An index that nginx serves below a path of its host: by a setting, and by what a trusted proxy says."""

import json
import re
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from clients.command import output, run
from clients.environments import UV
from clients.installers import Install, installed, pip, uv
from cluster.versitygw import free_port
from support import distributions
from support import server as real_server
from support.access import PUBLISHER
from support.patience import HANG_SECONDS
from support.real_proxies import nginx
from support.server import Server

SETTING, HEADER = "/team/pypi", "/other"
_LOCATIONS = f"""
location {SETTING}/ {{{{ proxy_pass {{index}}/; }}}}
location {HEADER}/ {{{{
    proxy_pass {{index}}/;
    proxy_set_header Host $http_host;
    proxy_set_header X-Forwarded-Prefix {HEADER};
}}}}
"""


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    home = tmp_path_factory.mktemp("index")
    names = ("cluster", "external", "metrics")
    listeners = {name: {"host": "127.0.0.1", "port": free_port()} for name in names}
    more = {"listeners": {**listeners, "cluster": {**listeners["cluster"], "path": SETTING}}}
    more["listeners"]["cluster"]["trustedProxies"] = ["127.0.0.0/8"]
    server = real_server.start(home / "server", {"folder": {"path": str(home / "data")}}, more=more)
    yield server
    assert server.stop() == 0


@pytest.fixture(scope="module", params=[SETTING, HEADER], ids=["setting", "header"])
def below(request: pytest.FixtureRequest, index: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Run nginx, and return the URL of the index there."""
    with nginx(tmp_path_factory.mktemp("proxy") / "home", _LOCATIONS.format(index=index.url)) as url:
        yield f"{url}{request.param}"


def get(url: str) -> tuple[str, str]:
    """Return where redirects end, and the text that is there."""
    with urllib.request.urlopen(url, timeout=HANG_SECONDS) as answer:
        return answer.url, answer.read().decode()


@pytest.fixture(scope="module")
def published(below: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Publish a wheel by the command that the welcome page shows."""
    wheel = distributions.wheel(tmp_path_factory.mktemp("wheel"), "open_below")
    _, welcome = get(f"{below}/")
    (url,) = re.findall("--publish-url ([^ ]*)", welcome)
    assert url == f"{below}/legacy/"
    variables = {"UV_PUBLISH_URL": url, "UV_PUBLISH_TOKEN": PUBLISHER}
    done = run(UV, "publish", wheel, cwd=wheel.parent, variables=variables)
    assert done.returncode == 0, output(done)
    return wheel


@pytest.mark.parametrize("install", [pip, uv])
@pytest.mark.parametrize("ending", ["/simple/", "/"])
@pytest.mark.usefixtures("published")
def test_the_welcome_page_s_commands_and_the_root_install(
    below: str, tmp_path: Path, install: Install, ending: str
) -> None:
    _, welcome = get(f"{below}/")
    assert set(re.findall("--(?:default-index|index-url) ([^ ]*)", welcome)) == {f"{below}/simple/"}
    done = install(tmp_path, f"{below}{ending}", "open-below")
    assert done.returncode == 0, output(done)
    assert installed(tmp_path)["open-below"] == "1.0"


@pytest.mark.parametrize(
    ("path", "target"),
    [
        ("/simple/Open_Below", "/simple/open-below/"),
        ("/simple/Open_Below/", "/simple/open-below/"),
        ("/Open_Below/", "/simple/open-below/"),
        ("/pypi/Open_Below/", "/simple/open-below/"),
        ("/pypi/Open_Below/json", "/pypi/open-below/json"),
        ("/pypi/Open_Below/1.0/json", "/pypi/open-below/1.0/json"),
        ("/Open_Below/json", "/open-below/json"),
        ("/simple", "/simple/"),
        ("/pypi", "/simple/"),
        ("/legacy/", "/simple/"),
    ],
)
def test_redirects_stay_below_it(below: str, published: Path, path: str, target: str) -> None:
    assert published.exists()
    url, text = get(f"{below}{path}")
    assert url == f"{below}{target}"
    assert "open-below" in text


def test_what_json_names_is_there(below: str, published: Path) -> None:
    described = json.loads(get(f"{below}/pypi/open-below/json")[1])
    (file,) = described["urls"]
    assert file["url"].startswith(f"{below}/packages/")
    with urllib.request.urlopen(file["url"], timeout=HANG_SECONDS) as answer:
        assert answer.read() == published.read_bytes()
    assert described["info"]["package_url"] == f"{below}/simple/open-below/"


def test_pages_are_the_same_by_every_way_and_again(index: Server, below: str, published: Path) -> None:
    assert published.exists()
    pages = {get(f"{each}/simple/open-below/")[1] for each in (below, index.url) for _ in range(3)}
    assert len(pages) == 1
