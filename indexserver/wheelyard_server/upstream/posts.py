"""Sends POSTs to one URL, over guarded connections: no redirect, and only to a host that is allowed (ADR 37)."""

import asyncio
import ssl
from typing import NamedTuple, Self

import aiohttp
from yarl import URL

from wheelyard_server.settings.upstreams import Egress
from wheelyard_server.tls import client_context
from wheelyard_server.upstream import urls
from wheelyard_server.upstream.allowed_hosts import AllowedHosts
from wheelyard_server.upstream.connections import Connections
from wheelyard_server.upstream.failures import ForbiddenTargetError
from wheelyard_server.upstream.proxies import Proxies, Proxy
from wheelyard_server.upstream.urls import Origin


class Receiver(NamedTuple):
    """The server that gets the requests."""

    url: URL
    allowed: tuple[str, ...]
    """The hosts that it may be at, as in `egress.allowedHosts`; it may have a private address."""
    listed_in: str
    """Where people list these hosts."""
    authorities: str = ""
    """Certificates (PEM) of authorities that are trusted in addition to the public ones."""


class Posts:
    """Requests to one receiver. It is made without an event loop, and used in one."""

    def __init__(self, receiver: Receiver, egress: Egress) -> None:
        self._receiver = receiver
        self._allowed = _allowed(egress, *receiver.allowed)
        self._reachable = _allowed(egress, *receiver.allowed, *egress.allowed_hosts)
        """The hosts that connections may go to: the receiver's, and the proxy."""
        self._proxies = Proxies(egress)
        self._connections = Connections(self._reachable, receiver.listed_in)
        self._context: ssl.SSLContext | None = None

    @property
    def origin(self) -> Origin:
        """Return the host that gets the requests."""
        return urls.origin(self._receiver.url)

    def check(self) -> None:
        """Raise `ForbiddenTargetError` for a receiver that may not be asked."""
        self._route()

    async def send(self, body: bytes, headers: dict[str, str], *, is_again: bool) -> aiohttp.ClientResponse:
        """Return the answer, whose body is not read yet; if `is_again`, of a new connection.

        Raises `ForbiddenTargetError`, or `NETWORK_ERRORS`, whose text has the whole URL.
        """
        through = self._route()
        return await self._connections.send(
            self._receiver.url,
            self.origin,
            headers,
            tls=await self._tls(),
            through=through,
            is_again=is_again,
            body=body,
        )

    async def close(self) -> None:
        """Close all connections."""
        await self._connections.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def _route(self) -> tuple[Proxy, Origin] | None:
        """Return the proxy with its host, None if there is none; raise `ForbiddenTargetError`."""
        where = self._receiver.listed_in
        if not self._allowed.lists(self.origin):
            raise ForbiddenTargetError(f"is at {self.origin.name}, which {where} does not list")
        route = self._proxies.route(self.origin)
        if route is not None and not self._reachable.lists(route[1]):
            raise ForbiddenTargetError(
                f"must be reached through the proxy {route[1].name}, which {where} does not list"
            )
        return route

    async def _tls(self) -> ssl.SSLContext:
        if self._context is None:
            self._context = await asyncio.to_thread(client_context, self._receiver.authorities)
        return self._context


def _allowed(egress: Egress, *hosts: str) -> AllowedHosts:
    return AllowedHosts(Egress(allowed_hosts=hosts, denied_networks=egress.denied_networks))
