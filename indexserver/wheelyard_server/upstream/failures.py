"""What goes wrong inside of a request, before it becomes an error of an upstream."""

import ssl

import aiohttp

from wheelyard_server.upstream.urls import Origin


class HiccupError(Exception):
    """Something that a second attempt may not meet; the text continues "The upstream NAME ..."."""

    def __init__(self, reason: str, *, is_down: bool = False) -> None:
        super().__init__(reason)
        self.is_down = is_down
        """Whether there was no answer at all."""


class AskedToWaitError(Exception):
    """429, or 503 with `Retry-After`; the text continues "The upstream NAME ..."."""

    def __init__(self, reason: str, seconds: float) -> None:
        super().__init__(reason)
        self.seconds = seconds


class ForbiddenTargetError(Exception):
    """`egress` does not allow this connection; the text continues "The upstream NAME ..."."""


NETWORK_ERRORS = (aiohttp.ClientError, OSError, TimeoutError, EOFError)
"""What the client raises for a connection that fails or ends early."""

_WORDS: tuple[tuple[type[Exception], str], ...] = (
    (ssl.SSLCertVerificationError, "has a certificate that is not trusted: check `caBundle`, and the host"),
    (ssl.SSLError, "does not complete the TLS handshake"),
    (aiohttp.ClientConnectorDNSError, "has a host name that DNS does not resolve"),
    (aiohttp.ClientProxyConnectionError, "cannot be reached: the proxy does not accept connections"),
    (TimeoutError, "does not answer in time"),
    (aiohttp.ClientConnectorError, "does not accept connections"),
    (aiohttp.ClientPayloadError, "ends its answer early"),
    (EOFError, "ends its answer early"),
    (aiohttp.ClientResponseError, "answers with something that is not HTTP"),
)
"""The first that fits continues "The upstream NAME ..."."""


def in_words(error: Exception, origin: Origin) -> str:
    """Return what went wrong with a connection, without any part of a URL but the host."""
    if isinstance(error, aiohttp.ClientHttpProxyError):
        return f"cannot be reached: the proxy answers {error.status} ({origin.name})"
    what = next(
        (words for kind, words in _WORDS if isinstance(error, kind)), "closes the connection without an answer"
    )
    return f"{what} ({origin.name})"
