"""Traces of requests: their content, and no cost while no collector listens."""

import asyncio
import logging
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest
from aiohttp.test_utils import TestClient
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from cluster.versitygw import free_port
from support import distributions
from support.access import ACCESS, PUBLISHER
from support.collector import Collector
from support.http import Client, auth, form
from support.memory_storage import Fault, MemoryStorage
from support.patience import HANG_SECONDS, until
from support.serving import LimitedServer
from wheelyard_server import app
from wheelyard_server.settings import Settings, TracingSettings
from wheelyard_server.web.front.answer_sender import AnswerSender
from wheelyard_server.web.http.lifecycle import LIFECYCLE
from wheelyard_server.web.telemetry import tracing
from wheelyard_server.web.telemetry.sampling import Sampling

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
SAMPLED, UNSAMPLED = ({"traceparent": f"00-{TRACE}-{PARENT}-{flags}"} for flags in ("01", "00"))


@asynccontextmanager
async def serving(
    settings: Settings, storage: MemoryStorage, where: TracingSettings | None
) -> AsyncIterator[Client]:
    application = app.build(msgspec.structs.replace(settings, tracing=where), storage)
    application[LIFECYCLE].started = True
    async with TestClient(LimitedServer(application, settings.limits)) as client:
        yield client


class Traced:
    """Serves with tracing, and has the spans afterwards."""

    def __init__(self, settings: Settings, storage: MemoryStorage, exporter: InMemorySpanExporter) -> None:
        self.storage = storage
        self._settings = settings
        self._exporter = exporter

    @asynccontextmanager
    async def serving(self, ratio: float = 1) -> AsyncIterator[Client]:
        where = TracingSettings(endpoint="http://127.0.0.1:9", ratio=ratio)
        async with serving(self._settings, self.storage, where) as client:
            yield client

    @property
    def spans(self) -> tuple[ReadableSpan, ...]:
        return self._exporter.get_finished_spans()

    def named(self, name: str) -> ReadableSpan:
        (span,) = (each for each in self.spans if each.name == name)
        return span

    def children(self, parent: ReadableSpan) -> list[str]:
        started = sorted(self.spans, key=lambda span: span.start_time or 0)
        return [each.name for each in started if each.parent and each.parent.span_id == parent.context.span_id]


@pytest.fixture
def traced(settings: Settings, storage: MemoryStorage, monkeypatch: pytest.MonkeyPatch) -> Traced:
    exporter = InMemorySpanExporter()
    monkeypatch.setattr(tracing, "OTLPSpanExporter", lambda **_options: exporter)
    return Traced(settings, storage, exporter)


def attributes(span: ReadableSpan) -> dict[str, object]:
    return dict(span.attributes or {})


async def test_a_request_by_the_semantic_conventions(traced: Traced) -> None:
    async with traced.serving() as client:
        answer = await client.get(
            "/simple/demo/?a=b", headers={"X-Request-ID": "mine", "X-Forwarded-Proto": "https"}
        )
        assert answer.status == 404
    span = traced.named("GET /simple/{project}/")
    assert attributes(span) == {
        "http.request.method": "GET",
        "http.route": "/simple/{project}/",
        "http.response.status_code": 404,
        "url.path": "/simple/demo/",
        "url.scheme": "https",
        "wheelyard.request_id": "mine",
    }
    assert (span.kind, span.status.status_code, span.parent) == (SpanKind.SERVER, StatusCode.UNSET, None)


async def test_the_steps_of_an_upload_and_its_calls_of_the_storage(traced: Traced, tmp_path: Path) -> None:
    async with traced.serving() as client:
        wheel = distributions.wheel(tmp_path)
        answer = await client.post("/legacy/", data=form(wheel), headers=auth(PUBLISHER))
        assert answer.status == 200, await answer.text()
    root = traced.named("POST /legacy/")
    assert traced.children(root) == [
        "upload.receive",
        "upload.inspect",
        "upload.commit",
    ]
    assert traced.children(traced.named("upload.commit")) == [
        "storage.read",
        "storage.read",
        "storage.commit",
    ]
    reads = [attributes(each) for each in traced.spans if each.name == "storage.read"]
    assert reads == [{"wheelyard.storage.outcome": "missing"}] * 2
    assert attributes(traced.named("storage.commit")) == {"wheelyard.storage.outcome": "done"}
    assert {each.status.status_code for each in traced.spans} == {StatusCode.UNSET}
    told = "".join(each.to_json() for each in traced.spans)
    assert "demo" not in told
    assert "publisher" not in told


async def test_the_span_of_a_failed_upload_has_the_step_and_not_the_text(traced: Traced, tmp_path: Path) -> None:
    broken = tmp_path / "demo-1.0-py3-none-any.whl"
    broken.write_bytes(b"no archive")
    async with traced.serving() as client:
        assert (await client.post("/legacy/", data=form(broken), headers=auth(PUBLISHER))).status == 400
    failed = traced.named("upload.inspect")
    assert attributes(failed) == {"error.type": "InvalidUploadError"}
    assert failed.status.status_code is StatusCode.ERROR
    assert not failed.events
    assert traced.named("POST /legacy/").status.status_code is StatusCode.UNSET


