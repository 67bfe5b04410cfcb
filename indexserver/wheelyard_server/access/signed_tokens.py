"""Signed tokens (JWT, RFC 7519): from untrusted text to claims that an issuer has signed.

The keys come from `access.yaml`: an index server contacts no issuer.
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
"""Maximum number of keys per issuer: a token without `kid` is tried with each."""
MAX_NUMBER_LENGTH = 16 * 1024
"""Maximum characters of a value in a key. OpenSSL itself refuses an RSA modulus above 16384
bits."""
LEEWAY_SECONDS = 10
"""Tolerated difference between the clocks of an issuer and this server."""

_SHAPE = re.compile(r"eyJ[A-Za-z0-9_-]*\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
_ALGORITHMS = {
    "RSA": ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    "EC": ("ES256", "ES384", "ES512"),
    "OKP": ("EdDSA",),
}
"""Accepted algorithms by type of key. A token's own `alg` never widens this; `none` and HMAC are
excluded."""

_VERIFIED = {"iss", "aud", "exp", "nbf", "iat"}
"""Claims that are checked for every token. A `TokenIdentity` lists further required claims. Others
are ignored."""


@dataclass(frozen=True, slots=True)
class SignedClaims:
    """Claims that an issuer has signed for this index, and that are currently valid."""

    issuer: str
    claims: Mapping[str, Any]

    @property
    def expires(self) -> datetime:
        """Return when the claims expire."""
        return datetime.fromtimestamp(self.claims["exp"], UTC)

    def fit(self, identity: TokenIdentity) -> bool:
        """Return whether the issuer and all required claims are those of this identity."""
        return self.issuer == identity.issuer and all(
            _fits(self.claims.get(name), wanted) for name, wanted in identity.claims.items()
        )


def is_signed_token(text: str) -> bool:
    """Return whether this text has the form of a signed token."""
    return len(text) <= MAX_TOKEN_LENGTH and _SHAPE.fullmatch(text) is not None


class SignedTokenVerifier:
    """Verifies tokens of the issuers of one access file."""

    def __init__(self, audience: str, issuers: Iterable[Issuer]) -> None:
        """`audience` is the required audience of tokens; empty accepts none."""
        self._audience = audience
        self._keys = {each.issuer: _keys(each) for each in issuers} if audience else {}

    def verify(self, unverified_token: str, now: datetime) -> SignedClaims:
        """Return the claims of a valid token; raise `UnauthenticatedError` for any other."""
        try:
            header = jwt.get_unverified_header(unverified_token)
            unverified = jwt.decode(unverified_token, options={"verify_signature": False})
        except jwt.PyJWTError:
            raise UnauthenticatedError("The token is damaged") from None
        issuer = unverified.get("iss")
        if not isinstance(issuer, str) or issuer not in self._keys:
            raise UnauthenticatedError(f"This index does not trust the issuer of the token: {str(issuer)[:100]}")
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
        raise UnauthenticatedError("The signature of the token is invalid, or its key is not known yet")

    def _check_audience(self, claims: Mapping[str, Any]) -> None:
        audience = claims.get("aud")
        if self._audience not in (audience if isinstance(audience, list) else [audience]):
            raise UnauthenticatedError(f"The token is not for this index: ask for the audience {self._audience}")


def _check_times(claims: Mapping[str, Any], now: datetime) -> None:
    expires, *begins = (_time(claims.get(name)) for name in ("exp", "nbf", "iat"))
    if expires is None:
        raise UnauthenticatedError("The token has no expiry time")
    if expires + LEEWAY_SECONDS <= now.timestamp():
        raise UnauthenticatedError(
            f"The token expired at {datetime.fromtimestamp(expires, UTC):%Y-%m-%dT%H:%M:%SZ}"
        )
    if any(begin is not None and begin - LEEWAY_SECONDS > now.timestamp() for begin in begins):
        raise UnauthenticatedError("The token is not valid yet: the clocks of its issuer and this server differ")


_LAST_TIME = datetime(9999, 1, 1, tzinfo=UTC).timestamp()


def _time(value: object) -> float | None:
    """Return a NumericDate (RFC 7519, section 2); None for other values, including booleans."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < _LAST_TIME:
        return None
    return float(value)


def _fits(value: object, wanted: str) -> bool:
    """Return whether a claim has the wanted value; lists never fit, since it is undefined which item counts."""
    if not isinstance(value, str):
        return False
    return value.startswith(wanted[:-1]) if wanted.endswith("*") else value == wanted


def _keys(issuer: Issuer) -> tuple[jwt.PyJWK, ...]:
    if len(issuer.keys) > MAX_KEYS:
        log.warning("Issuer %s has %d keys: only the first %d are used", issuer.issuer, len(issuer.keys), MAX_KEYS)
    return tuple(key for body in issuer.keys[:MAX_KEYS] if (key := _key(issuer.issuer, body)) is not None)


def _key(issuer: str, body: object) -> jwt.PyJWK | None:
    """Return a usable key; None if it is not: a bad key must not disable the others."""
    try:
        return _parsed(body)
    except Exception as error:  # noqa: BLE001 - the library also raises NotImplementedError and others
        log.warning("A key of issuer %s cannot be used: %.200s", issuer, str(error) or type(error).__name__)
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
    """Return the algorithms that the key may have signed with, by its `alg` or else its type."""
    possible = _ALGORITHMS[str(key.key_type)]
    return [key.algorithm_name] if key.algorithm_name in possible else []
