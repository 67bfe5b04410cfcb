"""An index below a path of a proxy, which takes that path away: what names the index's root has it.

`tests/integration/test_below_a_path.py` has a real proxy.
"""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest
from aiohttp.test_utils import TestClient

from support import distributions
from support.access import PUBLISHER
from support.attestations import attested
from support.http import Client, auth, form
from support.memory_storage import MemoryStorage
from support.serving import LimitedServer
from wheelyard_server import app
from wheelyard_server.settings import ListenAddress, Settings
from wheelyard_server.web.http.lifecycle import LIFECYCLE
from wheelyard_server.web.http.proxies import Proxies

JSON = {"Accept": "application/vnd.pypi.simple.v1+json"}
HOST = {"Host": "example.com"}


@asynccontextmanager
async def index(settings: Settings, trusted: str = "", path: str = "") -> AsyncIterator[Client]:
    application = app.build(settings, MemoryStorage())
    application[LIFECYCLE].started = True
    proxies = (trusted,) if trusted else ()
    async with TestClient(LimitedServer(application, settings.limits, *proxies, path=path)) as client:
        yield client


async def roots(client: Client, folder: Path, headers: dict[str, str]) -> set[str]:
    """Return how every kind of answer that names the index's root does it."""
    path = distributions.wheel(folder)
    upload = form(path, attestations=attested(path))
    assert (await client.post("/legacy/", data=upload, headers=auth(PUBLISHER))).status == 200
    page = await (await client.get("/simple/demo/", headers={**headers, **JSON})).json(content_type=None)
    (file,) = page["files"]
    html = await (await client.get("/simple/demo/", headers=headers)).text()
    welcome = await (await client.get("/", headers=headers)).text()
    found = {file["provenance"].partition("/files/")[0], *re.findall('data-provenance="(.*?)/files/', html)}
    found |= set(re.findall("(http://[^ ]*)/(?:simple|legacy)/", welcome))
    for each in ("/pypi/demo/json", "/pypi/demo/1.0/json", "/demo/json"):
        described = await (await client.get(each, headers=headers)).json()
        found |= {re.split("/(?:files|packages)/", url["url"])[0] for url in described["urls"]}
        found.add(described["info"]["package_url"].partition("/simple/")[0])
    return found


async def test_the_path_of_the_settings(settings: Settings, tmp_path: Path) -> None:
    async with index(settings, path="/team/pypi") as client:
        assert await roots(client, tmp_path, HOST) == {"http://example.com/team/pypi"}


@pytest.mark.parametrize("said", ["/team/pypi", "/team/pypi/"])
async def test_a_trusted_proxy_says_it(settings: Settings, tmp_path: Path, said: str) -> None:
    headers = {**HOST, "X-Forwarded-Prefix": said}
    async with index(settings, "127.0.0.0/8", "/other") as client:
        assert await roots(client, tmp_path, headers) == {"http://example.com/team/pypi"}


async def test_an_untrusted_client_cannot_set_the_prefix(settings: Settings, tmp_path: Path) -> None:
    headers = {**HOST, "X-Forwarded-Prefix": "/evil"}
    async with index(settings, "10.0.0.0/8", "/team") as client:
        assert await roots(client, tmp_path, headers) == {"http://example.com/team"}


@pytest.mark.parametrize(
    "said",
    ["", "/", "evil", "//evil.example", "/a/../b", "/a//b", '/"><b>', "/a b", "/a%2fb", "/" + "a" * 300, "/a,/b"],
)
async def test_a_header_that_is_not_a_path_is_ignored(settings: Settings, tmp_path: Path, said: str) -> None:
    headers = {**HOST, "X-Forwarded-Prefix": said}
    async with index(settings, "127.0.0.0/8", "/team") as client:
        assert await roots(client, tmp_path, headers) == {"http://example.com/team"}


def test_each_listener_has_its_own() -> None:
    proxies = Proxies(ListenAddress(port=1), ListenAddress(port=2, path="/team"))
    assert [proxies._public_path(port, "10.0.0.1", "") for port in (1, 2, 3)] == ["", "/team", ""]


@pytest.mark.parametrize(
    "path", ["/", "team", "/team/", "/a//b", "/..", "/a/./b", "/a b", "/a?b", "//a", "/" + "a" * 300]
)
def test_a_setting_that_is_not_a_path_is_refused(path: str) -> None:
    with pytest.raises(msgspec.ValidationError, match="`path` must be empty or a path such as /team/pypi"):
        msgspec.convert({"path": path}, ListenAddress)
