"""Every refusal is problem details (RFC 9457) of exactly that media type, with its sentence as reason phrase."""

import json
from pathlib import Path

import pytest
from aiohttp import ClientResponse
from aiohttp.test_utils import TestClient

from support.access import PUBLISHER
from support.http import Client, auth
from support.memory_storage import MemoryStorage
from support.routes import answers, publish_demo, raw_heads
from support.serving import LimitedServer
from wheelyard_server.app import CATALOG, METRICS_APP
from wheelyard_server.settings import Limits

EXACT = "application/problem+json"


async def check(answer: ClientResponse) -> None:
    assert answer.headers["Content-Type"] == EXACT, (answer.method, answer.url, answer.status)
    if answer.method == "HEAD":
        return
    problem = json.loads(await answer.read())
    assert problem["status"] == answer.status
    assert problem["detail"]
    assert answer.reason == problem["detail"][:300]
    assert problem["requestId"] == answer.headers["X-Request-ID"]


async def test_every_refusal_of_every_route_is_one(client: Client, storage: MemoryStorage, tmp_path: Path) -> None:
    await publish_demo(client, tmp_path)
    refused = set()
    async for answer in answers(client, storage):
        if answer.status >= 400:
            await check(answer)
            refused.add(answer.status)
    assert {401, 403, 404, 405, 415, 503} <= refused


async def test_a_refusal_without_a_route_is_problem_details(client: Client) -> None:
    async for status, headers in raw_heads(client):
        assert (status >= 400, headers["Content-Type"]) == (True, EXACT)


async def test_the_metrics_listener_has_the_same(client: Client) -> None:
    assert client.app is not None
    async with TestClient(LimitedServer(client.app[METRICS_APP], Limits())) as metrics:
        for method, path in (("GET", "/nothing"), ("DELETE", "/metrics")):
            await check(await metrics.request(method, path))


@pytest.mark.parametrize(
    ("method", "path", "headers", "status", "sentence"),
    [
        ("GET", "/no/such/path", {}, 404, "This path does not exist"),
        ("HEAD", "/no/such/path", {}, 404, "This path does not exist"),
        ("PATCH", "/simple/demo/", {}, 405, "This path does not accept PATCH, only GET, HEAD"),
        ("GET", "/simple/demo/", {"Accept": "image/png"}, 406, "This page is available as text/html, "),
        ("GET", "/simple/demo/", {"Expect": "x"}, 417, "Unknown Expect: x"),
        ("GET", "/simple/nothing/", auth(PUBLISHER), 404, "No such project in this index"),
        ("GET", "/simple/nothing/", {}, 401, "Log in to read the project nothing"),
        ("POST", "/legacy/", {}, 401, "Log in to publish any project"),
        ("POST", "/legacy/", auth(PUBLISHER), 415, "Send a multipart/form-data form, as twine and uv do"),
    ],
)  # fmt: skip
async def test_the_reason_phrase_says_what_to_do(
    client: Client, method: str, path: str, headers: dict[str, str], status: int, sentence: str
) -> None:
    # What a client says that it takes changes nothing of the form.
    answer = await client.request(method, path, headers={"Accept": "*/*"} | headers)
    assert answer.status == status
    assert (answer.reason or "").startswith(sentence)
    await check(answer)


async def test_an_internal_error_is_a_problem_document(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("what is inside")

    monkeypatch.setattr(client.server.app[CATALOG], "project", broken)  # type: ignore[attr-defined]
    answer = await client.get("/simple/demo/")
    assert answer.status == 500
    await check(answer)


async def test_a_sentence_from_outside_stays_on_its_line(client: Client) -> None:
    answer = await client.get("/simple/", headers={"Accept": "image/png", "Authorization": "Bearer \u00fc"})
    await check(answer)
