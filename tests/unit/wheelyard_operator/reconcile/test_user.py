from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from unit.wheelyard_operator.fakes import condition, index_body, user_body
from unit.wheelyard_operator.reconcile.world import JENKINS, MAIN
from wheelyard_operator import tokens
from wheelyard_operator.desired.common import decoded, encoded
from wheelyard_operator.reconcile.outcome import GONE
from wheelyard_operator.resource import Key

if TYPE_CHECKING:
    from unit.wheelyard_operator.reconcile.world import World

FAR = Key("IndexUser", "ci", "far")


def consenting(**namespaces: Any) -> dict[str, Any]:
    return index_body(access={"grants": [], "users": {"namespaces": namespaces}})


def password(world: World, name: str = "jenkins-pypi", namespace: str = "packages") -> str:
    return decoded(world.get("Secret", name, namespace), "password")


def access_text(world: World) -> str:
    return decoded(world.get("Secret", "wheelyard-main-access"), "access.yaml")


def test_a_login_that_is_in_force(world: World) -> None:
    world.kube.put(index_body())
    world.kube.put(user_body())
    world.index()
    assert world.user().after == 1.0
    assert world.reason(JENKINS) == "AccessPending"
    world.index()
    world.user()
    assert world.reason(JENKINS) == "LoginInForce"
    assert tokens.is_token(password(world))
    status = world.get("IndexUser", "jenkins")["status"]
    assert (status["username"], status["secretName"]) == ("packages.jenkins", "jenkins-pypi")


def test_a_deleted_secret_comes_back_with_a_new_token(world: World) -> None:
    world.kube.put(index_body())
    world.kube.put(user_body())
    world.settle(MAIN, JENKINS)
    old = password(world)
    del world.kube.objects["Secret", "packages", "jenkins-pypi"]
    world.index()
    assert tokens.digest(old) not in access_text(world), "the old one ends at once"
    world.settle(MAIN, JENKINS)
    assert password(world) != old
    assert tokens.digest(password(world)) in access_text(world)


@pytest.mark.parametrize("broken", ["", "hunter2", "wy_" + "0" * 49])
def test_what_is_no_token_is_replaced(world: World, broken: str) -> None:
    world.kube.put(index_body())
    world.kube.put(user_body())
    world.settle(MAIN, JENKINS)
    world.kube.objects["Secret", "packages", "jenkins-pypi"]["data"] |= encoded({"password": broken})
    world.user()
    assert tokens.is_token(password(world))


def test_a_changed_secret_name_leaves_nothing_behind(world: World) -> None:
    world.kube.put(index_body())
    world.kube.put(user_body())
    world.settle(MAIN, JENKINS)
    old = password(world)
    world.kube.objects["IndexUser", "packages", "jenkins"]["spec"]["credentials"] = {"secretName": "new"}
    world.settle(MAIN, JENKINS)
    assert not world.has("Secret", "jenkins-pypi")
    assert tokens.digest(old) not in access_text(world)
    assert world.reason(JENKINS) == "LoginInForce"


def test_a_secret_of_somebody_else_stays(world: World) -> None:
    world.kube.put(index_body())
    world.kube.put(user_body())
    foreign = {"name": "jenkins-pypi", "namespace": "packages"}
    world.kube.put({"kind": "Secret", "metadata": foreign, "data": encoded({"password": "theirs"})})
    world.settle(MAIN, JENKINS)
    assert world.reason(JENKINS) == "SecretNotOwned"
    assert password(world) == "theirs"
    assert "users: []" in access_text(world)


def test_no_index(world: World) -> None:
    world.kube.put(user_body())
    world.user()
    assert world.reason(JENKINS) == "IndexNotFound"
    world.kube.put(index_body())
    world.settle(MAIN, JENKINS)
    assert world.reason(JENKINS) == "LoginInForce"


@pytest.mark.parametrize(
    ("namespaces", "admitted"),
    [
        ({"from": "Same"}, False),
        ({"from": "All"}, True),
        ({"from": "Selector", "selector": {"matchLabels": {"team": "ci"}}}, True),
        ({"from": "Selector", "selector": {"matchLabels": {"team": "web"}}}, False),
    ],
)
def test_users_of_other_namespaces(world: World, namespaces: dict[str, Any], *, admitted: bool) -> None:
    world.kube.put(consenting(**namespaces))
    world.kube.put(user_body("far", "ci", grants=[{"verbs": ["read"]}]))
    world.settle(MAIN, FAR)
    assert world.reason(FAR) == ("LoginInForce" if admitted else "NamespaceNotAllowed")
    assert world.has("Secret", "far-pypi", "ci") is admitted
    assert ("ci.far" in access_text(world)) is admitted


def test_consent_can_be_taken_back(world: World) -> None:
    world.kube.put(consenting(**{"from": "All"}))
    world.kube.put(user_body("far", "ci"))
    world.settle(MAIN, FAR)
    world.kube.put(consenting(**{"from": "Same"}))
    world.index()
    assert "ci.far" not in access_text(world)
    world.user(FAR)
    assert not world.has("Secret", "far-pypi", "ci")
    assert condition(world.get("IndexUser", "far", "ci"), "Stalled")["status"] == "True"


def test_a_deleted_user_needs_nothing(world: World) -> None:
    assert world.user() == GONE
    body = user_body()
    body["metadata"]["deletionTimestamp"] = "now"
    world.kube.put(body)
    assert world.user() == GONE
    assert world.kube.writes == []


def test_no_token_anywhere_but_in_its_secret(world: World) -> None:
    world.kube.put(index_body())
    world.kube.put(user_body())
    world.settle(MAIN, JENKINS)
    token = password(world)
    everything = {key: body for key, body in world.kube.objects.items() if key[2] != "jenkins-pypi"}
    assert token not in str(everything)
    assert token not in str(world.kube.events)
