"""The table of routes: none shadows another, and a project of any name has its page by the shortest URL, too."""

import re
from itertools import product
from pathlib import Path
from urllib.parse import urljoin

import msgspec
import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from support import distributions
from support.access import ACCESS, OWNER, READER, token_of
from support.http import Client, auth, form
from support.routes import PAGES, PATHS
from wheelyard_server.access import tokens
from wheelyard_server.access.access_file import User
from wheelyard_server.access.rules import Grant, Verb
from wheelyard_server.app import ACCESS as CURRENT
from wheelyard_server.settings import Settings
from wheelyard_server.web.http.reserved import RESERVED
from wheelyard_server.web.routes import OLD_ROUTES, ROUTES

SEGMENTS = sorted(
    {part for _, path in (*PATHS, *PAGES) for part in path.split("/") if re.fullmatch(r"[a-z]+", part)}
)
"""All that is a path of the index's own and could be the name of a project."""
NAMES = ("demo", *SEGMENTS, "metrics", "access", "favicon.ico", "index")
_OLD = {each.path for each in OLD_ROUTES}


@pytest.fixture
def application() -> web.Application:
    application = web.Application()
    application.add_routes(ROUTES)
    return application


def filled(path: str, name: str) -> str:
    given = {"project": name, "upstream": name, "path": f"{name}/{name}"}
    return path.replace(":.+", "").format(version="1.0", sha256="0" * 64, filename="a-1.0.tar.gz", **given)


@pytest.mark.parametrize(("method", "path"), [*PATHS, *PAGES])
async def test_no_route_shadows_another(application: web.Application, method: str, path: str) -> None:
    for name in NAMES:
        if path in _OLD and name in RESERVED:
            continue  # See test_reserved.py.
        request = make_mocked_request(method, filled(path, name))
        found = await application.router.resolve(request)
        assert found.route.resource is not None
        assert found.route.resource.canonical == path.replace(":.+", "")


def test_the_names_are_those_that_could_be_shadowed() -> None:
    assert {"simple", "pypi", "legacy", "files", "api", "json", "integrity"} <= set(NAMES)


async def location(client: Client, path: str, token: str | None = None) -> str:
    answer = await client.get(path, allow_redirects=False, headers=auth(token) if token else {})
    assert (answer.status, answer.headers["Cache-Control"]) == (301, "no-store")
    return urljoin(path, answer.headers["Location"])


@pytest.mark.parametrize("path", ["/simple", "/pypi", "/pypi/", "/legacy", "/legacy/"])
async def test_other_paths_lead_to_the_list_of_projects(client: Client, path: str) -> None:
    assert await location(client, path) == "/simple/"
    assert await location(client, f"{path}?a=b", OWNER) == "/simple/"


@pytest.mark.parametrize("name", NAMES)
async def test_a_path_at_the_root_leads_to_the_project_of_that_name(client: Client, name: str) -> None:
    page = f"/simple/{name.replace('.', '-')}/"
    if name not in RESERVED:
        assert await location(client, f"/{name}/") == page
    assert await location(client, f"/pypi/{name}/") == page


@pytest.mark.parametrize("name", ["pypi", "legacy"])
async def test_a_project_is_found_even_if_an_upload_url_has_its_name(
    settings: Settings, client: Client, tmp_path: Path, name: str
) -> None:
    boss = token_of("boss")
    user = User(name="a.boss", token_digests=(tokens.digest(boss),))
    grant = Grant(subjects=("user:a.boss",), verbs=tuple(Verb))
    changed = msgspec.structs.replace(ACCESS, users=(*ACCESS.users, user), grants=(*ACCESS.grants, grant))
    settings.access_file.write_bytes(msgspec.yaml.encode(changed))
    await client.server.app[CURRENT].follow()  # type: ignore[attr-defined]
    upload = await client.post("/legacy/", data=form(distributions.wheel(tmp_path, name)), headers=auth(boss))
    assert upload.status == 200
    assert await location(client, f"/{name}/", boss) == f"/simple/{name}/"
    # The existence of a project is hidden from users who may not read it.
    assert await location(client, f"/{name}/", READER) == "/simple/"
    assert await location(client, f"/{name}/") == "/simple/"


async def test_wrong_credentials_are_reported(client: Client) -> None:
    answer = await client.get("/pypi/", headers={"Authorization": "Bearer x"})
    assert answer.status == 401


async def test_a_path_that_cannot_be_a_project_is_not_found(client: Client) -> None:
    for path in ("/-/", "/_/", "/+/", "/.hidden/", "/demo", "/robots.txt", "/a/b/"):
        assert (await client.get(path, allow_redirects=False)).status == 404


async def test_methods_are_refused_as_before(client: Client) -> None:
    for method, path in product(("PUT", "DELETE", "POST"), ("/demo/", "/demo/json")):
        answer = await client.request(method, path)
        assert (answer.status, answer.headers["Allow"]) == (405, "GET,HEAD")
