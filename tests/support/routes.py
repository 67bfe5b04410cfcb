"""All routes of the server, and requests that walk them."""

from collections.abc import AsyncIterator, Iterable, Mapping
from pathlib import Path

from aiohttp import ClientResponse

from support import distributions
from support.access import OWNER, PUBLISHER, READER
from support.http import Client, auth, form
from support.memory_storage import MemoryStorage
from support.serving import send_raw
from wheelyard_server.web.http.lifecycle import LIFECYCLE
from wheelyard_server.web.routes import ROUTES
from wheelyard_server.web.site.site_routes import PAGE_HANDLERS

PATHS = sorted({(each.method, each.path) for each in ROUTES if each.handler not in PAGE_HANDLERS})
"""All paths for programs."""
PAGES = sorted({(each.method, each.path) for each in ROUTES if each.handler in PAGE_HANDLERS})
"""All pages for people."""
LOGINS: tuple[dict[str, str], ...] = ({}, auth(PUBLISHER), auth(OWNER), auth(READER), {"Authorization": "Basic !"})
PROJECTS = ("demo", "De_mo", "nothing", "secret-x", "simple")
RAW = {
    b"nonsense\r\n\r\n": 400,
    b"GET / HTTP/1.1\r\n\r\n": 400,
    b"GET / HTTP/1.1\r\nHost: a b\r\nConnection: close\r\n\r\n": 400,
    b"GET /%00 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n": 404,
    b"GET /no/such/path HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n": 404,
    b"POST /legacy/ HTTP/1.1\r\nHost: a\r\nExpect: x\r\nConnection: close\r\n\r\n": 417,
    b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n" + (b"A: " + b"a" * 8000 + b"\r\n") * 9 + b"\r\n": 431,
}
"""Requests that reach no route, and their statuses."""


def filled(path: str, project: str = "demo") -> str:
    wheel = "demo-1.0-py3-none-any.whl"
    return path.replace(":.+", "").format(
        project=project, version="1.0", sha256="0" * 64, filename=wheel, upstream="pypi", path=f"packages/{wheel}"
    )


async def publish_demo(client: Client, folder: Path) -> None:
    answer = await client.post("/legacy/", data=form(distributions.wheel(folder)), headers=auth(PUBLISHER))
    assert answer.status == 200


async def answers(
    client: Client, storage: MemoryStorage, paths: Iterable[tuple[str, str]] = PATHS
) -> AsyncIterator[ClientResponse]:
    """Ask for everything: each route for everybody, by a wrong method, in an outage and before the start."""
    before = dict(storage.objects)
    for method, path in paths:
        for login in LOGINS:
            for project in PROJECTS:
                yield await _ask(client, method, filled(path, project), login)
                storage.objects.clear()
                storage.objects.update(before)
        yield await _ask(client, "PATCH", filled(path), {})
    storage.before_call = lambda *_: storage.fail_at(0, storage._fault)
    for method, path in paths:
        yield await _ask(client, method, filled(path), auth(OWNER))
    client.server.app[LIFECYCLE].started = False  # type: ignore[attr-defined]
    for method, path in paths:
        yield await _ask(client, method, filled(path), {})


async def _ask(client: Client, method: str, path: str, headers: Mapping[str, str]) -> ClientResponse:
    return await client.request(method, path, headers=headers, allow_redirects=False)


async def raw_heads(client: Client) -> AsyncIterator[tuple[int, dict[str, str]]]:
    """Send what reaches no route, and return statuses and headers."""
    for request, status in RAW.items():
        head = (await send_raw(client.server, request)).partition(b"\r\n\r\n")[0].decode()
        first, *lines = head.splitlines()
        assert first.split()[1] == str(status)
        yield status, {name: value for name, _, value in (line.partition(": ") for line in lines)}
