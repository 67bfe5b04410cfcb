"""Asks OpenID Connect providers for their endpoints and keys, for single sign-on."""

import re
import time
from collections.abc import Callable

from wheelyard_operator.openid_provider import Provider
from wheelyard_operator.provision.issuer_answers import Answers, IssuerError
from wheelyard_operator.provision.issuers import Fetch, discovered, public_keys
from wheelyard_operator.resource import Manifest

_ENDPOINT = re.compile(r"https://[A-Za-z0-9.-]{1,253}(:[1-9][0-9]{0,4})?(/[!$-;=?A-\[\]_a-z~]*)?", re.ASCII)
"""Without a fragment, which RFC 6749 (section 3) forbids, and without a login: servers refuse any @.

A query is allowed.
"""
_MAX_ENDPOINT_LENGTH = 2000
_MAX_PORT = 65_535


class Providers:
    """Asks each provider as rarely as other issuers of tokens."""

    def __init__(
        self,
        web: Callable[[str], Fetch],
        clock: Callable[[], float] = time.monotonic,
        count_failure: Callable[[], object] = lambda: None,
    ) -> None:
        """Take a function that returns, for certificates (PEM) to trust in addition, what fetches JSON."""
        self._web = web
        self._answers = Answers[Provider](clock, count_failure)

    def of(self, issuer: str, ca_bundle: str) -> Provider:
        """Return a provider by its URL; raise `IssuerError`.

        Indexes that trust other authorities do not share an answer.
        """
        return self._answers.of((issuer, ca_bundle), lambda: _asked(self._web(ca_bundle), issuer))


def provider_of(document: Manifest, key_set: Manifest) -> Provider:
    """Return the provider of a discovery document and its keys (RFC 7517); raise `IssuerError`."""
    return Provider(
        issuer=str(document.get("issuer", "")),
        authorization_endpoint=_endpoint(document, "authorization_endpoint"),
        token_endpoint=_endpoint(document, "token_endpoint"),
        keys=public_keys(key_set),
    )


def _asked(fetch: Fetch, issuer: str) -> Provider:
    document = discovered(fetch, issuer)
    return provider_of(document, fetch(_endpoint(document, "jwks_uri")))


def _endpoint(document: Manifest, name: str) -> str:
    url = document.get(name)
    if not isinstance(url, str) or len(url) > _MAX_ENDPOINT_LENGTH or not _is_endpoint(url):
        raise IssuerError(f"the discovery document of {document.get('issuer')} has no {name} that is an https URL")
    return url


def _is_endpoint(url: str) -> bool:
    found = _ENDPOINT.fullmatch(url)
    return found is not None and int((found[1] or ":0")[1:]) <= _MAX_PORT