async def test_a_storage_that_does_not_answer(traced: Traced) -> None:
    async with traced.serving() as client:
        traced.storage.fail_at(1, Fault.LOST_REQUEST)
        assert (await client.get("/simple/demo/")).status == 503
    assert attributes(traced.named("storage.read"))["error.type"] == "unavailable"
    root = traced.named("GET /simple/{project}/")
    assert attributes(root)["error.type"] == "503"
    assert {each.status.status_code for each in traced.spans} == {StatusCode.ERROR}
    assert not any(each.events for each in traced.spans)


async def test_a_request_belongs_to_the_trace_of_its_caller(traced: Traced) -> None:
    async with traced.serving(ratio=0) as client:
        await client.get("/simple/demo/", headers={**SAMPLED, "tracestate": "vendor=1"})
    root = traced.named("GET /simple/{project}/")
    assert root.parent is not None
    assert root.context.trace_state.to_header() == "vendor=1"
    assert (f"{root.parent.trace_id:032x}", f"{root.parent.span_id:016x}") == (TRACE, PARENT)
    assert {f"{each.context.trace_id:032x}" for each in traced.spans} == {TRACE}
    assert traced.children(root) == ["storage.read"]


async def test_probes_and_unsampled_requests_are_not_traced(traced: Traced) -> None:
    async with traced.serving() as client:
        for probe in ("/-/healthz", "/-/readyz"):
            assert (await client.get(probe, headers=SAMPLED)).status == 200
        await client.get("/simple/demo/", headers=UNSAMPLED)
    assert traced.spans == ()


async def test_a_span_has_no_secret_and_no_route_for_unknown_paths(traced: Traced) -> None:
    async with traced.serving() as client:
        secrets = {"X-Request-ID": PUBLISHER, "tracestate": f"a={PUBLISHER}"}
        await client.get(f"/nothing/{PUBLISHER}", headers={**SAMPLED, **secrets})
        await client.request("PROPFIND", "/simple/")
    assert sorted(each.name for each in traced.spans) == ["GET", "HTTP"]
    assert PUBLISHER not in "".join(each.to_json() for each in traced.spans)
    assert attributes(traced.named("GET"))["url.path"] == "/nothing/wy_[hidden]"
    assert attributes(traced.named("HTTP"))["http.request.method"] == "_OTHER"


