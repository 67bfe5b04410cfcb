"""Whose word counts on who a client is."""

import asyncio
import io
import logging
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address

import aiohttp
import pytest
from aiohttp.test_utils import TestClient

from support.http import Client
from support.memory_storage import MemoryStorage
from support.serving import LimitedServer
from wheelyard_server import app
from wheelyard_server.settings import ListenAddress, Settings
from wheelyard_server.web.http.lifecycle import LIFECYCLE
from wheelyard_server.web.http.proxies import MAX_HOPS, Proxies
from wheelyard_server.web.telemetry.logs import JsonFormatter

INGRESS = ("127.0.0.0/8", "10.0.0.0/8", "2001:db8::/64")


@dataclass(frozen=True)
class Proxied:
    """A client whose connections are a proxy's, and whether the server trusts that proxy."""

    client: Client
    trusted: bool


@pytest.fixture(params=[INGRESS, ()], ids=["trusted", "not-trusted"])
async def proxied(
    request: pytest.FixtureRequest, settings: Settings, storage: MemoryStorage
) -> AsyncIterator[Proxied]:
    application = app.build(settings, storage)
    application[LIFECYCLE].started = True
    async with TestClient(LimitedServer(application, settings.limits, *request.param)) as client:
        yield Proxied(client, bool(request.param))


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter())
    loggers = [logging.getLogger(name) for name in ("audit", "aiohttp.access")]
    for each in loggers:
        each.addHandler(handler)
        each.setLevel(logging.INFO)
    yield stream
    for each in loggers:
        each.removeHandler(handler)


@pytest.mark.parametrize(
    ("forwarded", "client_address"),
    [
        ("198.51.100.7", "198.51.100.7"),
        ("203.0.113.9, 198.51.100.7", "198.51.100.7"),  # the first one is what the client said of itself
        ("198.51.100.7, 10.1.2.3", "198.51.100.7"),  # by two proxies
        ("198.51.100.7:51234", "198.51.100.7"),
        ("[2001:db8:1::5]:51234", "2001:db8:1::5"),
        ("2001:db8:1::5", "2001:db8:1::5"),
        ("::ffff:198.51.100.7", "198.51.100.7"),
        ("10.1.2.3", "10.1.2.3"),  # all are proxies: the farthest
        ("203.0.113.9, unknown", "127.0.0.1"),  # what is no address says nothing, nor does what is left of it
        ("", "127.0.0.1"),
    ],
)
async def test_the_client_is_whom_the_trusted_proxies_saw(
    proxied: Proxied, log: io.StringIO, forwarded: str, client_address: str
) -> None:
    await proxied.client.get(
        "/simple/private/", headers={"X-Forwarded-For": forwarded, "Authorization": "Bearer wrong"}
    )
    expected = client_address if proxied.trusted else "127.0.0.1"
    assert f'"client": "{expected}"' in log.getvalue(), "the audit line"
    assert f'"message": "{expected} ' in log.getvalue(), "the access log"


async def test_a_guessing_client_is_throttled_and_others_behind_its_proxy_are_not(proxied: Proxied) -> None:
    async def guess(address: str, password: str = "wrong") -> int:
        login = {"Authorization": aiohttp.encode_basic_auth("web.reader", password), "X-Forwarded-For": address}
        return (await proxied.client.get("/simple/demo/", headers=login)).status

    await asyncio.gather(*(guess("198.51.100.7", f"wrong {number}") for number in range(10)))
    assert await guess("198.51.100.7") == 429
    assert await guess("198.51.100.8") == (401 if proxied.trusted else 429)


def test_each_listener_trusts_its_own() -> None:
    proxies = Proxies(ListenAddress(port=1), ListenAddress(port=2, trusted_proxies=("10.0.0.0/8",)), None)
    assert proxies.trusts(2, "10.1.2.3")
    assert proxies.trusts(2, "::ffff:10.1.2.3")
    assert not proxies.trusts(1, "10.1.2.3")
    assert not proxies.trusts(2, "11.1.2.3")
    assert not proxies.trusts(2, "fe80::1%eth0")


@pytest.mark.parametrize("trusted", [("0.0.0.0/0",), ()], ids=["trusted", "not-trusted"])
@pytest.mark.parametrize("entry", ["10.0.0.1", "", "x", "1" * 8000, ":" * 8000])
def test_of_a_long_header_the_end_is_parsed_if_anything(
    trusted: tuple[str, ...], entry: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxies = Proxies(ListenAddress(port=80, trusted_proxies=trusted))
    parsed: list[str] = []

    def count(text: str) -> IPv4Address | IPv6Address:
        parsed.append(text)
        return ip_address(text)

    monkeypatch.setattr("wheelyard_server.web.http.proxies.ip_address", count)
    assert proxies.client(80, "10.0.0.1", [",".join([entry] * 10_000)] * 7) == "10.0.0.1"
    assert sum(map(len, parsed)) <= 1000
    assert len(parsed) <= (2 * MAX_HOPS if trusted else 2)
