"""What a principal may do, as pages show it."""

from wheelyard_server.access.audit import AuditRecord
from wheelyard_server.access.permission_checks import PermissionChecks
from wheelyard_server.access.rights import Right
from wheelyard_server.access.rules import ANONYMOUS, Grant, Method, Principal, Rules, Verb

GRANTS = (
    Grant(subjects=("anonymous",), verbs=(Verb.READ,), packages=("open-*",)),
    Grant(subjects=("user:team.ann", "group:owners"), verbs=(Verb.YANK, Verb.READ), within=("team-*",)),
    Grant(subjects=("group:platform",), verbs=tuple(Verb)),
)
ANN = Principal.of_user("team.ann", (), Method.TOKEN)
MANAGER = Principal.of_user("team.max", ("platform",), Method.TOKEN)
OPEN = Right(("anonymous",), (Verb.READ,), ("open-*",), ())


def checks(principal: Principal) -> PermissionChecks:
    return PermissionChecks(Rules(GRANTS), principal, AuditRecord())


def test_a_principal_sees_the_grants_for_its_own_subjects_and_no_other_subject() -> None:
    assert checks(ANONYMOUS).rights == (OPEN,)
    assert checks(ANN).rights == (
        OPEN,
        Right(("user:team.ann",), (Verb.READ, Verb.YANK), ("*",), ("team-*",)),
    )


def test_only_a_manager_of_all_projects_sees_the_rights_of_everybody() -> None:
    assert checks(ANONYMOUS).rights_of_everybody == checks(ANN).rights_of_everybody == ()
    assert checks(MANAGER).rights_of_everybody == tuple(map(Right.of, GRANTS))
