"""What a request tried to do, and the outcome. Filled along the way, written by `web/telemetry/audit.py`."""

from dataclasses import dataclass
from enum import StrEnum

from wheelyard_server.access.rules import Method, Principal


class AuditVerb(StrEnum):
    """What can be tried."""

    READ = "read"
    PUBLISH = "publish"
    YANK = "yank"
    UNYANK = "unyank"
    DELETE = "delete"
    STATUS = "status"
    MINT = "mint"
    """Changing a CI's token for one of this index."""


class AuditOutcome(StrEnum):
    """What came of it."""

    DONE = "done"
    REFUSED = "refused"
    """For want of a login or of a right."""
    FAILED = "failed"
    """For any other reason."""


@dataclass(slots=True)
class AuditRecord:
    """One request. The handler says the verb, the guard all else, as soon as it is known."""

    verb: AuditVerb = AuditVerb.READ
    principal: Principal | None = None
    """None as long as nobody, not even anonymous, is let in."""
    method: Method = Method.NONE
    """How the principal has logged in; without a principal, how somebody tried to."""
    project: str = ""
    files: tuple[str, ...] = ()
    sha256: str = ""
    """Of a file that is published."""
    presented_user: str = ""
    """Who somebody said to be whose login was refused."""
    reason: str = ""
    """Why it was refused or failed."""
    hidden: bool = False
    """The answer is that there is no such project, the truth that the principal has no right to it."""
    outcome: AuditOutcome | None = None
    """None for reading what may be read: that is not audited."""
