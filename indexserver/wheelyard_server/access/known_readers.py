"""Readers whose rights are cached, for as long as the same access file is in force."""

from wheelyard_server.access.authenticate import authenticate_without_waiting
from wheelyard_server.access.fetcher import login_of
from wheelyard_server.access.reloading import Access
from wheelyard_server.access.rules import ANONYMOUS, Method, Principal, Verb
from wheelyard_server.errors import LoginError
from wheelyard_server.names import NormalizedName
from wheelyard_server.settings import Listener

MAX_CACHED_RIGHTS = 256
"""Projects and listeners for which one reader's right is cached."""


class KnownReader:
    """The sender of requests with one Authorization header, or without any.

    Anonymous and the bearers of index tokens may read here. Anyone else may read nothing: passwords
    and signed tokens need a slow check, which `authenticate` makes.
    """

    __slots__ = ("_access", "_authorization", "_principal", "_rights", "login", "method")

    def __init__(self, authorization: str | None) -> None:
        self._authorization = authorization
        self._access: Access | None = None
        self._principal: Principal | None = None
        self.method = Method.NONE
        """How the reader logged in, by the access file that `may_read` was last asked for."""
        self.login = login_of(ANONYMOUS)
        """The same for the fetch log."""
        self._rights: dict[tuple[NormalizedName, Listener], bool] = {}

    @property
    def has_credentials(self) -> bool:
        """Return whether the requests have an Authorization header."""
        return self._authorization is not None

    def may_read(self, access: Access, project: NormalizedName, listener: Listener) -> bool:
        """Return whether the reader may read a project at this listener, by the rules of this access file."""
        if self._access is not access:
            self._log_in(access)
        right = self._rights.get((project, listener))
        if right is None:
            right = self._principal is not None and access.rules_for(listener).allows(
                self._principal, Verb.READ, project
            )
            self._cache(project, listener, right=right)
        return right

    def _log_in(self, access: Access) -> None:
        self._access, self._principal = access, _principal_of(self._authorization, access)
        self.method = Method.NONE if self._principal is None else self._principal.method
        self.login = login_of(self._principal or ANONYMOUS)
        self._rights.clear()

    def _cache(self, project: NormalizedName, listener: Listener, *, right: bool) -> None:
        self._rights[project, listener] = right
        if len(self._rights) > MAX_CACHED_RIGHTS:
            del self._rights[next(iter(self._rights))]


def _principal_of(authorization: str | None, access: Access) -> Principal | None:
    try:
        return authenticate_without_waiting(authorization, access.accepted_users)
    except LoginError:
        return None
