"""Sends a request of one upstream, or of a feed: redirects, credentials, proxies, and answers that are failures."""

import asyncio
import ssl
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple, Protocol

import aiohttp
from yarl import URL

from wheelyard_server.clock import WallClock
from wheelyard_server.tls import client_context
from wheelyard_server.upstream import urls
from wheelyard_server.upstream.bodies import discard
from wheelyard_server.upstream.connections import Connections
from wheelyard_server.upstream.credentials import NO_CREDENTIALS, Credentials, CredentialsFolder
from wheelyard_server.upstream.failures import (
    NETWORK_ERRORS,
    AskedToWaitError,
    ForbiddenTargetError,
    HiccupError,
    in_words,
)
from wheelyard_server.upstream.http_times import retry_after
from wheelyard_server.upstream.proxies import Proxy
from wheelyard_server.upstream.urls import Origin

MAX_REDIRECTS = 3
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_REFUSALS = frozenset({401, 403})

Check = Callable[[Origin], None]
"""Raises `ForbiddenTargetError` for a host that a request must not go to."""


class Routes(Protocol):
    """How hosts are reached, and which of them get the credentials."""

    def proxy(self, origin: Origin) -> tuple[Proxy, Origin] | None:
        """Return the proxy for a host, with its own; None if it is reached directly.

        Raises `ForbiddenTargetError`.
        """
        ...

    def gets_credentials(self, origin: Origin) -> bool:
        """Return whether requests to this host have the credentials."""
        ...


class Answer(NamedTuple):
    """The last answer, after all redirects. Its body is not read yet, and it must be closed."""

    http: aiohttp.ClientResponse
    url: URL

    @property
    def status(self) -> int:
        """Return the status."""
        return self.http.status

    def header(self, name: str) -> str:
        """Return a header's value, "" if there is none."""
        return self.http.headers.get(name, "")


class Requester:
    """Requests of one upstream, or of a feed."""

    def __init__(
        self,
        connections: Connections,
        routes: Routes,
        clock: WallClock,
        *,
        authorities: str,
        credentials_folder: Path | None = None,
    ) -> None:
        """Trust these authorities (PEM) in addition to the public ones."""
        self._routes = routes
        self._connections = connections
        self._clock = clock
        self._folder = CredentialsFolder(credentials_folder)
        self._authorities = authorities
        self._contexts: dict[Credentials, ssl.SSLContext] = {}

    async def get(self, url: URL, headers: Mapping[str, str], check: Check, *, is_again: bool) -> Answer:
        """Send a GET; if `is_again`, over a new connection.

        Raises `HiccupError`, `AskedToWaitError`, `ForbiddenTargetError` or
        `UnusableCredentialsError`.
        """
        for _ in range(MAX_REDIRECTS + 1):
            check(urls.origin(url))
            answer = await self._accepted(url, headers, is_again=is_again)
            if answer.status not in _REDIRECTS:
                return await self._checked(Answer(answer, url))
            location = answer.headers.get("Location", "")
            await discard(answer)
            url = _joined(url, location)
        raise ForbiddenTargetError(f"redirects more than {MAX_REDIRECTS} times")

    async def _accepted(self, url: URL, headers: Mapping[str, str], *, is_again: bool) -> aiohttp.ClientResponse:
        """Return the answer. Credentials that are refused are read again, and if they changed, sent."""
        credentials = self._credentials(urls.origin(url))
        answer = await self._sent(url, headers, credentials, is_again=is_again)
        if answer.status not in _REFUSALS or credentials is NO_CREDENTIALS:
            return answer
        renewed = self._folder.reread()
        if renewed == credentials:
            return answer
        await discard(answer)
        return await self._sent(url, headers, renewed, is_again=is_again)

    def _credentials(self, origin: Origin) -> Credentials:
        return self._folder.current() if self._routes.gets_credentials(origin) else NO_CREDENTIALS

    async def _sent(
        self, url: URL, headers: Mapping[str, str], credentials: Credentials, *, is_again: bool
    ) -> aiohttp.ClientResponse:
        origin = urls.origin(url)
        through = self._routes.proxy(origin)
        authorization = {"Authorization": credentials.authorization} if credentials.authorization else {}
        try:
            return await self._connections.send(
                url,
                origin,
                {**headers, **authorization},
                tls=await self._context(credentials),
                through=through,
                is_again=is_again,
            )
        except NETWORK_ERRORS as error:
            # Not chained: the text of the client's errors has the whole URL, perhaps with a
            # signature.
            raise HiccupError(in_words(error, origin), is_down=True) from None

    async def _checked(self, answer: Answer) -> Answer:
        """Return an answer unless it is a failure of the server."""
        wait = answer.header("Retry-After")
        if answer.status == 429 or (answer.status == 503 and wait):
            answer.http.close()
            raise AskedToWaitError(f"answers {answer.status} and asks to wait", retry_after(wait, self._clock))
        if answer.status >= 500 or answer.status == 407:
            answer.http.close()
            by = "the proxy" if answer.status == 407 else urls.origin(answer.url).name
            raise HiccupError(f"answers {answer.status} ({by})")
        return answer

    async def _context(self, credentials: Credentials) -> ssl.SSLContext:
        """Return the TLS context for these credentials; a client certificate is a credential, too."""
        key = credentials if credentials.certificate else NO_CREDENTIALS
        if key not in self._contexts:
            made = await asyncio.to_thread(_context, self._authorities, key)
            self._contexts = {each: kept for each, kept in self._contexts.items() if each is NO_CREDENTIALS}
            self._contexts[key] = made
        return self._contexts[key]


def _context(authorities: str, credentials: Credentials) -> ssl.SSLContext:
    context = client_context(authorities)
    credentials.identify(context)
    return context


def _joined(url: URL, location: str) -> URL:
    try:
        return urls.joined(url, location or "nowhere:")
    except ValueError:
        raise ForbiddenTargetError("redirects to something that is not a URL of HTTP") from None
