import json
from typing import Any

import argon2
import pytest

from unit.wheelyard_operator.fakes import CLUSTER_ISSUER, NOW, RSA_KEY, condition, index_body, user_body
from unit.wheelyard_operator.reconcile.world import JENKINS, MAIN, World
from wheelyard_operator import password_costs, passwords, tokens
from wheelyard_operator.desired import access_budget
from wheelyard_operator.desired.access_file import unpacked
from wheelyard_operator.desired.common import decoded, encoded
from wheelyard_operator.reconcile.outcome import GONE
from wheelyard_operator.resource import ROTATE_ANNOTATION, Key, Manifest
from wheelyard_operator.times import later

HUGE = Key("IndexUser", "packages", "huge")
FAR = Key("IndexUser", "ci", "far")
ISSUER = "https://issuer.example"


def consenting(**namespaces: Any) -> dict[str, Any]:
    return index_body(access={"grants": [], "users": {"namespaces": namespaces}})


def password(world: World, name: str = "jenkins-pypi", namespace: str = "packages") -> str:
    return decoded(world.get("Secret", name, namespace), "password")


def access_text(world: World) -> str:
    return unpacked(world.get("Secret", "wheelyard-main-access"))


def change(world: World, **credentials: Any) -> None:
    world.kube.objects["IndexUser", "packages", "jenkins"]["spec"]["credentials"] = credentials


def test_a_user_is_ready_once_every_server_accepts_its_login(world: World) -> None:
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
def test_a_malformed_token_is_replaced(world: World, broken: str) -> None:
    world.kube.put(index_body())
    world.kube.put(user_body())
    world.settle(MAIN, JENKINS)
    world.kube.objects["Secret", "packages", "jenkins-pypi"]["data"] |= encoded({"password": broken})
    world.user()
    assert tokens.is_token(password(world))


def test_a_changed_secret_name_leaves_nothing_behind_and_is_no_new_login(world: World) -> None:
    world.kube.put(index_body())
    world.kube.put(user_body())
    world.settle(MAIN, JENKINS)
    old = password(world)
    change(world, secretName="new")
    world.index()
    assert tokens.digest(old) in access_text(world), "there is no moment without a login"
    world.settle(MAIN, JENKINS)
    assert not world.has("Secret", "jenkins-pypi")
    assert password(world, "new") == old
    assert world.reason(JENKINS) == "LoginInForce"


def test_a_foreign_secret_is_kept(world: World) -> None:
    world.kube.put(index_body())
    world.kube.put(user_body())
    foreign = {"name": "jenkins-pypi", "namespace": "packages"}
    world.kube.put({"kind": "Secret", "metadata": foreign, "data": encoded({"password": "theirs"})})
    world.settle(MAIN, JENKINS)
    assert world.reason(JENKINS) == "SecretNotOwned"
    assert password(world) == "theirs"
    assert '"users":[]' in access_text(world)


def test_a_user_of_a_missing_index_waits_for_it(world: World) -> None:
    world.kube.put(user_body())
    world.user()
    assert world.reason(JENKINS) == "IndexNotFound"
    world.kube.put(index_body())
    world.settle(MAIN, JENKINS)
    assert world.reason(JENKINS) == "LoginInForce"


@pytest.mark.parametrize(
    ("namespaces", "is_admitted"),
    [
        ({"from": "Same"}, False),
        ({"from": "All"}, True),
        ({"from": "Selector", "selector": {"matchLabels": {"team": "ci"}}}, True),
        ({"from": "Selector", "selector": {"matchLabels": {"team": "web"}}}, False),
    ],
)
def test_users_of_other_namespaces_need_the_indexs_consent(
    world: World, namespaces: dict[str, Any], *, is_admitted: bool
) -> None:
    world.kube.put(consenting(**namespaces))
    world.kube.put(user_body("far", "ci", grants=[{"verbs": ["read"]}]))
    world.settle(MAIN, FAR)
    assert world.reason(FAR) == ("LoginInForce" if is_admitted else "NamespaceNotAllowed")
    assert world.has("Secret", "far-pypi", "ci") is is_admitted
    assert ("ci.far" in access_text(world)) is is_admitted


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


