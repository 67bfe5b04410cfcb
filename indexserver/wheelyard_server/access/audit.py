"""The audit record of a request: what it tried to do, and the outcome.

Handlers and the guard fill it; `web/telemetry/audit.py` writes it to the log.
"""

from dataclasses import dataclass
from enum import StrEnum

from wheelyard_server.access.rules import Method, Principal
from wheelyard_server.errors import LoginError


class AuditVerb(StrEnum):
    """The action that a request attempts."""

    READ = "read"
    PUBLISH = "publish"
    YANK = "yank"
    UNYANK = "unyank"
    DELETE = "delete"
    STATUS = "status"
    CLAIM = "claim"
    """Making an upstream's project this index's own."""
    RELEASE = "release"
    """Giving a name without files back."""
    REFRESH = "refresh"
    """Asking an upstream for a page at once."""
    ADVISORIES = "advisories"
    """Loading advisories, or accepting that a feed takes some away."""
    QUARANTINE = "quarantine"
    """Refusing files by hand."""
    LIFT = "lift"
    """Ending a quarantine."""
    LOGIN = "login"
    """Beginning a session at the pages."""
    LOGOUT = "logout"
    """Ending a session."""
    MINT = "mint"
    """Exchanging a CI token for a token of this index."""


class AuditOutcome(StrEnum):
    """How the request ended."""

    DONE = "done"
    REFUSED = "refused"
    """The login or the permission was missing."""
    FAILED = "failed"
    """It failed for any other reason."""


@dataclass(slots=True)
class AuditRecord:
    """One request. The handler sets the verb; the guard sets the rest as soon as it is known."""

    verb: AuditVerb = AuditVerb.READ
    principal: Principal | None = None
    """None until the request is authenticated, even as anonymous."""
    method: Method = Method.NONE
    """How the principal logged in; without a principal, how the client tried to log in."""
    address: str = ""
    """The client's, as trusted proxies report it."""
    project: str = ""
    files: tuple[str, ...] = ()
    sha256: str = ""
    """Digest of the published file."""
    presented_user: str = ""
    """The user name of a refused login."""
    reason: str = ""
    """Why the request was refused or failed."""
    hidden: bool = False
    """The answer denies that the project exists; in fact, the principal may not read it."""
    outcome: AuditOutcome | None = None
    """None for a permitted read, which is not audited."""

    def fail(self, error: BaseException) -> None:
        """Record why the request failed, and for a refused login, who the client said to be."""
        self.reason = str(error) or type(error).__name__
        if isinstance(error, LoginError) and (self.principal is None or self.principal.is_anonymous):
            self.method, self.presented_user = Method(error.tried), error.presented_user
