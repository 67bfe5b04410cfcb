"""A code is exchanged by one POST over TLS, to no other host, and with bounds."""

import asyncio
import gzip
import json
import socket
from base64 import b64decode
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from typing import Any
from urllib.parse import parse_qs, unquote_plus

import pytest
from aiohttp import web

from support.patience import HANG_SECONDS
from support.receiver import Answer, Receiver, answering, hang, receiver
from wheelyard_server.errors import BusyError, ProviderError, SignOnError
from wheelyard_server.openid import Client, CodeGrant, token_requests
from wheelyard_server.openid.token_requests import (
    MAX_ANSWER_BYTES,
    MAX_RUNNING,
    MAX_RUNNING_PER_ADDRESS,
    TokenRequests,
)
from wheelyard_server.settings.upstreams import Egress

EGRESS = Egress(allowed_hosts=())
GRANT = CodeGrant("the code&", "https://pypi.example.com/login/oidc/callback/", "v" * 43)
SECRET = "s:+ %é"
ADDRESS = "192.0.2.1"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Receiver]:
    with receiver(tmp_path_factory.mktemp("provider")) as made:
        yield made


@pytest.fixture
def provider(running: Receiver) -> Receiver:
    running.received.clear()
    running.answer = saying({"id_token": "the token"})
    return running


@pytest.fixture
async def requests() -> AsyncIterator[TokenRequests]:
    yield TokenRequests(EGRESS)
    # A connection that was given up ends its TLS later: the loop must not end before.
    async with asyncio.timeout(HANG_SECONDS):
        while any(
            each._sock is not None for each in list(vars(asyncio.get_running_loop())["_transports"].values())
        ):
            await asyncio.sleep(0.001)


def saying(content: object, status: int = 200, coding: str = "") -> Answer:
    """Return the behavior of a provider that answers with this JSON."""
    headers = {"Content-Encoding": coding} if coding else {}
    body = content if isinstance(content, bytes) else json.dumps(content).encode()

    async def answer(_received: Any) -> web.StreamResponse:
        return web.Response(body=body, status=status, headers=headers)

    return answer


def client(provider: Receiver, **changes: str) -> Client:
    known = {
        "token_endpoint": provider.url,
        "id": "wheel:yard",
        "secret": SECRET,
        "authorities": provider.authority,
    }
    return Client(**known | changes)


async def failure(requests: TokenRequests, asked: Client) -> str:
    with pytest.raises(ProviderError) as raised:
        await requests.id_token(asked, GRANT, ADDRESS)
    message = str(raised.value)
    assert message.startswith("The provider of single sign-on ")
    assert "Try again in a moment, or log in with a token or a password" in message
    assert SECRET not in message
    assert GRANT.code not in message
    return message


async def test_the_code_the_verifier_and_the_secret_are_sent_once(
    provider: Receiver, requests: TokenRequests
) -> None:
    assert await requests.id_token(client(provider), GRANT, ADDRESS) == "the token"
    (got,) = provider.received
    assert got.method == "POST"
    assert parse_qs(got.body.decode()) == {
        "grant_type": ["authorization_code"],
        "code": [GRANT.code],
        "redirect_uri": [GRANT.redirect_uri],
        "code_verifier": [GRANT.verifier],
    }
    login = b64decode(got.headers["Authorization"].removeprefix("Basic ")).decode()
    # RFC 6749, section 2.3.1: both are form-encoded, so a colon in the id is no separator.
    assert [unquote_plus(each) for each in login.split(":")] == ["wheel:yard", SECRET]


async def test_a_compressed_answer_is_read(provider: Receiver, requests: TokenRequests) -> None:
    body = gzip.compress(json.dumps({"id_token": "small"}).encode())
    provider.answer = saying(body, coding="gzip")
    assert await requests.id_token(client(provider), GRANT, ADDRESS) == "small"


@pytest.mark.parametrize("error", ["invalid_grant", ""])
async def test_a_code_that_the_provider_refuses_ends_the_login(
    provider: Receiver, requests: TokenRequests, error: str
) -> None:
    """A code that was used before, for example."""
    provider.answer = saying({"error": error, "error_description": "Already\nused"}, 400)
    with pytest.raises(SignOnError, match=r"does not accept this login .*Already used.* Log in again"):
        await requests.id_token(client(provider), GRANT, ADDRESS)
    assert len(provider.received) == 1


async def test_a_refusal_without_words_is_a_refusal(provider: Receiver, requests: TokenRequests) -> None:
    provider.answer = saying(b"<html>", 403)
    with pytest.raises(SignOnError, match=r"\(answer 403\)"):
        await requests.id_token(client(provider), GRANT, ADDRESS)


