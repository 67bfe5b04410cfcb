"""Single sign-on: the authorization code flow of OpenID Connect, with PKCE, state and nonce (ADR 51).

A browser takes the request to the provider and brings the answer back. The index itself sends one
request, to the token endpoint.
"""

import hmac
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple
from urllib.parse import urlencode

from wheelyard_server.access.id_tokens import Person, person_of
from wheelyard_server.access.open_id_provider import OpenIdProvider
from wheelyard_server.access.pending_logins import PendingLogin, signed, verified
from wheelyard_server.clock import WallClock
from wheelyard_server.errors import ForbiddenError, LoginNeededError, NotFoundError, SignOnError
from wheelyard_server.openid import Client, CodeGrant, TokenEndpoint
from wheelyard_server.openid.provider_words import provider_words

MAX_CODE_LENGTH = 4096
_MAX_SHOWN = 10
_NOT_SILENT = frozenset(
    {"login_required", "interaction_required", "consent_required", "account_selection_required"}
)
"""Answers to `prompt=none`: the provider would have to show a page (OpenID Connect Core 1.0, 3.1.2.6)."""


class Basis(NamedTuple):
    """The part of the sessions file that single sign-on is based on."""

    provider: OpenIdProvider | None
    keys: tuple[str, ...]
    """32 bytes each, in URL-safe base64. The first signs, all verify."""


class Begun(NamedTuple):
    """A login that has begun."""

    state: str
    """Names the login in the provider's answer."""
    cookie: str
    """Kept by the browser until the answer comes."""
    url: str
    """Where the browser goes now."""


class SignedOn(NamedTuple):
    """A person with groups that count here."""

    person: Person
    known_groups: tuple[str, ...]
    """The groups at the provider that are mapped."""


class SingleSignOn:
    """Logins with the provider that is in force."""

    def __init__(self, basis: Callable[[], Basis], endpoint: TokenEndpoint, clock: WallClock) -> None:
        """Take a function that returns the basis in force."""
        self._basis = basis
        self._endpoint = endpoint
        self._clock = clock

    @property
    def issuer(self) -> str:
        """Return the provider in force, "" if there is none."""
        provider = self._basis().provider
        return provider.issuer if provider else ""

    def begin(self, redirect_uri: str, next_path: str, *, is_silent: bool) -> Begun:
        """Return a new login; raise `NotFoundError` without a provider."""
        provider = self._known()
        login = PendingLogin.begin(provider.issuer, redirect_uri, next_path, is_silent=is_silent)
        cookie = signed(login, self._basis().keys, self._clock())
        return Begun(login.state, cookie, _authorization_url(provider, login))

    def pending(self, cookie: str) -> PendingLogin:
        """Return the login that a browser has begun; raise `SignOnError` if it has begun none lately."""
        login = verified(cookie, self._basis().keys, self._clock())
        if login is None:
            raise SignOnError(
                "This answer of the provider belongs to no login that this browser has begun in the last 10 "
                "minutes. Log in again"
            )
        return login

    async def finish(self, login: PendingLogin, answer: Mapping[str, str], address: str) -> SignedOn:
        """Return who has logged in, by the provider's answer: the query that the browser brought.

        Raises `SignOnError`, `LoginNeededError` if a silent login cannot be silent,
        `ForbiddenError` for a person without a group that counts, and what
        `TokenEndpoint.id_token` raises.
        """
        provider = self._known()
        _check_answer(provider, login, answer)
        grant = CodeGrant(answer.get("code", ""), login.redirect_uri, login.verifier)
        if not 0 < len(grant.code) <= MAX_CODE_LENGTH:
            raise SignOnError("The provider has answered without a usable code. Log in again")
        token = await self._endpoint.id_token(_client(provider), grant, address)
        person = person_of(provider, token, login.nonce, self._clock())
        return SignedOn(person, _known_groups(provider, person))

    def _known(self) -> OpenIdProvider:
        provider = self._basis().provider
        if provider is None:
            raise NotFoundError("This index has no single sign-on: log in with a token or a password")
        return provider


def _client(provider: OpenIdProvider) -> Client:
    return Client(provider.token_endpoint, provider.client_id, provider.client_secret, provider.ca_bundle)


def _authorization_url(provider: OpenIdProvider, login: PendingLogin) -> str:
    query = {
        "response_type": "code",
        "client_id": provider.client_id,
        "redirect_uri": login.redirect_uri,
        "scope": " ".join(dict.fromkeys(("openid", *provider.scopes))),
        "state": login.state,
        "nonce": login.nonce,
        "code_challenge": login.challenge,
        "code_challenge_method": "S256",
        **({"prompt": "none"} if login.is_silent else {}),
    }
    # An endpoint may have a query of its own, which is kept (RFC 6749, section 3.1).
    joint = "&" if "?" in provider.authorization_endpoint else "?"
    return f"{provider.authorization_endpoint}{joint}{urlencode(query)}"


def _check_answer(provider: OpenIdProvider, login: PendingLogin, answer: Mapping[str, str]) -> None:
    """Raise `SignOnError` for an answer to another login, of another provider, or with an error."""
    if not hmac.compare_digest(answer.get("state", "").encode(), login.state.encode()):
        raise SignOnError("This answer belongs to another login. Log in again")
    # Some other provider may have sent the browser here, to be given the code (RFC 9207).
    if login.issuer != provider.issuer or answer.get("iss", provider.issuer) != provider.issuer:
        raise SignOnError("Another provider than the one of this index has answered. Log in again")
    error = answer.get("error", "")
    if error in _NOT_SILENT and login.is_silent:
        raise LoginNeededError
    if error:
        words = provider_words(error, answer.get("error_description", ""))
        raise SignOnError(f"The provider has not logged you in ({words}). Log in again, or ask those who run it")


def _known_groups(provider: OpenIdProvider, person: Person) -> tuple[str, ...]:
    """Return the groups that count; raise `ForbiddenError` if there are none."""
    known = provider.known_groups(frozenset(person.groups))
    if known:
        return known
    named = f"It names {_listed(person.groups)}" if person.groups else f"It names none in `{provider.groups_claim}`"
    raise ForbiddenError(
        f"The provider has logged you in as {person.subject}, but none of your groups counts here. {named}. "
        "Ask the owners of this index to map one of your groups in `spec.web.oidc.groups`"
    )


def _listed(groups: Sequence[str]) -> str:
    shown = ", ".join(provider_words(each, "") for each in groups[:_MAX_SHOWN])
    more = len(groups) - _MAX_SHOWN
    return f"{shown} and {more} more" if more > 0 else shown
