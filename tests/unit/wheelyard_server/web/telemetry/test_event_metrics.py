"""What the metrics port says about the webhook."""

from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from prometheus_client import CollectorRegistry, generate_latest

from support.made_events import NOW, made
from wheelyard_server.events.delivery import Delivery
from wheelyard_server.events.opening import Webhook
from wheelyard_server.events.queue import EventQueue
from wheelyard_server.events.sender import Sender
from wheelyard_server.settings.upstreams import Egress
from wheelyard_server.settings.webhook import EventKind, WebhookSettings
from wheelyard_server.web.telemetry.event_metrics import EventMetrics, events_route


@pytest.fixture
def webhook(tmp_path: Path) -> Webhook:
    """Return a webhook at a host that is not allowed, so that no attempt succeeds."""
    settings = WebhookSettings(url="https://hooks.example.com/", secret_folder=tmp_path)
    queue = EventQueue("/wheelyard/packages/main", tuple(EventKind))
    sender = Sender(settings, Egress(), lambda: NOW)
    return Webhook(queue, Delivery(queue, sender, lambda: 0.0, lambda: 5.0), sender)


def lines(webhook: Webhook | None) -> list[str]:
    registry = CollectorRegistry()
    registry.register(EventMetrics(webhook))
    found = generate_latest(registry).decode().splitlines()
    return [line for line in found if not line.startswith("#")]


def test_without_a_webhook_nothing_has_a_value() -> None:
    assert lines(None) == []


async def test_events_that_cannot_be_sent_are_seen(webhook: Webhook) -> None:
    webhook.queue.emit(made("a"))
    assert lines(webhook) == [
        "wheelyard_events_waiting 1.0",
        "wheelyard_events_failing 0.0",
        "wheelyard_events_failed_attempts_total 0.0",
    ]
    await webhook.delivery.deliver()
    assert lines(webhook) == [
        "wheelyard_events_waiting 1.0",
        "wheelyard_events_failing 1.0",
        "wheelyard_events_failed_attempts_total 1.0",
    ]
    app = web.Application()
    app.add_routes([events_route(webhook)])
    async with TestClient(TestServer(app)) as client:
        state = await (await client.get("/events")).json()
    said = "The webhook is at hooks.example.com, which `webhooks.allowedHosts` of the chart does not list"
    assert state == {"waiting": 1, "failing": said, "since": 5.0}
    await webhook.close()
