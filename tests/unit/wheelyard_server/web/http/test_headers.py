"""The headers that every answer has: all routes, and what comes of a request before there is a route."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

import pytest

from support import distributions
from support.access import PUBLISHER
from support.http import Client, auth, form
from support.memory_storage import MemoryStorage
from support.routes import PATHS, filled
from support.serving import send_raw, statuses
from wheelyard_server.app import CATALOG
from wheelyard_server.web.http.lifecycle import LIFECYCLE


def assert_secured(headers: Mapping[str, str]) -> None:
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert headers["Server"] == "wheelyard"
    policy = headers["Content-Security-Policy"]
    for part in ("sandbox", "default-src 'none'", "frame-ancestors 'none'"):
        assert part in policy
    assert "allow-scripts" not in policy


@pytest.mark.parametrize(("method", "path"), PATHS)
@pytest.mark.parametrize("login", [{}, auth(PUBLISHER), {"Authorization": "Basic !"}])
async def test_every_route_has_the_headers_for_every_client(
    client: Client, tmp_path: Path, method: str, path: str, login: dict[str, str]
) -> None:
    upload = await client.post("/legacy/", data=form(distributions.wheel(tmp_path)), headers=auth(PUBLISHER))
    assert_secured(upload.headers)
    for project in ("demo", "De_mo", "nothing", "secret-x"):
        answer = await client.request(method, filled(path, project), headers=login, allow_redirects=False)
        assert answer.status < 500
        assert_secured(answer.headers)


@pytest.mark.parametrize(("method", "path"), PATHS)
async def test_every_route_has_them_for_a_wrong_method_in_an_outage_and_before_the_start(
    client: Client, storage: MemoryStorage, method: str, path: str
) -> None:
    wrong = await client.request("PATCH", filled(path))
    assert wrong.status == 405
    assert_secured(wrong.headers)
    storage.before_call = lambda *_: storage.fail_at(0, storage._fault)
    outage = await client.request(method, filled(path), headers=auth(PUBLISHER), allow_redirects=False)
    assert_secured(outage.headers)
    client.server.app[LIFECYCLE].started = False  # type: ignore[attr-defined]
    early = await client.request(method, filled(path))
    assert early.status == (200 if path == "/-/healthz" else 503)
    assert_secured(early.headers)


async def test_an_internal_error_has_the_headers_and_reveals_nothing(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("what is inside")

    monkeypatch.setattr(client.server.app[CATALOG], "project", broken)  # type: ignore[attr-defined]
    answer = await client.get("/simple/demo/")
    assert answer.status == 500
    assert_secured(answer.headers)
    assert "inside" not in await answer.text()


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a b\r\nConnection: close\r\n\r\n", 400),
        (b"GET /%00 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 404),
        (b"GET /nothing HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 404),
        (b"POST /legacy/ HTTP/1.1\r\nHost: a\r\nExpect: x\r\nConnection: close\r\n\r\n", 417),
    ],
)
async def test_answers_without_a_route_have_the_headers(client: Client, request_bytes: bytes, status: int) -> None:
    answer = await send_raw(client.server, request_bytes)
    assert statuses(answer) == [status]
    lines = answer.partition(b"\r\n\r\n")[0].decode().splitlines()[1:]
    assert_secured({name: value for name, _, value in (line.partition(": ") for line in lines)})


async def test_uploaded_content_is_never_shown_by_a_browser(client: Client, tmp_path: Path) -> None:
    path = distributions.wheel(tmp_path)
    await client.post("/legacy/", data=form(path), headers=auth(PUBLISHER))
    url = f"/files/demo/{hashlib.sha256(path.read_bytes()).hexdigest()}/{path.name}"
    for each in (url, f"{url}.metadata"):
        answer = await client.get(each)
        assert answer.status == 200
        assert answer.headers["Content-Disposition"] == "attachment"
        assert answer.content_type == "application/octet-stream"
        assert_secured(answer.headers)