@pytest.mark.parametrize(("status", "error"), [(401, "invalid_client"), (400, "unauthorized_client"), (401, "")])
async def test_a_wrong_client_secret_is_for_those_who_set_it(
    provider: Receiver, requests: TokenRequests, status: int, error: str
) -> None:
    provider.answer = saying({"error": error}, status)
    assert "have `spec.web.oidc` and its client secret compared" in await failure(requests, client(provider))


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (saying({}), "gives no ID token"),
        (saying({"id_token": ""}), "gives no ID token"),
        (saying({"id_token": ["a"]}), "not the JSON of a token"),
        (saying(b"<html>"), "not the JSON of a token"),
        (saying(b"[" * 100_000), "not the JSON of a token"),
        (saying(b"\xff"), "not the JSON of a token"),
        (saying(b""), "answers with nothing"),
        (saying(b"x" * (MAX_ANSWER_BYTES + 1)), "too large"),
        (saying(gzip.compress(b"x" * (MAX_ANSWER_BYTES + 1)), coding="gzip"), "too large"),
        (saying(b"x" * (MAX_ANSWER_BYTES + 1), 400), "too large"),
        (saying(b"x", coding="br"), "cannot be read"),
        (saying(b"x" * 20, coding="gzip"), "cannot be read"),
        (answering(302, Location="https://other.example.com/"), "answers 302: redirects are not followed"),
        (answering(204), "answers 204"),
        (answering(500), "answers 500"),
        (answering(503), "answers 503"),
    ],
)
async def test_an_unusable_answer_is_one_error(
    provider: Receiver, requests: TokenRequests, answer: Answer, words: str
) -> None:
    provider.answer = answer
    assert words in await failure(requests, client(provider))
    assert len(provider.received) == 1


async def test_a_provider_that_does_not_answer_is_given_up(
    provider: Receiver, requests: TokenRequests, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(token_requests, "SECONDS", 0.05)
    provider.answer = hang
    assert "does not answer in time" in await failure(requests, client(provider))


async def test_a_provider_that_is_down_is_one_error(provider: Receiver, requests: TokenRequests) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"https://127.0.0.1:{closed.getsockname()[1]}/token"
        assert "does not accept connections" in await failure(requests, client(provider, token_endpoint=url))


async def test_an_unknown_authority_gets_no_secret(provider: Receiver, requests: TokenRequests) -> None:
    assert "certificate that is not trusted" in await failure(requests, client(provider, authorities=""))
    assert provider.received == []


@pytest.mark.parametrize("url", ["https://169.254.169.254/token", "https://[fd00:ec2::254]/token"])
async def test_the_metadata_of_a_cloud_is_no_provider(
    provider: Receiver, requests: TokenRequests, url: str
) -> None:
    assert "does not list" in await failure(requests, client(provider, token_endpoint=url))


@pytest.mark.parametrize("url", ["https://127.1/token", "https://0x7f000001/token", "https://a b/token"])
async def test_an_unusual_host_is_refused(provider: Receiver, requests: TokenRequests, url: str) -> None:
    assert "not a usable URL" in await failure(requests, client(provider, token_endpoint=url))


async def test_a_proxy_must_be_listed(provider: Receiver) -> None:
    requests = TokenRequests(Egress(allowed_hosts=(), proxy="http://proxy.example.com:3128"))
    assert "through the proxy proxy.example.com:3128" in await failure(requests, client(provider))
    assert provider.received == []


async def test_requests_at_the_same_time_are_bounded(provider: Receiver, requests: TokenRequests) -> None:
    provider.answer = hang
    addresses = [f"192.0.2.{each // MAX_RUNNING_PER_ADDRESS}" for each in range(MAX_RUNNING)]
    running = [asyncio.create_task(requests.id_token(client(provider), GRANT, each)) for each in addresses[:-1]]
    await asyncio.sleep(0)
    with pytest.raises(BusyError, match="log in again"):
        await requests.id_token(client(provider), GRANT, addresses[0])
    running.append(asyncio.create_task(requests.id_token(client(provider), GRANT, addresses[-1])))
    await asyncio.sleep(0)
    with pytest.raises(BusyError, match="log in again"):
        await requests.id_token(client(provider), GRANT, "198.51.100.1")
    for each in running:
        each.cancel()
        with suppress(asyncio.CancelledError):
            await each
    provider.answer = saying({"id_token": "again"})
    assert await requests.id_token(client(provider), GRANT, addresses[0]) == "again"
    assert not requests._running
