"""Sends one event to the webhook: one POST, no redirect, and only to a host that is allowed (ADR 48)."""

import asyncio

from wheelyard_server.clock import WallClock
from wheelyard_server.events.cloud_events import MEDIA_TYPE
from wheelyard_server.events.queue import Waiting
from wheelyard_server.events.signing import SecretFolder, UnusableSecretError, signatures
from wheelyard_server.settings.upstreams import Egress
from wheelyard_server.settings.webhook import WebhookSettings
from wheelyard_server.upstream import urls
from wheelyard_server.upstream.bodies import discard
from wheelyard_server.upstream.failures import NETWORK_ERRORS, ForbiddenTargetError, in_words
from wheelyard_server.upstream.http_times import retry_after
from wheelyard_server.upstream.posts import Posts, Receiver

ATTEMPT_SECONDS = 15
"""Timeout for an attempt, from the lookup of the host to the end of the answer's headers."""
REFUSALS = frozenset({400, 413, 415, 422})
"""Answers about this one event. All others are about the receiver, and may change."""
ALLOWED_HOSTS = "`webhooks.allowedHosts` of the chart"


class NotSentError(Exception):
    """An event was not accepted; the text continues "The webhook ..."."""

    def __init__(self, reason: str, *, is_refusal: bool = False, seconds: float = 0) -> None:
        super().__init__(reason)
        self.is_refusal = is_refusal
        """Whether the receiver refuses this event, not all."""
        self.seconds = seconds
        """How long the receiver asks to wait."""


class Sender:
    """The receiver of one index's events."""

    def __init__(self, webhook: WebhookSettings, egress: Egress, clock: WallClock) -> None:
        receiver = Receiver(urls.parse(webhook.url), webhook.allowed_hosts, ALLOWED_HOSTS, webhook.ca_bundle)
        self._posts = Posts(receiver, egress)
        self._secrets = SecretFolder(webhook.secret_folder)
        self._clock = clock

    async def send(self, event: Waiting, *, is_again: bool) -> None:
        """Send an event; if `is_again`, over a new connection. Raises `NotSentError`."""
        try:
            async with asyncio.timeout(ATTEMPT_SECONDS):
                await self._send(event, is_again=is_again)
        except TimeoutError:
            raise NotSentError("does not answer in time") from None
        except (ForbiddenTargetError, UnusableSecretError) as error:
            raise NotSentError(str(error)) from error
        except NETWORK_ERRORS as error:
            # Not chained: the text of the client's errors has the whole URL, perhaps with a secret.
            raise NotSentError(in_words(error, self._posts.origin)) from None

    async def close(self) -> None:
        """Close all connections."""
        await self._posts.close()

    async def _send(self, event: Waiting, *, is_again: bool) -> None:
        # Before the secret is read: the host comes first, which teams cannot allow themselves.
        self._posts.check()
        headers = await asyncio.to_thread(self._headers, event)
        answer = await self._posts.send(event.body, headers, is_again=is_again)
        status, wait = answer.status, answer.headers.get("Retry-After", "")
        await discard(answer)
        if not 200 <= status < 300:
            raise self._refused(status, wait)

    def _refused(self, status: int, wait: str) -> NotSentError:
        if 300 <= status < 400:
            return NotSentError(f"answers {status}: redirects are not followed, set the final `url`")
        seconds = retry_after(wait, self._clock) if wait else 0
        return NotSentError(f"answers {status}", is_refusal=status in REFUSALS, seconds=seconds)

    def _headers(self, event: Waiting) -> dict[str, str]:
        timestamp = int(self._clock().timestamp())
        return {
            "Content-Type": MEDIA_TYPE,
            "webhook-id": event.id,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": signatures(self._secrets.keys(), event.id, timestamp, event.body),
        }
