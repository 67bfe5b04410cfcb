"""ID tokens: from untrusted text to a person whom the provider has logged in.

The checks are those of OpenID Connect Core 1.0, section 3.1.3.7.
"""

import hmac
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from wheelyard_server.access.access_file import Issuer
from wheelyard_server.access.open_id_provider import MAX_GROUPS, OpenIdProvider
from wheelyard_server.access.signed_tokens import SignedTokenVerifier, is_signed_token
from wheelyard_server.errors import SignOnError, UnauthenticatedError

MAX_SUBJECT_LENGTH = 255
"""OpenID Connect Core 1.0, section 2."""
_SUBJECT = re.compile(rf"[ -~]{{1,{MAX_SUBJECT_LENGTH}}}")
MAX_GROUP_LENGTH = 256


class Person(NamedTuple):
    """A person whom a provider has logged in."""

    issuer: str
    subject: str
    """The provider's lasting identifier of the person. It is unique at this provider alone."""
    groups: tuple[str, ...]
    """The groups at the provider, mapped or not."""


def person_of(provider: OpenIdProvider, unverified_token: str, nonce: str, now: datetime) -> Person:
    """Return the person of a valid ID token that was made for this login; raise `SignOnError` for any other.

    The algorithm follows from the type of the key, never from the token: `none` and HMAC, for which
    a public key would be the secret, are not possible.
    """
    claims = _verified(provider, unverified_token, now)
    _check_for_login(provider, claims, nonce)
    subject = claims.get("sub")
    if not isinstance(subject, str) or not _SUBJECT.fullmatch(subject):
        raise _refused("its `sub` names no person")
    return Person(provider.issuer, subject, _groups(claims.get(provider.groups_claim)))


def _verified(provider: OpenIdProvider, unverified_token: str, now: datetime) -> Mapping[str, Any]:
    if not is_signed_token(unverified_token):
        raise _refused("it is not a signed token, or too long")
    verifier = SignedTokenVerifier(provider.client_id, [Issuer(issuer=provider.issuer, keys=provider.keys)])
    try:
        return verifier.verify(unverified_token, now).claims
    except UnauthenticatedError as error:
        raise _refused(str(error)) from error


def _check_for_login(provider: OpenIdProvider, claims: Mapping[str, Any], nonce: str) -> None:
    presenter, audience, sent = claims.get("azp"), claims.get("aud"), claims.get("nonce")
    is_shared = isinstance(audience, list) and len(audience) > 1
    if presenter != provider.client_id and (is_shared or presenter is not None):
        raise _refused("it is for another client: its `azp` is not the `clientId` of this index")
    if not isinstance(sent, str) or not hmac.compare_digest(sent.encode(errors="replace"), nonce.encode()):
        raise _refused("it belongs to another login: its `nonce` is not that of this one")
    if not isinstance(claims.get("iat"), int | float):
        raise _refused("it does not say when it was made (`iat`)")


def _groups(claim: object) -> tuple[str, ...]:
    """Return the names of groups: some providers send a single one as a string."""
    named = claim if isinstance(claim, list) else [claim]
    return tuple(each for each in named[:MAX_GROUPS] if isinstance(each, str) and 0 < len(each) <= MAX_GROUP_LENGTH)


def _refused(why: str) -> SignOnError:
    return SignOnError(
        f"The ID token of the provider is refused: {why}. Log in again, and if that repeats, report it"
    )
