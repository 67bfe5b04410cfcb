"""Checks what one principal may do, and records each attempt."""

from wheelyard_server.access.audit import AuditRecord
from wheelyard_server.access.rights import Right
from wheelyard_server.access.rules import ANONYMOUS, Principal, Rules, Verb
from wheelyard_server.errors import ForbiddenError, NotFoundError, UnauthenticatedError
from wheelyard_server.names import NormalizedName


class PermissionChecks:
    """The permissions of `principal` by `rules`; attempts are written to `record`."""

    def __init__(self, rules: Rules, principal: Principal, record: AuditRecord) -> None:
        self.principal = principal
        self._record = record
        record.principal, record.method = principal, principal.method
        self._rules = rules

    @property
    def verbs(self) -> tuple[Verb, ...]:
        """Return the verbs that the principal may use on at least some projects."""
        return tuple(verb for verb in Verb if self._rules.allows_some(self.principal, verb))

    @property
    def rights(self) -> tuple[Right, ...]:
        """Return what the principal may do at its listener, and as which subjects."""
        found = (Right.of(grant).for_principal(self.principal) for grant in self._rules.grants)
        return tuple(right for right in found if right.subjects)

    @property
    def rights_of_everybody(self) -> tuple[Right, ...]:
        """Return all grants of the listener, for principals that may manage the whole index; () for others."""
        if not self._rules.allows_all(self.principal, Verb.MANAGE):
            return ()
        return tuple(map(Right.of, self._rules.grants))

    def require_any_right(self) -> None:
        """Refuse a client without a login that may do nothing at all."""
        if self.principal.is_anonymous and not self.verbs:
            raise UnauthenticatedError("Log in to use this index")

    def is_public(self, name: NormalizedName) -> bool:
        """Return whether a project may be read without a login."""
        return self._rules.allows(ANONYMOUS, Verb.READ, name)

    def _may(self, verb: Verb, name: NormalizedName) -> bool:
        return self._rules.allows(self.principal, verb, name)

    def _require(self, verb: Verb, name: NormalizedName, *filenames: str) -> None:
        self._record.project, self._record.files = name, filenames
        if self._may(verb, name):
            return
        if verb is Verb.READ and not self.principal.is_anonymous:
            self._record.hidden = True
            raise NotFoundError("No such project in this index")
        # Naming the project reveals nothing: the name is the client's own, whether the project
        # exists or not.
        self._refuse(verb, f"the project {name}")

    def _require_some(self, verb: Verb) -> None:
        if not self._rules.allows_some(self.principal, verb):
            self._refuse(verb, "any project")

    def _require_all(self, verb: Verb) -> None:
        if not self._rules.allows_all(self.principal, verb):
            self._refuse(verb, "all projects")

    def _refuse(self, verb: Verb, what: str) -> None:
        if self.principal.is_anonymous:
            raise UnauthenticatedError(f"Log in to {verb} {what}")
        raise ForbiddenError(f"The user {self.principal} has no permission to {verb} {what}")
