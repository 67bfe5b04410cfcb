"""The wiring: which parts an application has, by its settings. `test_serving.py` has its start and end."""

from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiohttp.test_utils import TestClient

from support.access import ACCESS as ACCESS_FILE
from support.memory_storage import MemoryStorage
from support.patience import until
from support.serving import LimitedServer
from wheelyard_server import app
from wheelyard_server.app import CATALOG, METRICS_APP
from wheelyard_server.settings import (
    Cache,
    FetchLogSettings,
    Folder,
    ListenAddress,
    Listener,
    Listeners,
    Performance,
    RecordedAddresses,
    Settings,
    StorageSettings,
)
from wheelyard_server.settings.upstreams import Egress, UpstreamSettings
from wheelyard_server.storage import layout
from wheelyard_server.web.context import LISTENER_PORTS
from wheelyard_server.web.front.fast_lane import LANE
from wheelyard_server.web.http.lifecycle import LIFECYCLE


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    access_file = tmp_path / "access.yaml"
    access_file.write_bytes(msgspec.yaml.encode(ACCESS_FILE))
    return Settings(
        storage=StorageSettings(folder=Folder(path=tmp_path / "data")),
        access_file=access_file,
        scratch_folder=tmp_path / "scratch",
    )


async def test_an_application_answers_503_until_it_is_started(settings: Settings) -> None:
    made = app.build(settings, MemoryStorage())
    async with TestClient(LimitedServer(made, settings.limits)) as client:
        assert (await client.get("/simple/")).status == 503
        made[LIFECYCLE].started = True
        assert (await client.get("/simple/")).status == 200


async def test_middlewares_are_in_an_order_that_each_of_them_relies_on(settings: Settings) -> None:
    made = app.build(settings, MemoryStorage())
    middlewares: list[Any] = list(made.middlewares)
    order = [f"{each.__module__.rpartition('.')[2]}.{each.__qualname__}" for each in middlewares]
    assert order == [
        "lifecycle.Lifecycle.middleware",  # A request that comes too early reaches nothing else.
        "metrics.Metrics.middleware",  # It counts the statuses that errors become,
        "error_statuses.errors_as_responses",  # which is here.
        "error_pages.errors_as_pages",  # So that a page for people says what went wrong.
        "audit.audit_requests",  # It records what is refused to another site,
        "cross_site.refuse_cross_site",  # which is here, before any handler.
        "unsent.Unsent.middleware",
        "refusals.record_refusals.<locals>.middleware",  # It must see the refusals themselves.
    ]


async def test_the_fast_lane_is_left_out_if_the_settings_say_so(settings: Settings) -> None:
    without = msgspec.structs.replace(settings, performance=Performance(fast_lane=False))
    assert LANE in app.build(settings, MemoryStorage())
    assert LANE not in app.build(without, MemoryStorage())


async def test_the_fetch_log_keeps_what_the_settings_say(settings: Settings) -> None:
    chosen = FetchLogSettings(days=3, addresses=RecordedAddresses.NONE)
    made = app.build(msgspec.structs.replace(settings, fetch_log=chosen), MemoryStorage())
    assert made[CATALOG].fetches.settings == chosen


async def test_only_the_port_of_the_external_listener_is_external(settings: Settings) -> None:
    listeners = Listeners(cluster=ListenAddress(port=8080), external=ListenAddress(port=8081))
    both = app.build(msgspec.structs.replace(settings, listeners=listeners), MemoryStorage())
    found = [both[LISTENER_PORTS].listener_of(("127.0.0.1", port)) for port in (8080, 8081)]
    assert found == [Listener.CLUSTER, Listener.EXTERNAL]
    alone = app.build(settings, MemoryStorage())
    assert alone[LISTENER_PORTS].listener_of(("127.0.0.1", 8081)) is Listener.CLUSTER


async def test_calls_of_the_storage_are_measured(settings: Settings) -> None:
    made = app.build(settings, MemoryStorage())
    await made[CATALOG].projects()
    async with TestClient(LimitedServer(made[METRICS_APP], settings.limits)) as metrics:
        assert 'wheelyard_storage_calls_total{operation="list"' in await (await metrics.get("/metrics")).text()


@pytest.mark.parametrize(
    "upstreams", [(), (UpstreamSettings(name="up", url="https://upstream.example.com/simple/"),)]
)
async def test_the_kept_size_is_measured_in_the_background_and_a_scrape_costs_nothing(
    settings: Settings, upstreams: tuple[UpstreamSettings, ...]
) -> None:
    storage = MemoryStorage()
    storage.objects[layout.mirrored("0" * 64)] = bytes(70)
    settings = msgspec.structs.replace(settings, upstreams=upstreams, egress=Egress())
    made = app.build(settings, storage)
    async with (
        TestClient(LimitedServer(made, settings.limits)),
        TestClient(LimitedServer(made[METRICS_APP], settings.limits)) as metrics,
    ):
        expected = 70 if upstreams else None
        await until(lambda: made[CATALOG].mirrored.kept.size == expected)
        storage.calls.clear()
        found = await (await metrics.get("/upstreams")).json()
        scraped = await (await metrics.get("/metrics")).text()
    assert (found["keptBytes"], found["maxKeptBytes"]) == (expected, None)
    assert ("wheelyard_mirrored_bytes 70.0" in scraped) is bool(upstreams)
    assert storage.calls == []


async def test_a_cache_has_its_folder(settings: Settings, tmp_path: Path) -> None:
    app.build(msgspec.structs.replace(settings, cache=Cache(folder=tmp_path / "cache")), MemoryStorage())
    assert (tmp_path / "cache").is_dir()
