"""From settings to a webhook."""

import time
from typing import NamedTuple

from wheelyard_server.clock import utc_now
from wheelyard_server.errors import InvalidSettingsError
from wheelyard_server.events.cloud_events import source_of
from wheelyard_server.events.delivery import Delivery
from wheelyard_server.events.queue import EventQueue
from wheelyard_server.events.sender import Sender
from wheelyard_server.settings import Settings
from wheelyard_server.settings.webhook import WebhookSettings


class Webhook(NamedTuple):
    """The one receiver of an index's events. It is made without an event loop, and used in one."""

    queue: EventQueue
    delivery: Delivery
    sender: Sender

    async def close(self) -> None:
        """Send what waits, within seconds, and close the connections."""
        await self.delivery.finish()
        await self.sender.close()


def open_webhook(settings: Settings) -> Webhook | None:
    """Return the webhook, None if there is none; raise `InvalidSettingsError` for a URL that cannot be asked."""
    if settings.webhook is None:
        return None
    queue = EventQueue(source_of(settings.index or ""), settings.webhook.events)
    sender = _sender(settings.webhook, settings)
    return Webhook(queue, Delivery(queue, sender, time.monotonic, time.time), sender)


def _sender(webhook: WebhookSettings, settings: Settings) -> Sender:
    try:
        return Sender(webhook, settings.egress, utc_now)
    except ValueError as error:
        raise InvalidSettingsError(
            "`url` of `webhook` must have a plain host name, or an address in its usual form"
        ) from error
