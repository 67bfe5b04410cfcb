from __future__ import annotations

from unit.wheelyard_operator.fakes import NOW, a_user
from wheelyard_operator.problems import Problem
from wheelyard_operator.resource import Manifest
from wheelyard_operator.status.user import user_status


def seen(status: Manifest) -> dict[str, tuple[str, str]]:
    return {each["type"]: (each["status"], each["reason"]) for each in status["conditions"]}


def test_in_force() -> None:
    status = user_status(a_user(), "http://x/", None, NOW)
    assert (status["username"], status["secretName"]) == ("packages.jenkins", "jenkins-pypi")
    assert seen(status)["Ready"] == ("True", "LoginInForce")
    assert seen(status)["Stalled"][0] == seen(status)["Reconciling"][0] == "False"


def test_somebody_has_to_act() -> None:
    status = user_status(a_user(), "", Problem("Ready", "IndexNotFound", "make it"), NOW)
    assert status["secretName"] == ""
    assert {kind: state for kind, (state, _) in seen(status).items()} == {
        "Ready": "False",
        "Reconciling": "False",
        "Stalled": "True",
    }


def test_in_a_moment() -> None:
    status = user_status(a_user(), "http://x/", Problem("Ready", "AccessPending", "", stalled=False), NOW)
    assert seen(status)["Reconciling"] == ("True", "AccessPending")
    assert seen(status)["Stalled"][0] == "False"