def test_a_token_works_at_every_moment_of_a_rotation(world: World) -> None:
    world.kube.put(index_body())
    world.kube.put(user_body(credentials={"rotateEvery": "24h", "overlap": "1h"}))
    world.settle(MAIN, JENKINS)
    old = password(world)
    assert status(world)["nextRotation"] == later(status(world)["tokenIssued"], 86400)
    world.now = status(world)["nextRotation"]
    for _ in range(20):
        assert tokens.digest(password(world)) in access_text(world)
        world.user()
        world.index()
        world.now = later(world.now, 1)
    new = password(world)
    assert new != old
    assert tokens.digest(old) in access_text(world), "in the overlap both work"
    assert status(world)["previousTokenUntil"] > world.now
    assert world.user().after is not None
    world.now = later(world.now, 3600)
    world.settle(MAIN, JENKINS)
    assert tokens.digest(old) not in access_text(world)
    assert "previousTokenUntil" not in status(world)
    assert password(world) == new


def test_a_rotation_can_be_asked_for(world: World) -> None:
    world.kube.put(index_body())
    world.kube.put(user_body())
    world.settle(MAIN, JENKINS)
    old = password(world)
    world.kube.objects["IndexUser", "packages", "jenkins"]["metadata"]["annotations"] = {ROTATE_ANNOTATION: "1"}
    for _ in range(3):
        world.settle(MAIN, JENKINS)
        world.now = later(world.now, 10)
    new = password(world)
    assert new != old
    world.settle(MAIN, JENKINS)
    assert password(world) == new


def test_a_deleted_secret_ends_the_old_token_also_in_the_overlap(world: World) -> None:
    test_a_rotation_can_be_asked_for(world)
    assert len(digests(world)) == 2
    del world.kube.objects["Secret", "packages", "jenkins-pypi"]
    world.settle(MAIN, JENKINS)
    assert len(digests(world)) == 1


def test_at_rest_nothing_is_written(world: World) -> None:
    world.kube.put(index_body())
    body = password_secret(password="correct horse")
    world.kube.put(body)
    world.kube.put(
        user_body(
            credentials={"rotateEvery": "24h", "overlap": "1h", "passwordSecretRef": {"name": "mine"}},
            service_accounts=["agent"],
        )
    )
    world.settle(MAIN, JENKINS)
    world.kube.writes.clear()
    world.now = later(NOW, 1000)
    world.settle(MAIN, JENKINS)
    assert world.kube.writes == []


def password_secret(kind: str = "kubernetes.io/basic-auth", **data: str) -> Manifest:
    return {
        "kind": "Secret",
        "metadata": {"name": "mine", "namespace": "packages"},
        "type": kind,
        "data": encoded(data),
    }


def test_a_password_of_the_teams_own(world: World) -> None:
    world.kube.put(index_body())
    world.kube.put(user_body(credentials={"passwordSecretRef": {"name": "mine"}}))
    world.settle(MAIN, JENKINS)
    assert world.reason(JENKINS) == "PasswordNotFound"
    assert tokens.digest(password(world)) in access_text(world), "the token works all the same"
    world.kube.put(password_secret(password="correct horse"))
    world.settle(MAIN, JENKINS)
    assert world.reason(JENKINS) == "LoginInForce"
    (kept,) = entry(world)["passwords"]
    assert argon2.PasswordHasher().verify(kept["hash"], "correct horse")
    world.kube.put(password_secret(password="battery staple"))
    world.settle(MAIN, JENKINS)
    assert entry(world)["passwords"] != [kept]
    change(world)
    world.settle(MAIN, JENKINS)
    assert "passwords" not in entry(world)
    assert decoded(world.get("Secret", "mine"), "password") == "battery staple", "it is the team's"


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (password_secret("Opaque", password="correct horse"), "must be of type kubernetes.io/basic-auth"),
        (password_secret(), "exactly one of the keys password and passwordHash"),
        (password_secret(password="correct horse", passwordHash="$1$"), "exactly one of the keys"),
        (password_secret(password="short"), "short"),
        (password_secret(password="long" * 65), "too long: take at most 256 bytes"),
    ],
)
def test_a_password_that_cannot_be_used(world: World, body: Manifest, says: str) -> None:
    world.kube.put(index_body())
    world.kube.put(user_body(credentials={"passwordSecretRef": {"name": "mine"}}))
    world.kube.put(body)
    world.settle(MAIN, JENKINS)
    assert world.reason(JENKINS) == "PasswordUnusable"
    message = condition(world.get("IndexUser", "jenkins"), "Ready")["message"]
    assert says in message
    assert "correct horse" not in str(world.get("IndexUser", "jenkins"))
    assert "passwords" not in entry(world)


