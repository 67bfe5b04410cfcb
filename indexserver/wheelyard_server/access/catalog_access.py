"""Hands out the catalog: guarded for the sender of a request, readable for the fast lane.

Nothing above this package holds the catalog itself or decides which listener's rules apply.
"""

import base64
from datetime import UTC, datetime

from wheelyard_server.access.audit import AuditRecord
from wheelyard_server.access.authenticate import TOKEN_USER, PresentedCredentials, authenticate
from wheelyard_server.access.guard import GuardedCatalog
from wheelyard_server.access.passwords import PasswordChecker
from wheelyard_server.access.readable import ReadableCatalog
from wheelyard_server.access.reloading import Access, CurrentAccess
from wheelyard_server.access.rules import ANONYMOUS, Method, Principal, Verb
from wheelyard_server.access.sessions import Sessions
from wheelyard_server.access.single_sign_on import SignedOn
from wheelyard_server.catalog.catalog import Catalog
from wheelyard_server.errors import UnauthenticatedError
from wheelyard_server.settings import Listener


class Login:
    """The credentials of one request, and who that is by the access file that was last in force."""

    def __init__(self, authorization: str | None, address: str) -> None:
        """Take the Authorization header and the client's address; the login counts from now on."""
        self.address = address
        self._credentials = PresentedCredentials(authorization, address, datetime.now(UTC))
        self._access: Access | None = None
        self._principal = ANONYMOUS

    async def principal(self, access: Access, passwords: PasswordChecker) -> Principal:
        """Return who this is by an access file; raise what `authenticate` raises."""
        if self._access is not access:
            self._principal = await authenticate(self._credentials, access.accepted_users, passwords)
            self._access = access
        return self._principal


class SessionLogin:
    """The session of one request to a page; see `Login`."""

    def __init__(self, sessions: Sessions, cookie: str, address: str) -> None:
        """Take the value of the session cookie, "" if there is none, and the client's address."""
        self.address = address
        self._sessions = sessions
        self._cookie = cookie

    async def principal(self, access: Access, _passwords: PasswordChecker) -> Principal:
        """Return who this is by an access file: anonymous, if the session counts for nothing."""
        found = self._sessions.principal(self._cookie, access.accepted_users) if self._cookie else None
        return found or ANONYMOUS


class CatalogAccess:
    """The only way from a request to the catalog."""

    def __init__(
        self, catalog: Catalog, access: CurrentAccess, passwords: PasswordChecker, sessions: Sessions
    ) -> None:
        self.sessions = sessions
        """The sessions of people at the pages."""
        self._catalog = catalog
        self._access = access
        self._passwords = passwords

    async def guarded_catalog(
        self, login: Login | SessionLogin, listener: Listener, record: AuditRecord
    ) -> GuardedCatalog:
        """Return the catalog as the sender may use it, by the rules that are in force now at this listener.

        Raises what `authenticate` raises for credentials that are not valid.
        """
        access, record.address = self._access.access, login.address
        principal = await login.principal(access, self._passwords)
        return GuardedCatalog(self._catalog, access.rules_for(listener), principal, listener, record)

    async def log_in(self, user: str, secret: str, address: str, record: AuditRecord) -> str:
        """Begin a session by a user name and a token or a password, and return its cookie.

        An empty name is for a token, which has its user. Raises what `authenticate` raises.
        """
        access, record.address = self._access.access, address
        encoded = base64.b64encode(f"{user or TOKEN_USER}:{secret}".encode()).decode()
        principal = await Login(f"Basic {encoded}", address).principal(access, self._passwords)
        record.principal, record.method = principal, principal.method
        if principal.method not in (Method.TOKEN, Method.PASSWORD):
            raise UnauthenticatedError("Log in to pages with a token of this index or a password")
        return self.sessions.of_user(principal, secret, access.accepted_users)

    def log_in_person(self, signed_on: SignedOn, record: AuditRecord) -> str:
        """Begin a session of a person whom the provider has logged in, and return its cookie."""
        cookie = self.sessions.of_person(signed_on)
        record.principal = self.sessions.principal(cookie, self._access.access.accepted_users)
        return cookie

    def readable_catalog(self) -> ReadableCatalog:
        """Return the catalog as the fast lane may read it."""
        return ReadableCatalog(self._catalog, self._access)

    def allows_anonymous_reads(self, listener: Listener) -> bool:
        """Return whether anonymous may read any project at this listener."""
        return self._access.access.rules_for(listener).allows_some(ANONYMOUS, Verb.READ)
