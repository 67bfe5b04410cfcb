"""What Prometheus is told, and that it is told no more."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from aiohttp.test_utils import TestClient, TestServer

from support import distributions
from support.access import PUBLISHER, token_of
from support.http import Client, auth, form
from wheelyard_server.app import METRICS_APP
from wheelyard_server.web.context import ACCESS

DOCUMENT = Path(__file__).parents[4] / "docs/operations.md"


@pytest.fixture
async def metrics(client: Client) -> AsyncIterator[Client]:
    """Give a client of the metrics listener."""
    assert client.app is not None
    async with TestClient(TestServer(client.app[METRICS_APP])) as test_client:
        yield test_client


async def scraped(metrics: Client) -> dict[str, float]:
    answer = await metrics.get("/metrics")
    assert answer.headers["Content-Type"].startswith("text/plain; version=")
    lines = [line.rpartition(" ") for line in (await answer.text()).splitlines() if not line.startswith("#")]
    return {name: float(value) for name, _, value in lines}


async def test_requests_by_the_template_of_their_route(client: Client, metrics: Client) -> None:
    for path in ("/simple/", "/simple/some-project/", "/simple/open-x/", "/no/such/path"):
        await client.get(path)
    found = await scraped(metrics)
    assert found['wheelyard_requests_total{method="GET",route="/simple/",status="200"}'] == 1
    assert found['wheelyard_requests_total{method="GET",route="/simple/{project}/",status="404"}'] == 1
    assert found['wheelyard_requests_total{method="GET",route="/simple/{project}/",status="401"}'] == 1
    assert found['wheelyard_requests_total{method="none",route="none",status="404"}'] == 1
    assert found['wheelyard_request_seconds_count{route="/simple/{project}/"}'] == 2
    assert not [name for name in found if "some-project" in name]


async def test_logins_by_their_way(client: Client, metrics: Client) -> None:
    wrong = {"Authorization": aiohttp.encode_basic_auth("web.reader", "wrong")}
    for headers in ({}, auth(PUBLISHER), auth(token_of("unknown")), wrong):
        await client.get("/simple/", headers=headers)
    found = await scraped(metrics)
    for method, outcome in (
        ("none", "accepted"),
        ("token", "accepted"),
        ("token", "refused"),
        ("password", "refused"),
    ):
        assert found[f'wheelyard_authentications_total{{method="{method}",outcome="{outcome}"}}'] == 1
    assert not [name for name in found if "reader" in name or "publisher" in name]


async def test_uploads(client: Client, metrics: Client, tmp_path: Path) -> None:
    for token in (PUBLISHER, token_of("unknown")):
        await client.post("/legacy/", data=form(distributions.wheel(tmp_path)), headers=auth(token))
    found = await scraped(metrics)
    assert found['wheelyard_uploads_total{outcome="done"}'] == 1
    assert found['wheelyard_uploads_total{outcome="refused"}'] == 1


async def test_a_broken_access_file_is_seen(client: Client, metrics: Client, tmp_path: Path) -> None:
    assert client.app is not None
    before = await scraped(metrics)
    assert before["wheelyard_access_file_usable"] == 1
    (tmp_path / "access.yaml").write_text("grants: nobody")
    client.app[ACCESS].reload()
    found = await scraped(metrics)
    loaded = "wheelyard_access_file_loaded_timestamp_seconds"
    assert (found["wheelyard_access_file_usable"], found[loaded]) == (0, before[loaded])
    assert await (await metrics.get("/access")).json() == {"usable": False, "loaded": int(before[loaded])}


async def test_the_document_has_every_metric(client: Client, metrics: Client) -> None:
    await client.get("/simple/")
    text = await (await metrics.get("/metrics")).text()
    told = {name for name in re.findall(r"^# TYPE (\w+)", text, re.MULTILINE) if not name.endswith("_created")}
    assert told == set(re.findall(r"^\| `(wheelyard_\w+)", DOCUMENT.read_text(), re.MULTILINE))


@pytest.mark.parametrize("path", ["/metrics", "/access"])
async def test_the_index_itself_does_not_tell(client: Client, path: str) -> None:
    assert (await client.get(path)).status == 404
