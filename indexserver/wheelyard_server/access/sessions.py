"""Sessions of people at the pages: a signed cookie, and no state in any server (ADR 52).

A session names its user and the credential of its login. What that user is and may do now, the
access file says at each request. So a session ends with its user, with its credential, with its
time, or with all others at a moment that the sessions file names.
"""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt

from wheelyard_server.access import tokens
from wheelyard_server.access.accepted_users import AcceptedUsers, principal_of
from wheelyard_server.access.rules import Method, Principal
from wheelyard_server.access.session_file import SessionFile
from wheelyard_server.access.single_sign_on import Basis, SignedOn
from wheelyard_server.clock import WallClock

LIFETIME = timedelta(hours=8)
"""The time of a session from a login by form: a working day."""
SIGN_ON_LIFETIME = timedelta(hours=1)
"""The same from single sign-on, whose provider is asked again after it."""
MAX_COOKIE_LENGTH = 4096
"""Browsers keep no longer one (RFC 6265, section 6.1)."""
_TYPE = "wheelyard-session+jwt"
_ALGORITHM = "HS256"
_OPTIONS: Any = dict.fromkeys(("verify_exp", "verify_iat", "verify_iss", "verify_aud", "verify_sub"), False)


class Sessions:
    """Makes sessions of one index, and says whose they are."""

    def __init__(self, file: Callable[[], SessionFile], index: str, clock: WallClock) -> None:
        """`file` returns the sessions file in force; `index` is the name of this index."""
        self._file = file
        self._index = index
        self._clock = clock

    @property
    def is_open(self) -> bool:
        """Return whether people can log in."""
        return bool(self._file().keys)

    @property
    def issuer(self) -> str:
        """Return the provider of single sign-on, "" if there is none."""
        provider = self._file().oidc
        return provider.issuer if provider is not None and self.is_open else ""

    @property
    def basis(self) -> Basis:
        """Return what single sign-on is based on now."""
        file = self._file()
        return Basis(file.oidc if file.keys else None, file.keys)

    def of_user(self, principal: Principal, secret: str, accepted_users: AcceptedUsers) -> str:
        """Return the cookie of a user who has logged in with a token or a password."""
        claims = {"sub": principal.name, "cred": _credential(principal, secret, accepted_users)}
        return self._signed(claims, LIFETIME)

    def of_person(self, signed_on: SignedOn) -> str:
        """Return the cookie of a person whom the provider has logged in."""
        person = signed_on.person
        groups = list(map(_short, signed_on.known_groups))
        claims = {"iss": person.issuer, "sub": person.subject, "groups": groups}
        return self._signed(claims, SIGN_ON_LIFETIME)

    def principal(self, cookie: str, accepted_users: AcceptedUsers) -> Principal | None:
        """Return whose session this is; None if it counts for nothing, or no longer."""
        claims = self._verified(cookie)
        if claims is None or claims["exp"] <= self._clock().timestamp():
            return None
        return self._person(claims) if "iss" in claims else _user(claims, accepted_users)

    def is_renewable(self, cookie: str) -> bool:
        """Return whether this was a session of the provider in force, which only its age has ended."""
        claims = self._verified(cookie)
        return claims is not None and "iss" in claims and claims["iss"] == self.issuer

    def form_token(self, cookie: str, path: str) -> str:
        """Return the proof that a form for a path was shown to the bearer of this cookie."""
        return next((_proof(key, cookie, path) for key in self._file().keys), "")

    def is_form_token(self, token: str, cookie: str, path: str) -> bool:
        """Return whether `form_token` has returned this."""
        known = (_proof(key, cookie, path) for key in self._file().keys)
        return any(hmac.compare_digest(token.encode(errors="replace"), each.encode()) for each in known)

    def _signed(self, claims: Mapping[str, Any], lifetime: timedelta) -> str:
        now = self._clock()
        times = {"iat": int(now.timestamp()), "exp": int((now + lifetime).timestamp())}
        all_ = {**claims, **times, "idx": self._index, "jti": secrets.token_urlsafe(16)}
        return jwt.encode(all_, _derived(self._file().keys[0], b"session"), _ALGORITHM, {"typ": _TYPE})

    def _verified(self, cookie: str) -> Mapping[str, Any] | None:
        """Return the claims of a cookie of this index that did not begin too early; it may be too old."""
        found = next(self._claims(cookie), None) if len(cookie) <= MAX_COOKIE_LENGTH else None
        if found is None or found.get("idx") != self._index:
            return None
        not_before = self._file().not_before
        return None if not_before is not None and _began(found) < not_before else found

    def _claims(self, cookie: str) -> Iterator[Mapping[str, Any]]:
        for key in self._file().keys:
            try:
                found = jwt.decode_complete(cookie, _derived(key, b"session"), [_ALGORITHM], options=_OPTIONS)
            except jwt.PyJWTError:
                continue
            if found["header"].get("typ") == _TYPE:
                yield found["payload"]

    def _person(self, claims: Mapping[str, Any]) -> Principal | None:
        """Return the person with the groups that are mapped now; without one, the person counts for nothing."""
        provider = self._file().oidc
        if provider is None or provider.issuer != claims["iss"]:
            return None
        known = [each.provider for each in provider.groups if _short(each.provider) in claims["groups"]]
        groups = provider.index_groups(known)
        return Principal.of_person(claims["iss"], claims["sub"], groups) if groups else None


def _user(claims: Mapping[str, Any], accepted_users: AcceptedUsers) -> Principal | None:
    user = accepted_users.by_name.get(claims["sub"])
    if user is None:
        return None
    known = map(_fingerprint, (*user.token_digests, _all_hashes(user.name, accepted_users)))
    return principal_of(user, Method.SESSION) if claims["cred"] in known else None


def _credential(principal: Principal, secret: str, accepted_users: AcceptedUsers) -> str:
    """Return the fingerprint of what the user has logged in with: a token, or any of the user's passwords."""
    if principal.method is Method.TOKEN:
        return _fingerprint(tokens.digest(secret))
    return _fingerprint(_all_hashes(principal.name or "", accepted_users))


def _all_hashes(user: str, accepted_users: AcceptedUsers) -> str:
    """Return all password hashes of a user: each change of a password ends the sessions by passwords."""
    return " ".join(sorted(each.hash for each in accepted_users.passwords.get(user, ())))


def _short(group: str) -> str:
    """Return a digest of a group's name: a cookie has no room for a hundred names."""
    return base64.urlsafe_b64encode(hashlib.sha256(group.encode()).digest()[:12]).decode()


def _fingerprint(digest: str) -> str:
    return hashlib.sha256(digest.encode()).hexdigest()[:32]


def _began(claims: Mapping[str, Any]) -> datetime:
    return datetime.fromtimestamp(claims["iat"], UTC)


def _proof(key: str, cookie: str, path: str) -> str:
    text = f"{hashlib.sha256(cookie.encode(errors='replace')).hexdigest()} {path}"
    return hmac.new(_derived(key, b"form"), text.encode(), hashlib.sha256).hexdigest()


def _derived(key: str, purpose: bytes) -> bytes:
    """Return the key of one purpose alone: what it signs never counts for another."""
    return hmac.digest(base64.urlsafe_b64decode(key + "=="), b"wheelyard " + purpose, "sha256")