@pytest.fixture
def in_lane(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Have the requests that the fast lane answers."""
    taken: list[object] = []
    answer = AnswerSender.send

    def counted(sender: AnswerSender, request: object, *rest: object) -> None:
        taken.append(request)
        answer(sender, request, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(AnswerSender, "send", counted)
    return taken


async def warm(client: Client, tmp_path: Path) -> None:
    await client.post(
        "/legacy/", data=form(distributions.wheel(tmp_path)), headers={**auth(PUBLISHER), **UNSAMPLED}
    )
    for _ in range(2):
        assert (await client.get("/simple/demo/", headers=UNSAMPLED)).status == 200


async def test_the_fast_lane_answers_the_others(traced: Traced, in_lane: list[object], tmp_path: Path) -> None:
    async with traced.serving(ratio=0) as client:
        await warm(client, tmp_path)
        in_lane.clear()
        for headers in ({}, UNSAMPLED, {}):
            assert (await client.get("/simple/demo/", headers=headers)).status == 200
    assert len(in_lane) == 3
    assert traced.spans == ()


async def test_the_fast_lane_leaves_traced_requests_to_aiohttp(
    traced: Traced, in_lane: list[object], tmp_path: Path
) -> None:
    async with traced.serving(ratio=0) as client:
        await warm(client, tmp_path)
        in_lane.clear()
        plain = await (await client.get("/simple/demo/")).read()
        answer = await client.get("/simple/demo/", headers=SAMPLED)
        assert (answer.status, await answer.read()) == (200, plain)
        assert (await client.get("/simple/demo/")).status == 200
    assert len(in_lane) == 2
    assert [each.name for each in traced.spans if each.parent] == ["storage.read", "GET /simple/{project}/"]


async def test_a_hot_page_throws_the_dice_once(
    traced: Traced, in_lane: list[object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    throws: Iterator[float] = iter([0.9, 0.1, 0.9])
    monkeypatch.setattr(app, "Sampling", lambda ratio: Sampling(ratio, lambda: next(throws)))
    async with traced.serving(ratio=0.5) as client:
        await warm(client, tmp_path)
        in_lane.clear()
        for _ in range(3):
            assert (await client.get("/simple/demo/")).status == 200
    assert len(in_lane) == 2
    assert [each.name for each in traced.spans] == ["storage.read", "GET /simple/{project}/"]
    assert next(throws, None) is None


async def test_a_collector_gets_all_there_is_at_the_end_of_the_server(
    settings: Settings, storage: MemoryStorage
) -> None:
    named = msgspec.structs.replace(settings, index="packages/main")
    async with Collector() as collector:
        async with serving(named, storage, TracingSettings(endpoint=f"{collector.endpoint}/", ratio=1)) as client:
            await client.get("/simple/demo/", headers=SAMPLED)
        root, call = sorted(collector.spans, key=lambda span: span.start_time_unix_nano)
        resource = collector.resource
    assert (root.name, root.trace_id.hex(), root.parent_span_id.hex()) == ("GET /simple/{project}/", TRACE, PARENT)
    assert (call.name, call.trace_id, call.parent_span_id) == ("storage.read", root.trace_id, root.span_id)
    assert (resource["service.name"], resource["wheelyard.index"]) == ("wheelyard", "packages/main")
    assert resource["service.version"]
    assert resource["service.instance.id"]


class Lines(logging.Handler):
    """What of traces gets into the log of the process, which pytest's own handlers do not tell."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if "trac" in record.name or "telemetry" in record.name:
            self.lines.append(record.getMessage())

    async def until(self, count: int) -> list[str]:
        """Wait for so many lines."""
        await until(lambda: len(self.lines) >= count)
        return self.lines


@pytest.fixture
def log() -> Iterator[Lines]:
    handler, root = Lines(), logging.getLogger()
    level = root.level
    root.setLevel(logging.INFO)
    root.addHandler(handler)
    yield handler
    root.removeHandler(handler)
    root.setLevel(level)


async def test_a_collector_that_fails_costs_two_lines_and_no_request(
    settings: Settings, storage: MemoryStorage, monkeypatch: pytest.MonkeyPatch, log: Lines
) -> None:
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "20")
    async with Collector() as collector:
        collector.status = 400
        async with serving(settings, storage, TracingSettings(endpoint=collector.endpoint, ratio=1)) as client:
            for _ in range(20):
                assert (await client.get("/simple/demo/")).status == 404
                await asyncio.sleep(0.02)
            (failed,) = await log.until(1)
            assert f"{collector.endpoint}/v1/traces" in failed
            assert "400" in failed
            collector.status = 200
            await client.get("/simple/demo/")
            await log.until(2)
        assert log.lines == [failed, f"Traces are sent to {collector.endpoint}/v1/traces again"]


async def test_the_line_says_why(
    settings: Settings, storage: MemoryStorage, monkeypatch: pytest.MonkeyPatch, log: Lines
) -> None:
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "20")
    monkeypatch.setattr(tracing, "EXPORT_SECONDS", 1.5)
    async with serving(
        settings, storage, TracingSettings(endpoint=f"http://127.0.0.1:{free_port()}", ratio=1)
    ) as client:
        await client.get("/simple/demo/")
        (line,) = await log.until(1)
    assert "refused" in line


async def test_a_collector_that_is_not_there_holds_up_neither_requests_nor_the_end(
    settings: Settings, storage: MemoryStorage, monkeypatch: pytest.MonkeyPatch, log: Lines
) -> None:
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "20")
    monkeypatch.setenv("OTEL_BSP_MAX_QUEUE_SIZE", "8")
    monkeypatch.setenv("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "4")
    monkeypatch.setattr(tracing, "EXPORT_SECONDS", 3600)
    monkeypatch.setattr(tracing, "FLUSH_SECONDS", 0.1)
    nowhere = TracingSettings(endpoint=f"http://127.0.0.1:{free_port()}", ratio=1)
    async with asyncio.timeout(HANG_SECONDS), serving(settings, storage, nowhere) as client:
        for _ in range(30):
            assert (await client.get("/simple/demo/")).status == 404
    assert log.lines == []


def run(code: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False)


def test_without_the_setting_nothing_of_opentelemetry_is_loaded() -> None:
    done = run("import sys, wheelyard_server.__main__; print([m for m in sys.modules if 'opentelemetry' in m])")
    assert done.stdout == "[]\n", done.stderr


def test_without_the_packages_the_setting_is_an_error_at_the_start(tmp_path: Path) -> None:
    config = tmp_path / "index.yaml"
    (tmp_path / "a").write_bytes(msgspec.yaml.encode(ACCESS))
    config.write_text(
        f"storage: {{folder: {{path: {tmp_path}}}}}\naccessFile: {tmp_path}/a\nscratchFolder: {tmp_path}/s\n"
        "tracing: {endpoint: 'http://collector:4318'}\n"
    )
    code = "import sys; sys.modules['opentelemetry'] = None; from wheelyard_server.__main__ import main; main()"
    done = run(code, "serve", "--config", str(config))
    assert done.returncode == 1
    assert "wheelyard: index.yaml has `tracing`" in done.stderr
    assert "pip install 'wheelyard[tracing]'" in done.stderr
    assert "Traceback" not in done.stderr
