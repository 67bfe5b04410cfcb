"""Signed tokens (JWT, RFC 7519): from a text that anybody may have written to claims that an issuer stands for.

The keys come from `access.yaml`: an index server asks nobody.
"""

import logging
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import jwt

from wheelyard_server.access.access_file import Issuer, TokenIdentity
from wheelyard_server.errors import UnauthenticatedError

log = logging.getLogger(__name__)

MAX_TOKEN_LENGTH = 16 * 1024
MAX_KEYS = 100
"""Of one issuer: a token without `kid` is tried with each."""
MAX_NUMBER_LENGTH = 16 * 1024
"""Characters of a value of a key. OpenSSL itself refuses an RSA modulus of more than 16384 bits."""
LEEWAY_SECONDS = 10
"""How far the clocks of an issuer and this server may be apart."""

_SHAPE = re.compile(r"eyJ[A-Za-z0-9_-]*\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
_ALGORITHMS = {
    "RSA": ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    "EC": ("ES256", "ES384", "ES512"),
    "OKP": ("EdDSA",),
}
"""By the type of a key. What a token says of its algorithm never widens this: none and HMAC are not in it."""

_VERIFIED = {"iss", "aud", "exp", "nbf", "iat"}
"""Claims whose meaning is checked for every token. What else it must have, an `Identity` says; all other claims are
ignored."""


@dataclass(frozen=True, slots=True)
class SignedClaims:
    """What an issuer said, for this index, and not long ago."""

    issuer: str
    claims: Mapping[str, Any]

    @property
    def expires(self) -> datetime:
        """When it ends to be true."""
        return datetime.fromtimestamp(self.claims["exp"], UTC)

    def fit(self, identity: TokenIdentity) -> bool:
        """Return whether they are this identity's: its issuer, and every claim that it asks for."""
        return self.issuer == identity.issuer and all(
            _fits(self.claims.get(name), wanted) for name, wanted in identity.claims.items()
        )


def is_signed_token(text: str) -> bool:
    """Return whether this can be a signed token at all."""
    return len(text) <= MAX_TOKEN_LENGTH and _SHAPE.fullmatch(text) is not None


class SignedTokenVerifier:
    """Believes the issuers of one access file."""

    def __init__(self, audience: str, issuers: Iterable[Issuer]) -> None:
        """`audience` is what tokens must have been made for; empty believes nobody."""
        self._audience = audience
        self._keys = {each.issuer: _keys(each) for each in issuers} if audience else {}

    def verify(self, unverified_token: str, now: datetime) -> SignedClaims:
        """Return what is in a token; raise `UnauthenticatedError` for one that is not to be believed."""
        try:
            header = jwt.get_unverified_header(unverified_token)
            unverified = jwt.decode(unverified_token, options={"verify_signature": False})
        except jwt.PyJWTError:
            raise UnauthenticatedError("The password is not a token: it is damaged") from None
        issuer = unverified.get("iss")
        if not isinstance(issuer, str) or issuer not in self._keys:
            raise UnauthenticatedError(f"This index does not know the issuer of the token: {str(issuer)[:100]}")
        claims = self._signed(unverified_token, self._keys[issuer], header.get("kid"))
        self._check_audience(claims)
        _check_times(claims, now)
        return SignedClaims(issuer, claims)

    def _signed(self, unverified_token: str, keys: Iterable[jwt.PyJWK], key_id: object) -> dict[str, Any]:
        options: Any = dict.fromkeys((f"verify_{claim}" for claim in _VERIFIED), False)
        for key in keys:
            if key_id in (None, key.key_id):
                try:
                    return jwt.decode(unverified_token, key, _algorithms(key), options=options)
                except jwt.PyJWTError:
                    continue
        raise UnauthenticatedError("The token is not signed by its issuer, or with a key that is not known yet")

    def _check_audience(self, claims: Mapping[str, Any]) -> None:
        audience = claims.get("aud")
        if self._audience not in (audience if isinstance(audience, list) else [audience]):
            raise UnauthenticatedError(f"The token is not for this index: ask for the audience {self._audience}")


def _check_times(claims: Mapping[str, Any], now: datetime) -> None:
    expires, *begins = (_time(claims.get(name)) for name in ("exp", "nbf", "iat"))
    if expires is None:
        raise UnauthenticatedError("The token has no time at which it expires")
    if expires + LEEWAY_SECONDS <= now.timestamp():
        raise UnauthenticatedError(
            f"The token has expired at {datetime.fromtimestamp(expires, UTC):%Y-%m-%dT%H:%M:%SZ}"
        )
    if any(begin is not None and begin - LEEWAY_SECONDS > now.timestamp() for begin in begins):
        raise UnauthenticatedError("The token is not valid yet: the clocks differ")


_LAST_TIME = datetime(9999, 1, 1, tzinfo=UTC).timestamp()


def _time(value: object) -> float | None:
    """Return a NumericDate (RFC 7519, section 2); a boolean is none, though Python would have it so."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < _LAST_TIME:
        return None
    return float(value)


def _fits(value: object, wanted: str) -> bool:
    """Compare texts only: of a list nobody said which of its items counts."""
    if not isinstance(value, str):
        return False
    return value.startswith(wanted[:-1]) if wanted.endswith("*") else value == wanted


def _keys(issuer: Issuer) -> tuple[jwt.PyJWK, ...]:
    if len(issuer.keys) > MAX_KEYS:
        log.warning("Issuer %s has %d keys: the first %d count", issuer.issuer, len(issuer.keys), MAX_KEYS)
    return tuple(key for body in issuer.keys[:MAX_KEYS] if (key := _key(issuer.issuer, body)) is not None)


def _key(issuer: str, body: object) -> jwt.PyJWK | None:
    """Return a usable key; None drops one that is not: it must not close the door to everybody else."""
    try:
        return _parsed(body)
    except Exception as error:  # noqa: BLE001 - foreign: the library raises NotImplementedError and others, too
        log.warning("A key of issuer %s is not usable: %.200s", issuer, str(error) or type(error).__name__)
        return None


def _parsed(body: object) -> jwt.PyJWK:
    if not isinstance(body, dict) or body.get("kty") not in _ALGORITHMS:
        raise ValueError(f"its `kty` must be one of {', '.join(_ALGORITHMS)}")
    if any(isinstance(value, str) and len(value) > MAX_NUMBER_LENGTH for value in body.values()):
        raise ValueError(f"it has a value of more than {MAX_NUMBER_LENGTH} characters")
    key = jwt.PyJWK(body)
    if not _algorithms(key):
        raise ValueError(f"its `alg` must be one of {', '.join(_ALGORITHMS[body['kty']])}")
    return key


def _algorithms(key: jwt.PyJWK) -> list[str]:
    """Return what the key may have signed with: the key says so, or else its type does."""
    possible = _ALGORITHMS[str(key.key_type)]
    return [key.algorithm_name] if key.algorithm_name in possible else []
