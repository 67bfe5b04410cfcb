"""Fetches the public keys of token issuers: the cluster's, and those of allowed CI services."""

import json
import logging
import re
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import urllib3

from wheelyard_operator.kube import ApiError, Kube
from wheelyard_operator.provision.issuer_answers import Answers, IssuerError
from wheelyard_operator.resource import Manifest
from wheelyard_operator.tls import without_strict_form

log = logging.getLogger(__name__)

Fetch = Callable[[str], Manifest]

_MAX_ANSWER_BYTES = 256 * 1024
_MAX_KEYS = 50
_DISCOVERY = "/.well-known/openid-configuration"
_KEYS = "/openid/v1/jwks"
_PUBLIC = ("kty", "kid", "alg", "use", "n", "e", "crv", "x", "y")
"""Members of a public key (RFC 7518, 8037). Certificate chains only make the file long."""


_MAX_ID_LENGTH = 500
_NUMBER = re.compile(r"[A-Za-z0-9_-]{1,1366}")
"""A number in base64url (RFC 7518, section 2) of at most 8192 bits."""


@dataclass(frozen=True)
class _Kind:
    """The members of keys of a type (RFC 7518, section 6; RFC 8037)."""

    algorithms: tuple[str, ...]
    curves: tuple[str, ...]
    numbers: tuple[str, ...]


_KINDS = {
    "RSA": _Kind(("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"), ("",), ("n", "e")),
    "EC": _Kind(("ES256", "ES384", "ES512"), ("P-256", "P-384", "P-521"), ("x", "y")),
    "OKP": _Kind(("EdDSA",), ("Ed25519", "Ed448"), ("x",)),
}
"""The same as in index servers. Neither `none` nor any symmetric algorithm is among them."""


@dataclass(frozen=True)
class Issuer:
    """An issuer of signed tokens, with its public keys (RFC 7517)."""

    name: str
    """The claim `iss` of its tokens."""
    keys: tuple[Manifest, ...]


class Issuers:
    """Asks issuers for their keys."""

    def __init__(
        self,
        web: Fetch,
        cluster: Fetch,
        clock: Callable[[], float] = time.monotonic,
        count_failure: Callable[[], object] = lambda: None,
    ) -> None:
        """Take the functions that fetch JSON from a URL and from a path of the API server.

        Both raise `IssuerError`; `count_failure` is called for any other error.
        """
        self._web = web
        self._cluster = cluster
        self._answers = Answers[Issuer](clock, count_failure)

    def of_cluster(self) -> Issuer:
        """Return the issuer of the tokens of ServiceAccounts; raise `IssuerError`.

        https://kubernetes.io/docs/tasks/configure-pod-container/configure-service-account/
        #service-account-issuer-discovery
        """
        return self._answers.of(
            "", lambda: Issuer(_name(self._cluster(_DISCOVERY)), public_keys(self._cluster(_KEYS)))
        )

    def of_web(self, name: str) -> Issuer:
        """Return an issuer by its URL (OpenID Connect Discovery 1.0); raise `IssuerError`."""
        return self._answers.of(name, lambda: self._discovered(name))

    def _discovered(self, name: str) -> Issuer:
        return Issuer(name, fetched_keys(self._web, discovered(self._web, name)))


def discovered(fetch: Fetch, issuer: str) -> Manifest:
    """Return the discovery document of an issuer, by its URL; raise `IssuerError`."""
    document = fetch(issuer.rstrip("/") + _DISCOVERY)
    if _name(document) != issuer:
        raise IssuerError(f"{issuer} does not say that it is this issuer")
    return document


def fetched_keys(fetch: Fetch, document: Manifest) -> tuple[Manifest, ...]:
    """Return the usable keys that a discovery document names; raise `IssuerError`."""
    return public_keys(fetch(str(document.get("jwks_uri", ""))))


def _name(document: Manifest) -> str:
    name = document.get("issuer")
    if not isinstance(name, str):
        raise IssuerError("the discovery document names no issuer")
    return name


def public_keys(key_set: Manifest) -> tuple[Manifest, ...]:
    """Return the usable keys of a set (RFC 7517), sorted by `kid`.

    Raise `IssuerError` if it has none.
    """
    keys = key_set.get("keys", [])
    found = [_public(each) for each in keys if isinstance(each, dict)] if isinstance(keys, list) else []
    useful = [key for key in found if _is_useful(key)]
    if len(useful) < len(found):
        log.warning("%d of the %d keys of an issuer cannot be used", len(found) - len(useful), len(found))
    if not useful:
        raise IssuerError("the issuer has no public keys that can be used")
    return tuple(sorted(useful, key=lambda key: key.get("kid", ""))[:_MAX_KEYS])


def _is_useful(key: Manifest) -> bool:
    """Return whether a key verifies signatures in a form that index servers know."""
    kind = _KINDS.get(key.get("kty", ""))
    return (
        kind is not None
        and key.get("use", "sig") == "sig"
        and key.get("alg", kind.algorithms[0]) in kind.algorithms
        and key.get("crv", "") in kind.curves
        and len(key.get("kid", "")) <= _MAX_ID_LENGTH
        and all(_NUMBER.fullmatch(key.get(name, "")) for name in kind.numbers)
    )


def _public(key: dict[str, Any]) -> Manifest:
    return {name: key[name] for name in _PUBLIC if isinstance(key.get(name), str)}


def from_cluster(kube: Kube) -> Fetch:
    """Return a function that fetches from the API server."""

    def fetch(path: str) -> Manifest:
        try:
            return kube.document(path)
        except ApiError as error:
            raise IssuerError(str(error)) from error

    return fetch


class Web:
    """Fetches JSON objects: no redirects, no large answers, no long waits."""

    def __init__(self, ca_bundle: str = "") -> None:
        """Take a bundle (PEM) of authorities to trust in addition to the public ones."""
        trusted = without_strict_form(ssl.create_default_context())
        if ca_bundle:
            # Comments between certificates may have any letters.
            trusted.load_verify_locations(cadata=ca_bundle.encode("ascii", "replace").decode())
        timeout = urllib3.Timeout(connect=3, read=5)
        self._pool = urllib3.PoolManager(timeout=timeout, retries=False, ssl_context=trusted)

    def __call__(self, url: str) -> Manifest:
        """Fetch; raise `IssuerError`."""
        if not url.startswith(("https://", "http://")):
            raise IssuerError(f"{url or 'an empty text'} is not a URL")
        try:
            with self._pool.request("GET", url, redirect=False, preload_content=False) as response:
                if response.status != 200:
                    raise IssuerError(f"{url} answers with status {response.status}")
                text = response.read(_MAX_ANSWER_BYTES + 1)
        except urllib3.exceptions.HTTPError as error:
            raise IssuerError(f"{url} cannot be reached: {type(error).__name__}") from error
        return _object(url, text)


def _object(url: str, text: bytes) -> Manifest:
    try:
        content = json.loads(text) if len(text) <= _MAX_ANSWER_BYTES else None
    except ValueError:
        content = None
    if not isinstance(content, dict):
        raise IssuerError(f"{url} does not answer with a JSON object of at most {_MAX_ANSWER_BYTES} bytes")
    return content
