import pytest

from unit.wheelyard_operator.fakes import NOW, a_user
from wheelyard_operator.problems import Problem
from wheelyard_operator.resource import Grant, Manifest
from wheelyard_operator.status.user import UserFindings, user_status

READ = Grant(("anonymous",), ("*",), ("read",))
OWN = Grant(("user:x",), ("acme-*", "b"), ("read", "publish"), within=("acme-*",))


def seen(status: Manifest) -> dict[str, tuple[str, str]]:
    return {each["type"]: (each["status"], each["reason"]) for each in status["conditions"]}


def test_an_accepted_user_has_its_status_and_rights() -> None:
    findings = UserFindings(
        "http://x/", (READ, OWN), has_secret=True, token_issued=NOW, next_rotation="later", previous_token_until="l"
    )
    status = user_status(a_user(), findings, NOW)
    assert (status["username"], status["secretName"]) == ("packages.jenkins", "jenkins-pypi")
    assert status["rights"] == ["read: *", "read, publish: acme-*, b (within acme-*)"]
    assert (status["tokenIssued"], status["nextRotation"], status["previousTokenUntil"]) == (NOW, "later", "l")
    assert seen(status)["Ready"] == ("True", "LoginInForce")
    assert seen(status)["GrantsAccepted"] == ("True", "Accepted")
    assert seen(status)["Stalled"][0] == seen(status)["Reconciling"][0] == "False"


def test_missing_times_are_null() -> None:
    status = user_status(a_user(), UserFindings("http://x/"), NOW)
    assert status["tokenIssued"] is status["nextRotation"] is status["previousTokenUntil"] is None


def test_grants_beyond_the_maximum_are_reported() -> None:
    status = user_status(a_user(), UserFindings("http://x/", refused=("group admins", "delete: *")), NOW)
    assert seen(status)["GrantsAccepted"] == ("False", "BeyondMaximum")
    assert "group admins; delete: *." in status["conditions"][1]["message"]
    assert seen(status)["Ready"][0] == "True"


def test_a_glob_from_before_the_bounds_is_reported() -> None:
    user = a_user(grants=[{"packages": ["*a" * 9], "verbs": ["read"]}])
    status = user_status(user, UserFindings("http://x/"), NOW)
    assert seen(status)["GrantsAccepted"] == ("False", "GlobsIgnored")
    assert "spec.grants has the glob *a*a" in status["conditions"][1]["message"]
    assert seen(status)["Ready"][0] == "True"


def test_a_user_that_needs_action_is_stalled() -> None:
    findings = UserFindings(problem=Problem("Ready", "IndexNotFound", "make it"))
    status = user_status(a_user(), findings, NOW)
    assert status["secretName"] == ""
    assert {kind: state for kind, (state, _) in seen(status).items()} == {
        "Ready": "False",
        "GrantsAccepted": "Unknown",
        "Reconciling": "False",
        "Stalled": "True",
    }


def test_a_user_that_waits_is_reconciling_and_not_stalled() -> None:
    findings = UserFindings("http://x/", problem=Problem("Ready", "AccessPending", "", stalled=False))
    status = user_status(a_user(), findings, NOW)
    assert seen(status)["Reconciling"] == ("True", "AccessPending")
    assert seen(status)["Stalled"][0] == "False"


@pytest.mark.parametrize(
    ("taken", "state"),
    [
        (None, ("Unknown", "NotChecked")),
        ((), ("True", "Accepted")),
        (("sub=job (as ci.a)",), ("False", "TrustedBefore")),
    ],
)
def test_jobs_that_log_in_as_another_user_are_reported(
    taken: tuple[str, ...] | None, state: tuple[str, str]
) -> None:
    status = user_status(a_user(service_accounts=["agent"]), UserFindings("http://x/", taken=taken), NOW)
    assert seen(status)["TrustAccepted"] == state
    assert ("sub=job (as ci.a). That user" in str(status)) is bool(taken)
    assert seen(status)["Ready"][0] == "True"
    assert "TrustAccepted" not in seen(user_status(a_user(), UserFindings("http://x/", taken=taken), NOW))
