"""One event is one POST over TLS to the host that is allowed, and to no other."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from support.made_events import NOW, made
from support.patience import HANG_SECONDS
from support.receiver import SECRET, Answer, Receiver, accept, answering, hang, receiver
from support.tls import certificate_of_an_authority
from wheelyard_server.events import sender as sender_module
from wheelyard_server.events.queue import EventQueue, Waiting
from wheelyard_server.events.sender import NotSentError, Sender
from wheelyard_server.settings.upstreams import Egress
from wheelyard_server.settings.webhook import EventKind, WebhookSettings

EGRESS = Egress(allowed_hosts=())


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Receiver]:
    with receiver(tmp_path_factory.mktemp("receiver")) as made_receiver:
        yield made_receiver


@pytest.fixture
def hook(running: Receiver) -> Receiver:
    running.received.clear()
    running.answer = accept
    return running


@pytest.fixture
def waiting() -> Waiting:
    queue = EventQueue("/wheelyard/packages/main", tuple(EventKind))
    queue.emit(made("demo-1.0.tar.gz"))
    first = queue.first()
    assert first is not None
    return first


class Senders:
    """Makes senders, and closes them."""

    def __init__(self, hook: Receiver, folder: Path) -> None:
        self._hook, self._folder = hook, folder
        self._made: list[Sender] = []

    def make(self, egress: Egress = EGRESS, **more: object) -> Sender:
        settings = msgspec.convert(
            self._hook.settings(self._folder / "secret", **more),
            WebhookSettings,
            dec_hook=lambda kind, value: kind(value),
        )
        self._made.append(Sender(settings, egress, lambda: NOW))
        return self._made[-1]

    async def close(self) -> None:
        for each in self._made:
            await each.close()
        # A connection that was given up ends its TLS later: the loop must not end before.
        async with asyncio.timeout(HANG_SECONDS):
            while any(each._sock is not None for each in _transports()):
                await asyncio.sleep(0.001)


def _transports() -> list[Any]:
    return list(vars(asyncio.get_running_loop())["_transports"].values())


@pytest.fixture
async def senders(hook: Receiver, tmp_path: Path) -> AsyncIterator[Senders]:
    made_senders = Senders(hook, tmp_path)
    yield made_senders
    await made_senders.close()


async def refusal(sender: Sender, event: Waiting) -> NotSentError:
    with pytest.raises(NotSentError) as raised:
        await sender.send(event, is_again=False)
    return raised.value


async def test_an_event_is_posted_and_signed(hook: Receiver, senders: Senders, waiting: Waiting) -> None:
    await senders.make().send(waiting, is_again=False)
    (got,) = hook.received
    assert (got.method, got.path) == ("POST", "/hooks/wheelyard")
    assert got.headers["Content-Type"] == "application/cloudevents+json"
    assert got.headers["webhook-id"] == got.event["id"] == waiting.id
    assert got.headers["webhook-timestamp"] == str(int(NOW.timestamp()))
    assert got.is_signed_with(SECRET)
    assert not got.is_signed_with(SECRET + "!")


async def test_a_new_secret_is_used_without_a_restart(
    hook: Receiver, senders: Senders, waiting: Waiting, tmp_path: Path
) -> None:
    sender = senders.make()
    (tmp_path / "secret/secret").write_text("n" * 32)
    (tmp_path / "secret/previous").write_text(SECRET)
    await sender.send(waiting, is_again=False)
    (got,) = hook.received
    assert got.is_signed_with("n" * 32)
    assert got.is_signed_with(SECRET)


@pytest.mark.parametrize("secret", ["", "short"])
async def test_nothing_is_sent_without_a_safe_secret(
    hook: Receiver, senders: Senders, waiting: Waiting, tmp_path: Path, secret: str
) -> None:
    sender = senders.make()
    (tmp_path / "secret/secret").write_text(secret)
    assert "`secret`" in str(await refusal(sender, waiting))
    assert hook.received == []


@pytest.mark.parametrize(
    ("answer", "said", "is_refusal"),
    [
        (answering(422), "answers 422", True),
        (answering(400), "answers 400", True),
        (answering(404), "answers 404", False),
        (answering(401), "answers 401", False),
        (answering(500), "answers 500", False),
    ],
)
async def test_only_an_answer_about_this_event_is_a_refusal_of_it(
    hook: Receiver, senders: Senders, waiting: Waiting, answer: Answer, said: str, *, is_refusal: bool
) -> None:
    hook.answer = answer
    error = await refusal(senders.make(), waiting)
    assert (str(error), error.is_refusal, error.seconds) == (said, is_refusal, 0)


async def test_a_receiver_may_ask_to_wait(hook: Receiver, senders: Senders, waiting: Waiting) -> None:
    hook.answer = answering(503, **{"Retry-After": "17"})
    assert (await refusal(senders.make(), waiting)).seconds == 17


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_no_redirect_is_followed_not_even_to_an_allowed_host(
    hook: Receiver, senders: Senders, waiting: Waiting, status: int
) -> None:
    hook.answer = answering(status, Location=f"{hook.url}/elsewhere")
    assert "redirects are not followed" in str(await refusal(senders.make(), waiting))
    assert len(hook.received) == 1


async def test_a_receiver_that_never_answers_costs_one_timeout(
    hook: Receiver, senders: Senders, waiting: Waiting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sender_module, "ATTEMPT_SECONDS", 0.2)
    hook.answer = hang
    assert str(await refusal(senders.make(), waiting)) == "does not answer in time"


async def test_a_host_that_is_not_listed_gets_nothing(hook: Receiver, senders: Senders, waiting: Waiting) -> None:
    error = await refusal(senders.make(allowedHosts=["hooks.example.com"]), waiting)
    assert "which `webhooks.allowedHosts` of the chart does not list" in str(error)
    assert hook.received == []


async def test_hosts_of_upstreams_are_no_hosts_of_webhooks(
    hook: Receiver, senders: Senders, waiting: Waiting
) -> None:
    sender = senders.make(Egress(allowed_hosts=(f"127.0.0.1:{hook.port}",)), allowedHosts=[])
    assert "does not list" in str(await refusal(sender, waiting))


async def test_an_address_that_is_never_allowed_is_not_connected_to(senders: Senders, waiting: Waiting) -> None:
    # The service of a cloud that hands out credentials, under a name that is listed.
    sender = senders.make(url="https://metadata.test/", allowedHosts=["metadata.test"])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            "wheelyard_server.upstream.connections.socket.getaddrinfo",
            lambda *_: [(2, 1, 6, "", ("169.254.169.254", 443))],
        )
        error = await refusal(sender, waiting)
    assert "link-local address" in str(error)
    assert "`webhooks.allowedHosts` of the chart" in str(error)


async def test_a_certificate_of_another_authority_is_not_trusted(
    hook: Receiver, senders: Senders, waiting: Waiting
) -> None:
    error = await refusal(senders.make(caBundle=certificate_of_an_authority()), waiting)
    assert "has a certificate that is not trusted" in str(error)
    assert hook.received == []


async def test_a_receiver_that_is_down_is_named_without_its_path(
    hook: Receiver, senders: Senders, waiting: Waiting
) -> None:
    sender = senders.make(url="https://127.0.0.1:1/token-in-the-path", allowedHosts=["127.0.0.1:1"])
    error = await refusal(sender, waiting)
    assert str(error) == "does not accept connections (127.0.0.1:1)"
    assert hook.received == []


async def test_a_proxy_must_be_listed_too(senders: Senders, waiting: Waiting) -> None:
    sender = senders.make(Egress(allowed_hosts=(), proxy="http://proxy.example.com:3128"))
    assert "through the proxy proxy.example.com:3128" in str(await refusal(sender, waiting))


async def test_the_connection_is_kept_unless_an_attempt_failed(
    hook: Receiver, senders: Senders, waiting: Waiting
) -> None:
    sender = senders.make()
    await sender.send(waiting, is_again=False)
    await sender.send(waiting, is_again=False)
    await sender.send(waiting, is_again=True)
    assert len({each.headers["webhook-id"] for each in hook.received}) == 1
    assert len(hook.received) == 3
