"""Connections are checked when they are made: DNS, and addresses in place of names (SSRF)."""

import socket
import ssl
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from support.scripted_server import ScriptedServer, in_turn, reply, scripted
from wheelyard_server.settings.upstreams import Egress
from wheelyard_server.upstream import allowed_hosts, urls
from wheelyard_server.upstream.addresses import AddressKind, kind_of
from wheelyard_server.upstream.allowed_hosts import AllowedHosts
from wheelyard_server.upstream.connections import Connections
from wheelyard_server.upstream.failures import ForbiddenTargetError

PUBLIC = {"127.0.0.2", "127.0.0.3"}
"""Addresses of this machine that play public ones; 127.0.0.1 stays what it is."""
TLS = ssl.create_default_context()


class Names:
    """A DNS whose answers the test sets: for each name one list for each lookup; the last one stays."""

    def __init__(self) -> None:
        self.answers: dict[str, list[list[str]]] = {}

    def getaddrinfo(self, host: str, port: int, *_more: Any) -> list[Any]:
        """Stand in for that of `socket`."""
        left = self.answers.get(host)
        if not left:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        found = left.pop(0) if len(left) > 1 else left[0]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in found]


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Names:
    made = Names()
    monkeypatch.setattr("wheelyard_server.upstream.connections.socket.getaddrinfo", made.getaddrinfo)
    return made


@pytest.fixture(autouse=True)
def pretended(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let two addresses of this machine count as public."""

    def kind(text: str, denied: Any = ()) -> AddressKind:
        return AddressKind.PUBLIC if text in PUBLIC else kind_of(text, denied)

    monkeypatch.setattr(allowed_hosts, "kind_of", kind)


@pytest.fixture
async def server() -> AsyncIterator[ScriptedServer]:
    async with scripted(in_turn(reply(200, b"hello")), host="0.0.0.0") as made:  # noqa: S104 - three addresses
        yield made


class Client:
    """Connections that ask a host for its root."""

    def __init__(self, *allowed: str) -> None:
        self.connections = Connections(AllowedHosts(Egress(allowed_hosts=allowed)))

    async def get(self, host: str, *, is_again: bool = False) -> bytes:
        """Return the body."""
        url = urls.parse(f"http://{host}/")
        origin = urls.origin(url)
        answer = await self.connections.send(url, origin, {}, tls=TLS, through=None, is_again=is_again)
        return await answer.read()


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    made = Client()
    yield made
    await made.connections.close()


async def test_a_public_host_is_connected_to(names: Names, server: ScriptedServer, client: Client) -> None:
    names.answers["packages.example.com"] = [["127.0.0.2"]]
    assert await client.get(f"packages.example.com:{server.port}") == b"hello"


@pytest.mark.parametrize("address", ["127.0.0.1", "10.0.0.1", "169.254.169.254", "100.64.0.1", "0.0.0.0"])  # noqa: S104
async def test_a_name_of_an_address_that_is_not_public_is_refused(
    names: Names, server: ScriptedServer, client: Client, address: str
) -> None:
    names.answers["packages.example.com"] = [[address]]
    with pytest.raises(ForbiddenTargetError, match=f"has a {kind_of(address)} address") as raised:
        await client.get(f"packages.example.com:{server.port}")
    assert address not in str(raised.value)
    assert not server.connections


LITERALS = ["127.0.0.1", "[::1]", "[::ffff:7f00:1]", "[64:ff9b::7f00:1]", "169.254.169.254", "[fd00:ec2::254]"]


@pytest.mark.parametrize("host", LITERALS)
async def test_an_address_in_place_of_a_name_is_refused(server: ScriptedServer, client: Client, host: str) -> None:
    with pytest.raises(ForbiddenTargetError, match=r"has a (private|link-local) address"):
        await client.get(f"{host}:{server.port}")
    assert not server.connections


async def test_a_listed_host_may_be_private(names: Names, server: ScriptedServer) -> None:
    listed = Client(f"packages.example.com:{server.port}")
    names.answers["packages.example.com"] = [["127.0.0.1"]]
    names.answers["other.example.com"] = [["127.0.0.1"]]
    assert await listed.get(f"packages.example.com:{server.port}") == b"hello"
    with pytest.raises(ForbiddenTargetError):
        await listed.get(f"other.example.com:{server.port}")
    await listed.connections.close()


async def test_of_several_addresses_only_the_public_ones_are_used(
    names: Names, server: ScriptedServer, client: Client
) -> None:
    names.answers["packages.example.com"] = [["127.0.0.1", "10.0.0.1", "127.0.0.2"]]
    assert await client.get(f"packages.example.com:{server.port}") == b"hello"
    assert [request.address for request in server.requests] == ["127.0.0.2"]


async def test_a_name_that_resolves_to_another_address_later_is_checked_again(
    names: Names, server: ScriptedServer, client: Client
) -> None:
    names.answers["packages.example.com"] = [["127.0.0.2"], ["127.0.0.1"]]
    assert await client.get(f"packages.example.com:{server.port}") == b"hello"
    server.close()
    with pytest.raises(ForbiddenTargetError):
        await client.get(f"packages.example.com:{server.port}", is_again=True)
    assert [request.address for request in server.requests] == ["127.0.0.2"]


async def test_the_address_that_was_checked_is_the_one_that_is_connected_to(
    names: Names, server: ScriptedServer, client: Client
) -> None:
    names.answers["packages.example.com"] = [["127.0.0.2"], ["127.0.0.1"]]
    await client.get(f"packages.example.com:{server.port}")
    assert names.answers["packages.example.com"] == [["127.0.0.1"]]
    assert [request.address for request in server.requests] == ["127.0.0.2"]


async def test_a_second_attempt_is_made_at_another_address(
    names: Names, server: ScriptedServer, client: Client
) -> None:
    names.answers["packages.example.com"] = [["127.0.0.2", "127.0.0.3"]]
    host = f"packages.example.com:{server.port}"
    for is_again in (False, False, True):
        await client.get(host, is_again=is_again)
    assert [(request.address, request.connection) for request in server.requests] == [
        ("127.0.0.2", 0),
        ("127.0.0.2", 0),
        ("127.0.0.3", 1),
    ]


@pytest.mark.usefixtures("names")
async def test_a_name_that_does_not_exist_is_an_error_of_dns(client: Client) -> None:
    with pytest.raises(aiohttp.ClientConnectorDNSError):
        await client.get("packages.example.com:1")


async def test_a_host_that_accepts_no_connection_is_not_a_forbidden_one(names: Names, client: Client) -> None:
    names.answers["packages.example.com"] = [["127.0.0.2"]]
    with pytest.raises(aiohttp.ClientConnectorError) as raised:
        await client.get("packages.example.com:1")
    assert not isinstance(raised.value, aiohttp.ClientConnectorDNSError)
