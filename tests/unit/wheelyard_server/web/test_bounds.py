"""Every route is asked with the largest legal input, and what one turn of the event loop does for it is counted.

Counts, not seconds: calls of functions, and bytes. A route that goes over a whole project or list
at once has tens of thousands of calls, see `test_a_route_without_a_bound_is_found`. Two things are
not counted: documents are decoded and encoded as a whole, in C, when they change (ADR 27), and the
storage of this test is a fake.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient

from support import distributions, memory_storage
from support.access import OWNER
from support.http import Client, auth, form
from support.large import large_project, put_large_project
from support.memory_storage import MemoryStorage
from support.serving import LimitedServer
from support.turns import counted
from wheelyard_server import app
from wheelyard_server.access.access_file import AccessFile, User
from wheelyard_server.access.rules import Grant, Verb
from wheelyard_server.access.tokens import digest
from wheelyard_server.settings import Limits, Settings
from wheelyard_server.storage import ETag, Listed
from wheelyard_server.web.front.unsent import PIECE_BYTES, UNSENT
from wheelyard_server.web.handlers.mirroring import METHODS
from wheelyard_server.web.http.lifecycle import LIFECYCLE
from wheelyard_server.web.routes import ROUTES

FILES = 3000
PROJECTS = 2000
MAX_CALLS = 12_000
"""In one turn: some milliseconds."""
MAX_BYTES = 1024 * 1024
"""Encoded, hashed or compressed at once."""
LARGE, ATTESTED = large_project("open-large", FILES), large_project("open-attested", FILES, attested=True)
GLOBS = tuple(f"team-{number}-*" for number in range(64))
PATHS = ("/simple/", "/pypi/", "/legacy/", "/")


def routes() -> Iterator[tuple[str, str]]:
    """Return method and path of every route, for a large project and for one with attestations."""
    for route in ROUTES:
        assert isinstance(route, web.RouteDef)
        for project in (LARGE, ATTESTED) if "{project}" in route.path else (LARGE,):
            last = project.files[-1]
            values = {
                "project": project.name,
                "version": last.version,
                "filename": f"{last.filename}.metadata"
                if route.path.startswith(("/files/", "/packages/"))
                else last.filename,
                "sha256": last.sha256,
                "upstream": "pypi",
                "path": f"packages/{'-'.join('a' * 2000)}.zip",
            }
            yield route.method, re.sub(r"{(\w+)(?::\.\+)?}", lambda match: values[match[1]], route.path)  # noqa: B023


QUERIES = {"/api/v1/projects": ["", f"?q={'+'.join('abcdefghij')}", f"?q={'a+' * 4000}", f"?q={'x' * 7000}"]}
XML_RPC = "xml-rpc "
"""Before the name of a method."""
UPLOAD = "upload "
"""Before the name of a large project, which gets one more file."""
REQUESTS = [(method, path + query) for method, path in routes() for query in QUERIES.get(path, [""])]
REQUESTS += [(UPLOAD + project.name, "/legacy/") for project in (LARGE, ATTESTED)]
REQUESTS += [(XML_RPC + method, "/pypi") for method in METHODS]


def lists(member: str) -> str:
    return ",".join([member] * (8000 // (len(member) + 1)))


HEADERS = {
    "plain": {},
    "json": {"Accept": "application/vnd.pypi.simple.v1+json", "Accept-Encoding": "zstd"},
    "long lists": {
        "Accept": f"*/*,{lists('a;q=0.1')}",
        "Accept-Encoding": lists("b;q=0.1"),
        "If-None-Match": lists('"c"'),
        "X-Forwarded-For": lists("10.0.0.1"),
        "User-Agent": "u" * 8000,
        "X-Request-ID": "i" * 8000,
    },
    "many commas": dict.fromkeys(("Accept", "Accept-Encoding", "If-None-Match", "X-Forwarded-For"), "," * 8000),
    "long login": {"Authorization": "Basic " + "QUFB" * 2000},
    "long token": {"Authorization": f"Bearer eyJ{'a' * 2000}.{'b' * 3000}.{'c' * 2000}"},
}


class QuickStorage(MemoryStorage):
    """Lists as S3 does, in pages, and knows the tags of its objects."""

    async def list(self, folder: str, *, cuts: Sequence[str] = ()) -> AsyncIterator[Listed]:  # noqa: ARG002
        for number, key in enumerate(sorted([key for key in self.objects if key[: len(folder)] == folder])):
            body = self.objects[key]
            yield Listed(key, memory_storage.etag_of(body), len(body), self.now)
            if number % 500 == 0:
                await asyncio.sleep(0)


@pytest.fixture
def storage(monkeypatch: pytest.MonkeyPatch) -> MemoryStorage:
    tags: dict[int, tuple[bytes, ETag]] = {}

    def tag(body: bytes) -> ETag:
        return tags.setdefault(id(body), (body, ETag(f'"{len(tags)}"')))[1]

    monkeypatch.setattr(memory_storage, "etag_of", tag)
    return QuickStorage()


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Return settings with as many rights as a large team has."""
    owner = User(name="team.owner", groups=("owners",), token_digests=(digest(OWNER),))
    grants = [Grant(subjects=("group:owners",), verbs=tuple(Verb))]
    grants += [Grant(subjects=("authenticated",), packages=GLOBS, verbs=(Verb.READ,)) for _ in range(20)]
    file = AccessFile(users=(owner,), grants=tuple(grants))
    settings.access_file.write_bytes(msgspec.json.encode(file))
    return msgspec.structs.replace(settings, limits=Limits())


