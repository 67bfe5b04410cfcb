"""The metrics for Prometheus, complete and without names."""

import asyncio
import base64
import hashlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, NoReturn

import aiohttp
import pytest
from aiohttp.test_utils import TestClient, TestServer

from support import distributions
from support.access import PUBLISHER, token_of
from support.http import Client, auth, form
from support.logs import collected
from support.memory_storage import Fault, MemoryStorage
from wheelyard_server.app import ACCESS, METRICS, METRICS_APP
from wheelyard_server.web.telemetry.logs import LineFormatter
from wheelyard_server.web.telemetry.metrics import FOLLOWED_SESSIONS


@pytest.fixture
async def metrics(client: Client) -> AsyncIterator[Client]:
    """Return a client of the metrics listener."""
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


async def test_a_failed_scrape_is_reported(
    client: Client, metrics: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def collect() -> NoReturn:
        raise RuntimeError("this cannot be counted")

    assert client.app is not None
    monkeypatch.setattr(client.app[METRICS].registry, "collect", collect)
    with collected(LineFormatter()) as log:
        assert (await metrics.get("/metrics")).status == 500
    assert "this cannot be counted" in log.getvalue()


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


async def test_uploads_are_counted_by_outcome(client: Client, metrics: Client, tmp_path: Path) -> None:
    for token in (PUBLISHER, token_of("unknown")):
        await client.post("/legacy/", data=form(distributions.wheel(tmp_path)), headers=auth(token))
    found = await scraped(metrics)
    assert found['wheelyard_uploads_total{outcome="done"}'] == 1
    assert found['wheelyard_uploads_total{outcome="refused"}'] == 1


async def test_a_broken_access_file_is_seen(client: Client, metrics: Client, tmp_path: Path) -> None:
    assert client.app is not None
    before = await scraped(metrics)
    assert before["wheelyard_access_file_usable"] == 1
    (tmp_path / "access.yaml").write_text("grants: none")
    client.app[ACCESS].reload()
    found = await scraped(metrics)
    loaded = "wheelyard_access_file_loaded_timestamp_seconds"
    assert (found["wheelyard_access_file_usable"], found[loaded]) == (0, before[loaded])
    told = await (await metrics.get("/access")).json()
    assert told.pop("looked") >= int(before[loaded])
    assert told.pop("sessions")["usable"], "of another file"
    assert told == {"usable": False, "loaded": int(before[loaded]), "failing": [], "stuck": [], "knownFormat": 2}


async def test_the_operator_sees_which_sessions_file_is_used(
    client: Client, metrics: Client, tmp_path: Path
) -> None:
    assert client.app is not None
    followed = client.app[METRICS_APP][FOLLOWED_SESSIONS]

    async def reported(text: str) -> Any:
        """Return what is reported once this file is there. It comes whole, and is read in the file's own thread."""
        (tmp_path / "new").write_text(text)
        (tmp_path / "new").replace(tmp_path / "sessions.yaml")
        await followed.follow()
        return (await (await metrics.get("/access")).json())["sessions"]

    text = f"keys: [{base64.urlsafe_b64encode(bytes(32)).decode()}]"
    digest = hashlib.sha256(text.encode()).hexdigest()
    used = await reported(text)
    assert (used["revision"], used["usable"], used["error"]) == (digest, True, "")
    refused = await reported("keys: [short]")
    assert (refused["revision"], refused["usable"]) == (digest, False), "the last good one stays"
    assert "keys" in refused["error"]


async def test_clients_by_their_family(client: Client, metrics: Client) -> None:
    for agent in ('pip/26.1 {"ci":null}', "uv/0.9.0 {}", "Mozilla/5.0 (X11)", "somebody-made-this/1", "pip/26.0"):
        await client.get("/simple/", headers={"User-Agent": agent})
    found = await scraped(metrics)
    told = {family: found[f'wheelyard_client_requests_total{{client="{family}"}}'] for family in ("pip", "uv")}
    assert told == {"pip": 2, "uv": 1}
    assert found['wheelyard_client_requests_total{client="browser"}'] == 1
    assert found['wheelyard_client_requests_total{client="other"}'] == 1
    assert not [name for name in found if "somebody" in name]


async def test_body_bytes_are_counted_and_a_response_without_body_adds_none(
    client: Client, metrics: Client, tmp_path: Path
) -> None:
    wheel = distributions.wheel(tmp_path)
    await client.post("/legacy/", data=form(wheel), headers=auth(PUBLISHER))
    before = await scraped(metrics)
    received = before["wheelyard_received_bytes_total"]
    assert wheel.stat().st_size < received < wheel.stat().st_size + 4000
    page = await client.get("/simple/demo/")
    body = await page.read()
    known = {"If-None-Match": page.headers["ETag"]}
    assert (await client.get("/simple/demo/", headers=known)).status == 304
    await client.head("/simple/demo/")
    found = await scraped(metrics)
    sent = "wheelyard_sent_bytes_total"
    assert found[sent] - before[sent] == len(body)
    assert found["wheelyard_received_bytes_total"] == received


async def test_a_file_is_counted_by_where_it_comes_from_and_by_its_bytes(
    client: Client, metrics: Client, tmp_path: Path
) -> None:
    wheel = distributions.wheel(tmp_path)
    await client.post("/legacy/", data=form(wheel), headers=auth(PUBLISHER))
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    before = await scraped(metrics)
    answer = await client.get(f"/files/demo/{digest}/{wheel.name}")
    assert await answer.read() == wheel.read_bytes()
    for _ in range(2):
        await (await client.get(f"/files/demo/{digest}/{wheel.name}.metadata")).read()
    found = await scraped(metrics)
    assert found['wheelyard_file_reads_total{source="storage"}'] == 2
    assert found['wheelyard_file_reads_total{source="memory"}'] == 1
    assert found["wheelyard_sent_bytes_total"] - before["wheelyard_sent_bytes_total"] >= wheel.stat().st_size


async def test_calls_of_the_storage_are_counted_by_outcome(
    client: Client, metrics: Client, storage: MemoryStorage, tmp_path: Path
) -> None:
    await client.post("/legacy/", data=form(distributions.wheel(tmp_path)), headers=auth(PUBLISHER))
    await client.get("/simple/demo/")
    storage.fail_at(1, Fault.LOST_REQUEST)
    assert (await client.get("/simple/open-y/")).status == 503
    found = await scraped(metrics)
    told = {
        (operation, outcome): found.get(
            f'wheelyard_storage_calls_total{{operation="{operation}",outcome="{outcome}"}}', 0
        )
        for operation in ("read", "commit")
        for outcome in ("done", "missing", "unchanged", "unavailable")
    }
    assert told["commit", "done"] == 1
    # The project's document, and whether the storage says which format may be written.
    assert told["read", "missing"] == 2
    assert told["read", "unchanged"] == 1
    assert told["read", "unavailable"] == 1
    assert found['wheelyard_storage_call_seconds_count{operation="read"}'] == 4


async def test_a_change_that_another_writer_was_faster_than(
    client: Client, metrics: Client, storage: MemoryStorage, tmp_path: Path
) -> None:
    # The document and the storage's format are read, the file and its metadata are stored, and
    # then comes the swap.
    storage.fail_at(5, Fault.CONFLICT)
    answer = await client.post("/legacy/", data=form(distributions.wheel(tmp_path)), headers=auth(PUBLISHER))
    assert answer.status == 200
    found = await scraped(metrics)
    assert found["wheelyard_document_conflicts_total"] == 1
    assert found['wheelyard_storage_calls_total{operation="commit",outcome="conflict"}'] == 1


async def test_how_many_requests_shared_how_many_looks(client: Client, metrics: Client, tmp_path: Path) -> None:
    await client.post("/legacy/", data=form(distributions.wheel(tmp_path)), headers=auth(PUBLISHER))
    await client.get("/simple/demo/")
    before = await scraped(metrics)
    await asyncio.gather(*(client.get("/simple/demo/") for _ in range(20)))
    found = await scraped(metrics)

    def gained(name: str) -> float:
        return found[name] - before[name]

    assert gained("wheelyard_page_reads_total") == 20
    assert 1 <= gained("wheelyard_revalidations_total") < 20


async def test_metrics_are_not_served_on_the_index_port(client: Client) -> None:
    assert (await client.get("/metrics")).status == 404
    page = await client.get("/access", allow_redirects=False)
    assert page.status == 301, "it is a page for people there"
    assert "knownFormat" not in await (await client.get("/access")).text()
