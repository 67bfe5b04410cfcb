"""The index as a client of an OpenID Connect provider: the one request that servers send to it."""

from typing import NamedTuple, Protocol


class Client(NamedTuple):
    """This index, as its provider knows it, and where it asks."""

    token_endpoint: str
    id: str
    secret: str
    authorities: str = ""
    """Certificates (PEM) of authorities that are trusted in addition to the public ones."""


class CodeGrant(NamedTuple):
    """A code that a browser brought from the provider (RFC 6749, section 4.1.3; RFC 7636)."""

    code: str
    redirect_uri: str
    """The URI that the code was sent to, as in the request for it."""
    verifier: str
    """The secret whose hash was in the request for the code."""


class TokenEndpoint(Protocol):
    """Exchanges codes for ID tokens."""

    async def id_token(self, client: Client, grant: CodeGrant, address: str) -> str:
        """Return the ID token of a code, unverified; `address` is that of the browser.

        Raises `SignOnError` if the provider refuses the code, `ProviderError` if it gives no usable
        answer, and `BusyError`.
        """
        ...