@pytest.fixture
async def client(settings: Settings, storage: MemoryStorage) -> AsyncIterator[Client]:
    application = app.build(settings, storage)
    application[LIFECYCLE].started = True
    for project in (LARGE, ATTESTED, *(large_project(f"open-{number}", 1) for number in range(PROJECTS))):
        await put_large_project(storage, project)
    server = LimitedServer(application, settings.limits, "127.0.0.0/8")
    async with TestClient(server, auto_decompress=False, skip_auto_headers=["Accept", "Accept-Encoding"]) as client:
        # The documents are decoded, in C: what follows is the work for a request.
        for path in ("/simple/", "/simple/open-large/", "/simple/open-attested/"):
            await (await client.get(path, headers=auth(OWNER))).read()
        yield client


def body_of(method: str, path: str, folder: Path) -> dict[str, Any]:
    """Return the largest body that a route takes."""
    if method.startswith(UPLOAD):
        name = method.removeprefix(UPLOAD).replace("-", "_")
        return {"data": form(distributions.wheel(folder, name, "2.0"))}
    if method.startswith(XML_RPC):
        name = method.removeprefix(XML_RPC)
        parameters = "<params><param><value><int>0</int></value></param></params>" if METHODS[name][0] else ""
        text = f"<methodCall><methodName>{name}</methodName>{parameters}</methodCall>"
        return {"data": text.encode(), "headers": {"Content-Type": "text/xml"}}
    if method == "PUT":
        status = {"status": "active"} if path.endswith("/status") else {}
        return {"json": {"reason": "r" * 1000, **status}}
    if path == "/_/oidc/mint-token":
        return {"json": {"token": "t" * 16_000}}
    if method == "POST":
        part = b'--x\r\nContent-Disposition: form-data; name="n"\r\n\r\nvalue\r\n'
        fields = part * (1024 * 1024 // len(part))
        return {
            "data": fields + b"--x--\r\n",
            "headers": {"Content-Type": "multipart/form-data; boundary=x"},
        }
    return {}


def test_all_routes_are_asked() -> None:
    assert len({path.partition("?")[0] for _, path in REQUESTS}) > len(ROUTES) / 2


@pytest.mark.filterwarnings("ignore:Sending a large body")
@pytest.mark.parametrize("headers", HEADERS)
async def test_no_request_takes_the_event_loop_for_long(
    client: Client, storage: MemoryStorage, headers: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    before, wrong = dict(storage.objects), []
    for method, path in REQUESTS:
        body = body_of(method, path, tmp_path)
        sent = {**auth(OWNER), **body.pop("headers", {}), **HEADERS[headers]}
        with counted(monkeypatch) as work:
            http_method = "POST" if method.startswith((XML_RPC, UPLOAD)) else method
            answer = await client.request(http_method, path, headers=sent, allow_redirects=False, **body)
            size = len(await answer.read())
        storage.objects.clear()
        storage.objects.update(before)
        held = client.server.app[UNSENT].size  # type: ignore[attr-defined]
        if answer.status >= 500 or work.calls > MAX_CALLS or work.bytes > MAX_BYTES or held:
            wrong.append(f"{method} {path[:80]}: {answer.status}, {work}, {size} bytes, {held} held")
    assert "\n".join(wrong) == ""


async def test_a_route_without_a_bound_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    async def no_bound() -> None:
        for project, _ in product((LARGE,), range(2)):
            sorted(file.filename.upper() for file in project.files)
        msgspec.json.encode(LARGE)

    with counted(monkeypatch) as work:
        await asyncio.create_task(no_bound())
    assert work.calls > MAX_CALLS
    assert work.bytes > MAX_BYTES
    assert PIECE_BYTES < MAX_BYTES