def test_a_password_of_before_the_bounds_is_said_to_be_too_long(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Index servers refuse it, so that the user must not be Ready."""
    world.kube.put(index_body())
    world.kube.put(user_body(credentials={"passwordSecretRef": {"name": "mine"}}))
    world.kube.put(password_secret(password="correct horse"))
    world.settle(MAIN, JENKINS)
    assert world.reason(JENKINS) == "LoginInForce"
    monkeypatch.setattr(passwords, "MAX_PASSWORD_BYTES", 12)
    world.settle(MAIN, JENKINS)
    assert world.reason(JENKINS) == "PasswordUnusable"


def test_a_hash_of_before_the_bounds_is_in_force_no_more(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.kube.put(index_body())
    world.kube.put(user_body(credentials={"passwordSecretRef": {"name": "mine"}}))
    world.kube.put(password_secret(passwordHash="$2b$12$" + "a" * 53))
    world.settle(MAIN, JENKINS)
    assert world.reason(JENKINS) == "LoginInForce"
    monkeypatch.setattr(password_costs, "MAX_BCRYPT", 11)
    world.settle(MAIN, JENKINS)
    assert world.reason(JENKINS) == "PasswordUnusable"
    message = condition(world.get("IndexUser", "jenkins"), "Ready")["message"]
    assert "this bcrypt hash costs too much: at most 11" in message
    assert "passwords" not in entry(world)
    assert tokens.digest(password(world)) in access_text(world), "the token works all the same"


def test_a_user_without_a_token(world: World) -> None:
    world.kube.put(index_body())
    world.kube.put(user_body(credentials={"token": False}, service_accounts=["agent"]))
    world.settle(MAIN, JENKINS)
    assert world.reason(JENKINS) == "LoginInForce"
    assert digests(world) == []
    assert entry(world)["identities"] == [
        {"issuer": CLUSTER_ISSUER, "claims": {"sub": "system:serviceaccount:packages:agent"}}
    ]
    assert "password" not in world.get("Secret", "jenkins-pypi")["data"]
    assert "tokenIssued" not in status(world)


def test_a_token_that_is_not_wanted_any_more_ends(world: World) -> None:
    world.kube.put(index_body())
    world.kube.put(user_body(service_accounts=["agent"]))
    world.settle(MAIN, JENKINS)
    assert len(digests(world)) == 1
    change(world, token=False)
    world.settle(MAIN, JENKINS)
    assert digests(world) == []


def test_a_cluster_that_hides_its_keys_is_a_condition(world: World) -> None:
    world.kube.documents = None
    world.kube.put(index_body())
    world.kube.put(user_body(service_accounts=["agent"]))
    world.settle(MAIN, JENKINS)
    assert world.reason(JENKINS) == "IssuerUnavailable"
    assert tokens.digest(password(world)) in access_text(world), "the token works all the same"


def test_a_trusted_publisher_needs_an_issuer_that_answers(world: World) -> None:
    publisher = {"oidc": {"issuer": ISSUER, "claims": {"sub": "release"}}}
    world.kube.put(index_body())
    world.kube.put(user_body(trusted_publishers=[publisher]))
    world.settle(MAIN, JENKINS)
    assert world.reason(JENKINS) == "IssuerNotAllowed"
    assert access(world)["issuers"] == access(world)["mintingKeys"] == []
    assert "trustedPublishers" not in entry(world)
    world.boot(allowed_issuers=(ISSUER,))
    world.settle(MAIN, JENKINS)
    assert world.reason(JENKINS) == "IssuerUnavailable"
    world.web = {
        f"{ISSUER}/.well-known/openid-configuration": {"issuer": ISSUER, "jwks_uri": f"{ISSUER}/keys"},
        f"{ISSUER}/keys": {"keys": [RSA_KEY]},
    }
    world.settle(MAIN, JENKINS)
    assert world.reason(JENKINS) == "LoginInForce"
    before = access(world)
    assert before["issuers"] == [{"issuer": ISSUER, "keys": [RSA_KEY]}]
    assert len(before["mintingKeys"]) == 1
    world.web = {}
    world.boot()
    world.settle(MAIN, JENKINS)
    assert access(world) == before, "a silent issuer and a restarted operator lock no user out"


def test_users_of_other_namespaces_stay_within_the_maximum(world: World) -> None:
    maximum = {"groups": ["publishers"], "grants": [{"packages": ["acme-*"], "verbs": ["read", "publish"]}]}
    users = {"namespaces": {"from": "All"}, "maximum": maximum}
    world.kube.put(index_body(access={"grants": [], "users": users}))
    world.kube.put(
        user_body("far", "ci", groups=["publishers", "admins"], grants=[{"verbs": ["publish", "delete"]}])
    )
    world.settle(MAIN, FAR)
    assert world.reason(FAR) == "LoginInForce"
    assert world.reason(FAR, "GrantsAccepted") == "BeyondMaximum"
    assert entry(world)["groups"] == ["publishers"]
    assert access(world)["grants"] == [
        {"subjects": ["user:ci.far"], "packages": ["*"], "within": ["acme-*"], "verbs": ["publish"]}
    ]
    assert world.get("IndexUser", "far", "ci")["status"]["rights"] == ["publish: * (within acme-*)"]


def status(world: World) -> Manifest:
    return dict(world.get("IndexUser", "jenkins")["status"])


def access(world: World) -> Any:
    return json.loads(access_text(world))


def entry(world: World) -> Any:
    (only,) = access(world)["users"]
    return only


def digests(world: World) -> Any:
    return entry(world)["tokenDigests"]


def test_only_the_client_over_its_budget_is_cut_off(world: World) -> None:
    """Such a user was legal before the schema had bounds: those of the same index do not notice."""
    huge = [{"packages": [f"{number}".ljust(128, "x") for number in range(1300)], "verbs": ["read"]}]
    world.kube.put(index_body())
    world.kube.put(user_body("huge", grants=huge))
    world.kube.put(user_body())
    world.settle(MAIN, JENKINS, HUGE)
    assert world.reason(JENKINS) == "LoginInForce"
    assert world.reason(HUGE) == "OverBudget"
    message = condition(world.get("IndexUser", "huge"), "Ready")["message"]
    assert "and may take at most 163840: write fewer" in message
    assert "packages.huge" not in access_text(world)
    assert world.get("PackageIndex", "main")["status"]["users"] == 1
    world.kube.objects["IndexUser", "packages", "huge"]["spec"]["grants"] = []
    world.settle(MAIN, HUGE)
    assert world.reason(HUGE) == "LoginInForce"


def test_when_the_access_file_is_full_the_newest_user_is_notified_and_removals_apply(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(access_budget, "FILE_BYTES", 400)
    world.kube.put(index_body())
    world.kube.put(user_body())
    many = [{"packages": [f"{number}" for number in range(200)], "verbs": ["read"]}]
    world.kube.put(user_body("zzz", grants=many))
    newest = Key("IndexUser", "packages", "zzz")
    world.settle(MAIN, JENKINS, newest)
    assert (world.reason(JENKINS), world.reason(newest)) == ("LoginInForce", "OverBudget")
    assert "is full" in condition(world.get("IndexUser", "zzz"), "Ready")["message"]
    del world.kube.objects["IndexUser", "packages", "jenkins"]
    world.index()
    assert "packages.jenkins" not in access_text(world)


def test_naming_another_users_serviceaccount_is_reported_to_the_newer_user_alone(world: World) -> None:
    world.kube.put(index_body())
    agent: dict[str, Any] = {"service_accounts": ["agent"], "grants": [{"verbs": ["publish"]}]}
    world.kube.put(user_body(uid="1", **agent))
    world.kube.put(user_body("newer", uid="2", **agent))
    newer = Key("IndexUser", "packages", "newer")
    world.settle(MAIN, JENKINS, newer)
    assert condition(world.get("IndexUser", "jenkins"), "TrustAccepted")["status"] == "True"
    told = condition(world.get("IndexUser", "newer"), "TrustAccepted")
    assert (told["status"], told["reason"]) == ("False", "TrustedBefore")
    assert "sub=system:serviceaccount:packages:agent (as packages.jenkins)" in told["message"]
    assert (world.reason(JENKINS), world.reason(newer)) == ("LoginInForce", "LoginInForce")
