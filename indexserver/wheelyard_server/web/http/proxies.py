"""The client and the public path of a request, as trusted proxies report them."""

from collections.abc import Iterable, Mapping
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from aiohttp import web

from wheelyard_server.settings import ListenAddress, is_public_path

Address = IPv4Address | IPv6Address
_CLIENT = web.RequestKey("client", str)
_PATH = web.RequestKey("public_path", str)
_HEADER = "X-Forwarded-For"
_PREFIX = "X-Forwarded-Prefix"
FORWARDED_PROTO = "X-Forwarded-Proto"
MAX_HOPS = 30
"""Proxies in a row; of more, the last one that was read counts as the client."""
_MAX_ADDRESS_LENGTH = 100
"""An IPv6 address with a zone and a port."""


class Proxies:
    """The proxies that each listener trusts, by its port."""

    def __init__(self, *listeners: ListenAddress | None) -> None:
        self._trusted: Mapping[int, tuple[IPv4Network | IPv6Network, ...]] = {
            listener.port: listener.networks() for listener in listeners if listener is not None
        }
        self._paths = {listener.port: listener.path for listener in listeners if listener is not None}

    def trusts(self, port: int, address: str) -> bool:
        """Return whether a connection from this address to this port is a trusted proxy's."""
        parsed = _parse_address(address)
        return parsed is not None and self._is_trusted(port, parsed)

    def begin(self, request: web.BaseRequest) -> None:
        """Find the request's client, for `client_of`, and its path, for `public_path`."""
        socket = request.get_extra_info("sockname")
        if request.remote and socket is not None:
            port = socket[1]
            request[_CLIENT] = self.client(port, request.remote, request.headers.getall(_HEADER, ()))
            request[_PATH] = self._public_path(port, request.remote, request.headers.get(_PREFIX, ""))

    def client(self, port: int, address: str, headers: Iterable[str]) -> str:
        """Return the last address that is not a trusted proxy's, for a request that `address` has sent.

        Each proxy appends the address that it was asked from. The client may have made up
        everything to the left of that.
        """
        client = _parse_address(address)
        if client is None:
            return address
        if not self._is_trusted(port, client):
            return str(client)  # Its headers are not even read.
        hops = ",".join(headers).rsplit(",", MAX_HOPS)[-MAX_HOPS:]
        while hops and self._is_trusted(port, client):
            before = _parse_address(hops.pop())
            if before is None:
                break
            client = before
        return str(client)

    def path(self, port: int) -> str:
        """Return the path at which clients of a listener know the index, without X-Forwarded-Prefix."""
        return self._paths.get(port, "")

    def _public_path(self, port: int, address: str, prefix: str) -> str:
        path = prefix.rstrip("/")
        if path and is_public_path(path) and self.trusts(port, address):
            return path
        return self.path(port)

    def _is_trusted(self, port: int, address: Address) -> bool:
        return any(address in network for network in self._trusted.get(port, ()))


def client_of(request: web.BaseRequest) -> str:
    """Return the address of the client that sent a request, "" if it is no longer known."""
    return request.get(_CLIENT) or request.remote or ""


def public_path(request: web.BaseRequest) -> str:
    """Return the index's path as the client knows it, such as "/team/pypi"; "" is the host's root."""
    path: str = request.get(_PATH, "")
    return path


def origin_by(forwarded_proto: str, scheme: str, host: str) -> str:
    """Return the scheme and host under which the client knows this server, such as "https://host:port".

    A proxy that terminates TLS sends `X-Forwarded-Proto`, but any client may send it: it may only
    affect links in the answer to the same request. See docs/security.md.
    """
    forwarded = forwarded_proto.strip().lower()
    return f"{forwarded if forwarded in ('http', 'https') else scheme}://{host}"


def _parse_address(text: str) -> Address | None:
    """Return an address in its plain form; some proxies append a port."""
    if len(text) > _MAX_ADDRESS_LENGTH:
        return None
    for each in _spellings(text.strip()):
        try:
            address = ip_address(each)
        except ValueError:
            continue
        return address.ipv4_mapped or address if isinstance(address, IPv6Address) else address
    return None


def _spellings(text: str) -> Iterable[str]:
    yield text.partition("%")[0]
    if text.startswith("["):
        yield text[1:].partition("]")[0]
    elif text.count(":") == 1:
        yield text.partition(":")[0]
