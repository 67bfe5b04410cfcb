"""Every answer says which caches may keep it, and for how long.

Tests with real proxies are in tests/integration.
"""

import hashlib
from collections.abc import Mapping
from pathlib import Path

import pytest
from aiohttp.test_utils import TestClient

from support import distributions
from support.access import PUBLISHER, READER
from support.http import Client, auth, form
from support.memory_storage import MemoryStorage
from support.routes import answers, publish_demo, raw_heads
from support.serving import LimitedServer
from wheelyard_server.app import METRICS_APP
from wheelyard_server.settings import Limits, Listener

NOBODY, ASK_FIRST = "no-store", "no-cache"
FOR_EVERYBODY, FOR_ONE = (f"{who}, max-age=365000000, immutable" for who in ("public", "private"))


def check(status: int, headers: Mapping[str, str]) -> None:
    """Check that no cache serves an answer that may be private or outdated without revalidating it."""
    kept = headers["Cache-Control"]
    varies = {each.strip() for each in headers["Vary"].split(",")}
    assert {"Authorization", "Origin"} <= varies
    if status in (200, 206, 304) and kept in (ASK_FIRST, FOR_EVERYBODY, FOR_ONE):
        assert "ETag" in headers
    else:
        assert kept == NOBODY, (status, headers)


@pytest.mark.parametrize("listener", Listener)
async def test_every_answer_of_every_route_says_it(client: Client, storage: MemoryStorage, tmp_path: Path) -> None:
    await publish_demo(client, tmp_path)
    statuses = set()
    async for answer in answers(client, storage):
        check(answer.status, answer.headers)
        statuses.add(answer.status)
    assert {200, 301, 401, 403, 404, 405, 415, 503} <= statuses


async def test_answers_without_a_route_say_how_long_they_may_be_kept(client: Client) -> None:
    async for status, headers in raw_heads(client):
        check(status, headers)


async def test_the_metrics_listener_says_it(client: Client) -> None:
    assert client.app is not None
    async with TestClient(LimitedServer(client.app[METRICS_APP], Limits())) as metrics:
        for method, path, status in (
            ("GET", "/metrics", 200),
            ("GET", "/access", 200),
            ("PUT", "/access", 405),
            ("GET", "/nothing", 404),
        ):
            answer = await metrics.request(method, path)
            assert (answer.status, answer.headers["Cache-Control"]) == (status, NOBODY)
        async for status, headers in raw_heads(metrics):
            check(status, headers)


@pytest.mark.parametrize(
    ("project", "token", "kept"),
    [("open_x", None, FOR_EVERYBODY), ("open_x", PUBLISHER, FOR_ONE), ("secret_x", READER, FOR_ONE)],
)
@pytest.mark.parametrize("more", [{}, {"Range": "bytes=0-1"}, {"If-None-Match": "*"}])
async def test_shared_caches_may_keep_a_file_only_if_anonymous_may_read_it(
    client: Client, tmp_path: Path, project: str, token: str | None, kept: str, more: dict[str, str]
) -> None:
    path = distributions.wheel(tmp_path, project)
    await client.post("/legacy/", data=form(path), headers=auth(PUBLISHER))
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    url = f"/files/{project.replace('_', '-')}/{sha256}/{path.name}"
    for each in (url, f"{url}.metadata"):
        answer = await client.get(each, headers=more | (auth(token) if token else {}))
        assert answer.status in (200, 206, 304)
        assert answer.headers["Cache-Control"] == kept
        check(answer.status, answer.headers)


async def test_a_stranger_is_refused_without_a_trace(client: Client, tmp_path: Path) -> None:
    path = distributions.wheel(tmp_path, "secret_x")
    await client.post("/legacy/", data=form(path), headers=auth(PUBLISHER))
    url = f"/files/secret-x/{hashlib.sha256(path.read_bytes()).hexdigest()}/{path.name}"
    answer = await client.get(url)
    assert (answer.status, answer.headers["Cache-Control"]) == (401, NOBODY)
