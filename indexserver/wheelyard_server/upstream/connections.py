"""The connections to one upstream's hosts. Each is checked when it is made, after DNS (ADR 37).

A host name may resolve to any address, and to another one at every lookup. So the check is made
where a socket is made for an address, which also covers addresses in place of names, and
the hosts of redirects and proxies.
"""

import asyncio
import socket
import ssl
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import partial
from importlib.metadata import version

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from wheelyard_server.upstream.addresses import AddressKind
from wheelyard_server.upstream.allowed_hosts import AllowedHosts
from wheelyard_server.upstream.failures import ForbiddenTargetError
from wheelyard_server.upstream.proxies import Proxy
from wheelyard_server.upstream.urls import Origin

CONNECT_SECONDS = 5
"""Timeout for a connection, to any address of a host: DNS, a proxy and TLS included."""
STALL_SECONDS = 30
"""Timeout for the next bytes of an answer."""
_RESOLVER_THREADS = 4
_MAX_REMEMBERED = 256

_AddressInfo = tuple[int | socket.AddressFamily, int | socket.SocketKind, int, str, tuple[object, ...]]


@dataclass
class _Target:
    """The host that a request connects to: that of its URL, or the proxy."""

    origin: Origin
    is_again: bool
    """Whether an earlier request failed, perhaps because of the address."""
    refused: set[AddressKind] = field(default_factory=set)
    """Kinds of addresses that it must not be connected to, and resolved to."""


_target: ContextVar[_Target] = ContextVar("target")


class Connections:
    """Connections that are kept open, and ones for a single request. Must be used in one event loop."""

    def __init__(self, allowed: AllowedHosts, listed_in: str = "`upstreams.allowedHosts` of the chart") -> None:
        """`listed_in` is where people list allowed hosts."""
        self._allowed = allowed
        self._listed_in = listed_in
        self._last_used: dict[Origin, str] = {}
        """The address that each host was last connected to."""
        self._resolver = _Resolver(self._last_used)
        self._kept: aiohttp.ClientSession | None = None
        self._single: aiohttp.ClientSession | None = None

    async def send(  # noqa: PLR0913 - they are what a request is made of
        self,
        url: URL,
        origin: Origin,
        headers: dict[str, str],
        *,
        tls: ssl.SSLContext,
        through: tuple[Proxy, Origin] | None,
        is_again: bool,
        body: bytes | None = None,
    ) -> aiohttp.ClientResponse:
        """Send a GET, or a POST with a body; redirects are not followed.

        The body of the answer is not read yet.
        `through` is a proxy and its host. If `is_again`, the connection is new, and to another
        address if there are several. Raises `NETWORK_ERRORS`, or `ForbiddenTargetError` if no
        address may be connected to.
        """
        proxy, host = through or (None, origin)
        target = _Target(host, is_again)
        token = _target.set(target)
        try:
            return await self._session(is_single=is_again).request(
                "GET" if body is None else "POST",
                url,
                data=body,
                headers=headers,
                ssl=tls,
                proxy=proxy.url if proxy else None,
                proxy_headers=_proxy_headers(proxy),
                allow_redirects=False,
            )
        except aiohttp.ClientConnectorError as error:
            if target.refused:
                raise ForbiddenTargetError(_refusal(target, self._listed_in)) from error
            raise
        finally:
            _target.reset(token)

    async def close(self) -> None:
        """Close all connections."""
        for session in (self._kept, self._single):
            if session is not None:
                await session.close()
        self._kept = self._single = None
        await self._resolver.close()

    def _session(self, *, is_single: bool) -> aiohttp.ClientSession:
        if is_single:
            self._single = self._single or self._made(force_close=True)
            return self._single
        self._kept = self._kept or self._made(force_close=False)
        return self._kept

    def _made(self, *, force_close: bool) -> aiohttp.ClientSession:
        connector = aiohttp.TCPConnector(
            resolver=self._resolver,
            use_dns_cache=False,
            socket_factory=self._socket,
            force_close=force_close,
            limit=0,  # `client.py` bounds the calls.
        )
        return aiohttp.ClientSession(
            connector=connector,
            headers={"User-Agent": f"wheelyard/{version('wheelyard')}"},
            timeout=aiohttp.ClientTimeout(total=None, connect=CONNECT_SECONDS, sock_read=STALL_SECONDS),
            auto_decompress=False,
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
            requote_redirect_url=False,
        )

    def _socket(self, info: _AddressInfo) -> socket.socket:
        """Return a socket for an address that may be connected to; raise `OSError` for any other."""
        family, kind, protocol, _, place = info
        target, address = _target.get(), str(place[0])
        refused = self._allowed.refused_kind(target.origin, address)
        if refused is not None:
            target.refused.add(refused)
            raise OSError(f"{target.origin.name} has a {refused} address")
        self._last_used[target.origin] = address
        if len(self._last_used) > _MAX_REMEMBERED:
            del self._last_used[next(iter(self._last_used))]
        return socket.socket(family, kind, protocol)


class _Resolver(AbstractResolver):
    """Resolves names in threads of its own: while DNS does not answer, it must block no other work."""

    def __init__(self, last_used: dict[Origin, str]) -> None:
        self._last_used = last_used
        self._threads = ThreadPoolExecutor(_RESOLVER_THREADS, thread_name_prefix="upstream-dns")

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Return the addresses of a host; in a second attempt, the one that was used last comes last."""
        lookup = partial(socket.getaddrinfo, host, port, family, socket.SOCK_STREAM, 0, socket.AI_ADDRCONFIG)
        found = await asyncio.get_running_loop().run_in_executor(self._threads, lookup)
        target = _target.get()
        avoided = self._last_used.get(target.origin) if target.is_again else None
        results = [_result(host, port, info) for info in found]
        return sorted(results, key=lambda result: result["host"] == avoided)

    async def close(self) -> None:
        """Start no more lookups."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def _result(host: str, port: int, info: _AddressInfo) -> ResolveResult:
    family, _, protocol, _, place = info
    flags = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
    return ResolveResult(
        hostname=host, host=str(place[0]), port=port, family=int(family), proto=protocol, flags=flags
    )


def _proxy_headers(proxy: Proxy | None) -> dict[str, str] | None:
    return {"Proxy-Authorization": proxy.authorization} if proxy and proxy.authorization else None


def _refusal(target: _Target, listed_in: str) -> str:
    kinds = " and ".join(sorted(target.refused))
    return (
        f"is not connected to, because {target.origin.name} has a {kinds} address: only hosts that are listed in "
        f"{listed_in} may have private ones"
    )
