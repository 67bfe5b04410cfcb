"""Which name a request gets, and where it can be found again."""

import re

import pytest
from aiohttp import web

from support.access import OWNER, PUBLISHER
from support.http import Client, auth
from support.serving import send_raw
from wheelyard_server.app import CATALOG
from wheelyard_server.web.http import request_ids

FRESH = re.compile(r"[0-9a-f]{32}")


@pytest.mark.parametrize("given", ["a", "req-1.2_3", "Z" * 64])
async def test_the_name_that_a_client_or_proxy_gave_is_kept(client: Client, given: str) -> None:
    answer = await client.get("/", headers={"X-Request-ID": given})
    assert answer.headers["X-Request-ID"] == given


@pytest.mark.parametrize("given", ["", " ", "a b", "Z" * 65, "a/b", '"', "\u00e4", "a,b"])
async def test_an_id_that_is_not_a_name_is_replaced(client: Client, given: str) -> None:
    answer = await client.get("/", headers={"X-Request-ID": given})
    assert FRESH.fullmatch(answer.headers["X-Request-ID"])


async def test_every_request_of_a_connection_has_its_own(client: Client) -> None:
    given = await client.get("/", headers={"X-Request-ID": "mine"})
    fresh = {(await client.get("/")).headers["X-Request-ID"] for _ in range(10)}
    assert given.headers["X-Request-ID"] == "mine"
    assert len(fresh) == 10
    assert "mine" not in fresh
    assert request_ids.current() == ""


@pytest.mark.parametrize(
    "sent",
    [
        b"nonsense\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a b\r\nConnection: close\r\n\r\n",
        b"GET /%00 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
        b"GET /nothing HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    ],
)
async def test_a_request_without_a_route_has_an_id_too(client: Client, sent: bytes) -> None:
    answer = (await send_raw(client.server, sent)).decode()
    assert re.search(r"\r\nX-Request-ID: [0-9a-f]{32}\r\n", answer)


async def test_problem_details_say_it(client: Client) -> None:
    answer = await client.delete("/api/v1/projects/nothing", headers={"X-Request-ID": "mine", **auth(OWNER)})
    assert (await answer.json())["requestId"] == "mine"


async def test_all_that_is_done_for_a_request_knows_it(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    async def note(*_: object) -> None:
        seen.append(request_ids.current())
        raise web.HTTPNotFound

    monkeypatch.setattr(client.server.app[CATALOG], "project", note)  # type: ignore[attr-defined]
    for given in ("one", "two"):
        await client.get("/simple/demo/", headers={"X-Request-ID": given, **auth(PUBLISHER)})
    assert seen == ["one", "two"]
