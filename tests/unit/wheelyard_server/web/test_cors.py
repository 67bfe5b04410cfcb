"""Which pages of other sites may read what. `tests/integration/test_browser.py` has a real browser."""

import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
from aiohttp.test_utils import TestClient

from cluster.versitygw import free_port
from support import distributions
from support.access import ACCESS, READER
from support.http import Client, auth
from support.memory_storage import MemoryStorage
from support.routes import LOGINS, PATHS, filled, publish_demo
from support.serving import LimitedServer
from wheelyard_server import app
from wheelyard_server.app import ACCESS as CURRENT
from wheelyard_server.settings import ListenAddress, Listener, Listeners, Settings
from wheelyard_server.web.http.lifecycle import LIFECYCLE

SITE = "https://notebooks.example.com"
READABLE = ("/simple/", "/files/", "/mirror/", "/packages/", "/pypi/", "/integrity/", "/{")
ALLOWED, POLICY = "Access-Control-Allow-Origin", "Cross-Origin-Resource-Policy"


@pytest.fixture
def origins() -> tuple[str, ...]:
    return (SITE, "http://localhost:8888")


@pytest.fixture
async def client(settings: Settings, origins: tuple[str, ...], listener: Listener) -> AsyncIterator[Client]:
    address = ListenAddress(port=free_port(), allowed_origins=origins)
    made = msgspec.structs.replace(settings, listeners=Listeners(cluster=address))
    application = app.build(made, MemoryStorage())
    application[LIFECYCLE].started = True
    async with TestClient(
        LimitedServer(application, settings.limits, port=address.port, listener=listener)
    ) as test_client:
        yield test_client


async def allowed(client: Client, path: str, method: str = "GET", **headers: str) -> str | None:
    answer = await client.request(method, path, headers=headers, allow_redirects=False)
    found = answer.headers.get(ALLOWED)
    assert answer.headers[POLICY] == ("same-origin" if found is None else "cross-origin")
    assert "Origin" in answer.headers["Vary"]
    assert not [each for each in answer.headers if each.lower().startswith("access-control-") and each != ALLOWED]
    return found


async def files(client: Client, folder: Path) -> list[str]:
    await publish_demo(client, folder)
    path = distributions.wheel(folder)
    url = f"/files/demo/{hashlib.sha256(path.read_bytes()).hexdigest()}/{path.name}"
    return [url, f"{url}.metadata"]


async def test_pages_metadata_and_files_by_get_of_allowed_sites(client: Client, tmp_path: Path) -> None:
    known = [*await files(client, tmp_path), "/simple/", "/simple/demo/", "/pypi/demo/json", "/demo/json"]
    for path in (*known, "/simple/De_Mo/", "/simple/open-none/", "/simple/secret-x/"):
        assert await allowed(client, path, Origin=SITE) == SITE
        assert await allowed(client, path, Origin="http://localhost:8888") == "http://localhost:8888"
        for other in ("https://evil.example", "null", SITE.upper(), f"{SITE}.evil.example", f"{SITE}/", "*", ""):
            assert await allowed(client, path, Origin=other) is None
        assert await allowed(client, path) is None


@pytest.mark.parametrize("headers", [each for each in LOGINS if each], ids=str)
async def test_never_with_a_login(client: Client, tmp_path: Path, headers: dict[str, str]) -> None:
    for path in (*await files(client, tmp_path), "/simple/", "/simple/demo/"):
        assert await allowed(client, path, Origin=SITE, **headers) is None


async def test_nothing_else_and_by_no_other_method(client: Client) -> None:
    redirects = {"/simple", "/legacy", "/legacy/", "/pypi", "/pypi/"}
    for method, path in PATHS:
        is_readable = path in redirects or path.startswith(READABLE)
        expected = SITE if method == "GET" and is_readable and "+simple" not in path else None
        assert await allowed(client, filled(path), method, Origin=SITE) == expected, (method, path)
    for method in ("HEAD", "OPTIONS", "POST"):
        preflight = {"Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "authorization"}
        assert await allowed(client, "/simple/demo/", method, Origin=SITE, **preflight) is None


@pytest.mark.parametrize("origins", [("*",)])
async def test_all_sites_where_anonymous_may_read(client: Client, tmp_path: Path) -> None:
    for path in (*await files(client, tmp_path), "/simple/demo/", "/simple/secret-x/"):
        assert await allowed(client, path, Origin="https://anybody.example") == "*"
        assert await allowed(client, path, Origin="null") == "*"
        assert await allowed(client, path, Origin=SITE, **auth(READER)) is None


@pytest.mark.parametrize("origins", [("*",), (SITE, "*")])
async def test_not_all_sites_where_anonymous_may_not_read(
    client: Client, settings: Settings, origins: tuple[str, ...]
) -> None:
    grants = tuple(each for each in ACCESS.grants if "anonymous" not in each.subjects)
    settings.access_file.write_bytes(msgspec.yaml.encode(msgspec.structs.replace(ACCESS, grants=grants)))
    await client.server.app[CURRENT].follow()  # type: ignore[attr-defined]
    for path in ("/simple/", "/simple/demo/"):
        assert await allowed(client, path, Origin="https://anybody.example") is None
        assert await allowed(client, path, Origin=SITE) == (SITE if SITE in origins else None)


@pytest.mark.parametrize("origins", [("*",)])
@pytest.mark.parametrize(("listener", "found"), [(Listener.CLUSTER, "*"), (Listener.EXTERNAL, None)])
async def test_the_rights_are_those_of_the_listener(client: Client, found: str | None) -> None:
    assert await allowed(client, "/simple/demo/", Origin=SITE) == found


@pytest.mark.parametrize("origins", [()])
async def test_no_origin_is_allowed_by_default(client: Client) -> None:
    assert await allowed(client, "/simple/demo/", Origin=SITE) is None


@pytest.mark.parametrize("origin", ["", "null", "a.example", "https://a/", "https://A", "https://*.a", "ftp://a"])
def test_a_setting_that_is_not_an_origin_is_refused(origin: str) -> None:
    with pytest.raises(msgspec.ValidationError, match="`allowedOrigins` must contain"):
        msgspec.convert({"allowedOrigins": [origin]}, ListenAddress)
