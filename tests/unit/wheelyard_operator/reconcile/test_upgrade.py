"""What an operator with closed defaults does with indexes and users that an earlier one has made."""

import copy
import json
from typing import Any
from unittest.mock import Mock

import pytest

from unit.wheelyard_operator.fakes import CLUSTER_ISSUER, RSA_KEY, condition, index_body, own_credentials, user_body
from unit.wheelyard_operator.reconcile.world import JENKINS, MAIN, World
from wheelyard_operator.desired.access_file import unpacked
from wheelyard_operator.desired.common import decoded, encoded
from wheelyard_operator.reconcile import accepted_users
from wheelyard_operator.resource import Manifest
from wheelyard_operator.resource.publishers import GITHUB_ISSUER

HOST = "pypi.example.com"
EXPOSED: Manifest = {
    "ingress": {"host": HOST, "annotations": {"nginx.ingress.kubernetes.io/proxy-body-size": "8m"}},
    "httpRoute": {"parentRefs": [{"name": "public"}], "hostnames": [HOST]},
}
GITHUB: Manifest = {"github": {"repository": "acme/app", "workflow": "release.yml"}}
CLOSED: dict[str, Any] = {"allowed_buckets": (), "allowed_hosts": (), "allowed_ingress_annotations": ()}


def change(world: World, **changes: Any) -> None:
    """Edit the spec of the index, as its owner does."""
    live, body = world.kube.objects[MAIN.kind, MAIN.namespace, MAIN.name], index_body(**changes)
    live["spec"], live["metadata"]["generation"] = body["spec"], live["metadata"]["generation"] + 1


def upgrade(world: World) -> None:
    world.boot(**CLOSED)
    world.settle()


def spec_of(world: World, kind: str) -> Any:
    return world.get(kind, "wheelyard-main")["spec"]


def allowed(world: World) -> Manifest:
    return condition(world.get("PackageIndex", "main"), "Allowed")


def has_allowed(world: World) -> bool:
    return "Allowed" in {each["type"] for each in world.get("PackageIndex", "main")["status"]["conditions"]}


def test_a_running_index_goes_on_as_it_is_with_a_condition_that_names_what_to_add(world: World) -> None:
    world.kube.put(index_body(spec=EXPOSED))
    world.settle()
    assert not has_allowed(world)
    kinds = ("Deployment", "Ingress", "HTTPRoute")
    before = {kind: copy.deepcopy(spec_of(world, kind)) for kind in kinds}
    key = decoded(world.get("Secret", "wheelyard-main-storage"), "AWS_ACCESS_KEY_ID")
    upgrade(world)
    assert {kind: spec_of(world, kind) for kind in kinds} == before
    assert decoded(world.get("Secret", "wheelyard-main-storage"), "AWS_ACCESS_KEY_ID") == key
    assert world.reason(kind="StorageReady") == "BucketReady"
    assert world.reason(kind="CredentialsReady") == "KeyIssued"
    assert world.reason(kind="Available") == "Serving"
    said = allowed(world)
    assert (said["status"], said["reason"]) == ("False", "BucketNotAllowed")
    for name in ("aws.allowedBuckets", "external.allowedHosts", "external.allowedIngressAnnotations", "acme", HOST):
        assert name in said["message"]
    assert condition(world.get("PackageIndex", "main"), "Stalled")["status"] == "False"
    world.boot(allowed_buckets=("acme",), allowed_hosts=(HOST,))
    world.settle()
    assert allowed(world)["reason"] == "AnnotationNotAllowed"


def test_an_index_is_intact_after_the_upgrade(world: World) -> None:
    """Rights, rotation, drift and deletion go on."""
    world.kube.put(index_body())
    world.settle()
    upgrade(world)
    before = decoded(world.get("Secret", "wheelyard-main-storage"), "AWS_ACCESS_KEY_ID")
    world.kube.put(user_body())
    metadata = world.kube.objects[MAIN.kind, MAIN.namespace, MAIN.name]["metadata"]
    metadata["annotations"] = {"wheelyard.dev/rotate": "1"}
    del world.kube.objects["Service", "packages", "wheelyard-main"]
    world.settle(MAIN, JENKINS)
    assert world.reason(JENKINS) == "LoginInForce"
    assert world.has("Service", "wheelyard-main")
    assert decoded(world.get("Secret", "wheelyard-main-storage"), "AWS_ACCESS_KEY_ID") != before
    assert allowed(world)["reason"] == "BucketNotAllowed"


def test_what_was_claimed_of_a_copy_before_goes_on(world: World) -> None:
    """An earlier operator took a marker without an owner for consent.

    The key exists and is in use.
    """
    world.kube.put(index_body())
    world.settle()
    world.clients.own_s3("us-east-1").put_object(Bucket="acme", Key="wheelyard.json", Body=b'{"index": null}')
    world.seconds += 100
    world.index()
    assert world.reason(kind="StorageReady") == "BucketReady"


@pytest.mark.parametrize("changes", [{"s3__bucket": "payroll"}, {"s3__prefix": "other/"}])
def test_a_change_of_a_grandfathered_index_brings_nothing_new(world: World, changes: dict[str, Any]) -> None:
    world.kube.put(index_body())
    world.settle()
    upgrade(world)
    before = copy.deepcopy(spec_of(world, "Deployment"))
    change(world, **changes)
    world.settle()
    assert world.reason(kind="StorageReady") == "BucketNotAllowed"
    assert spec_of(world, "Deployment") == before
    buckets = [each["Name"] for each in world.clients.own_s3("us-east-1").list_buckets()["Buckets"]]
    assert buckets == ["acme"]


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        ({"ingress": {**EXPOSED["ingress"], "host": "login.example.com"}}, "HostNotAllowed"),
        ({"httpRoute": {**EXPOSED["httpRoute"], "hostnames": [HOST, "login.example.com"]}}, "HostNotAllowed"),
        (
            {"ingress": {"host": HOST, "annotations": {"nginx.ingress.kubernetes.io/proxy-body-size": "9m"}}},
            "AnnotationNotAllowed",
        ),
    ],
)
def test_no_new_host_or_value_comes_with_those_that_go_on(world: World, spec: Manifest, reason: str) -> None:
    world.kube.put(index_body(spec=EXPOSED))
    world.settle()
    upgrade(world)
    before = {kind: copy.deepcopy(spec_of(world, kind)) for kind in ("Ingress", "HTTPRoute")}
    change(world, spec={**EXPOSED, **spec})
    world.settle()
    assert world.reason(kind="Exposed") == reason
    assert {kind: spec_of(world, kind) for kind in before} == before


def test_forged_status_and_children_do_not_count_as_a_running_index(world: World) -> None:
    """A tenant may write its namespace full.

    Status, Secret, Deployment and Ingress of an index that never was.
    """
    world.boot(**CLOSED)
    body = index_body(spec={"ingress": EXPOSED["ingress"]})
    body["status"] = {"conditions": [], "accessKeyIssued": "2026-01-01T00:00:00Z"}
    world.kube.put(body)
    mine = {"controller": True, "uid": body["metadata"]["uid"], "kind": MAIN.kind, "name": MAIN.name}
    owned = {"namespace": MAIN.namespace, "ownerReferences": [mine]}
    data = encoded({"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"})
    world.kube.put({"kind": "Secret", "metadata": {"name": "wheelyard-main-storage", **owned}, "data": data})
    rules = [{"host": HOST}]
    world.kube.put(
        {
            "kind": "Ingress",
            "metadata": {"name": "wheelyard-main", "namespace": "packages"},
            "spec": {"rules": rules},
        }
    )
    world.settle()
    assert world.reason(kind="StorageReady") == "BucketNotAllowed"
    assert world.reason(kind="Exposed") == "HostNotAllowed"
    assert not world.has("Deployment", "wheelyard-main")
    assert world.clients.iam.list_users()["Users"] == []


def test_an_index_with_keys_of_its_own_needs_no_leave(world: World) -> None:
    data = encoded({"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"})
    world.kube.put({"kind": "Secret", "metadata": {"name": "keys", "namespace": "packages"}, "data": data})
    world.kube.put(index_body(**{**own_credentials(), "s3__provision": {"bucket": True}}))
    world.boot(**CLOSED)
    world.settle()
    assert world.reason() == "BucketNotAllowed", "the operator is to make a bucket"
    world.boot(allowed_buckets=("acme",))
    world.settle()
    assert world.reason() == "Serving"
    upgrade(world)
    assert (world.reason(), allowed(world)["reason"]) == ("Serving", "BucketNotAllowed")
    change(world, **own_credentials())
    world.settle()
    assert (world.reason(), has_allowed(world)) == ("Serving", False)


def entry(world: World) -> Any:
    (only,) = json.loads(unpacked(world.get("Secret", "wheelyard-main-access")))["users"]
    return only


def trusted(world: World) -> Any:
    return [each["claims"] for each in entry(world).get("trustedPublishers", ())]


def github(world: World) -> None:
    world.web = {
        f"{GITHUB_ISSUER}/.well-known/openid-configuration": {
            "issuer": GITHUB_ISSUER,
            "jwks_uri": f"{GITHUB_ISSUER}/k",
        },
        f"{GITHUB_ISSUER}/k": {"keys": [RSA_KEY]},
    }
    world.boot(allowed_issuers=(GITHUB_ISSUER,))
    world.kube.put(index_body())


def put_user(world: World, *publishers: Manifest) -> None:
    live = world.kube.get("IndexUser", "packages", "jenkins")
    world.kube.put({**user_body(trusted_publishers=[*publishers]), "status": live["status"] if live else {}})
    world.settle(MAIN, JENKINS)


def pinned_condition(world: World) -> str:
    found = world.get("IndexUser", "jenkins")["status"]["conditions"]
    return "".join(each["reason"] for each in found if each["type"] == "PublishersPinned")


def test_a_new_publisher_must_be_pinned(world: World) -> None:
    github(world)
    put_user(world, GITHUB)
    assert world.reason(JENKINS) == "PublisherNotPinned"
    assert "gh api users/acme" in condition(world.get("IndexUser", "jenkins"), "Ready")["message"]
    assert trusted(world) == []
    put_user(world, {"github": {**GITHUB["github"], "repositoryOwnerId": 9919}})
    assert world.reason(JENKINS) == "LoginInForce"
    assert [each["repository_owner_id"] for each in trusted(world)] == ["9919"]
    assert pinned_condition(world) == ""


def test_an_accepted_publisher_keeps_working_and_is_shown_how_to_pin(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    github(world)
    with monkeypatch.context() as earlier:
        earlier.setattr("wheelyard_operator.resource.publishers.TokenIdentity.is_pinned", True)
        put_user(world, GITHUB)
        before = trusted(world)
        assert before
    for _ in range(2):
        world.boot()
        world.settle(MAIN, JENKINS)
    assert trusted(world) == before
    assert (world.reason(JENKINS), pinned_condition(world)) == ("LoginInForce", "OwnerNotPinned")
    other = {"github": {**GITHUB["github"], "workflow": "other.yml"}}
    put_user(world, GITHUB, other)
    assert world.reason(JENKINS) == "PublisherNotPinned", "what is new must be pinned"
    assert trusted(world) == before, "and takes nothing from what goes on"


def test_another_users_acceptance_is_not_a_pin(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    github(world)
    with monkeypatch.context() as earlier:
        earlier.setattr("wheelyard_operator.resource.publishers.TokenIdentity.is_pinned", True)
        put_user(world, GITHUB)
    second = JENKINS._replace(name="jenkins-2")
    world.kube.put(user_body("jenkins-2", trusted_publishers=[GITHUB]))
    world.settle(MAIN, JENKINS, second)
    assert world.reason(second) == "PublisherNotPinned"
    assert world.reason(JENKINS) == "LoginInForce"


def test_the_access_file_is_gone_through_once_for_all_users_and_publishers(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may have 16 MB, and one namespace hundreds of users with 20 publishers each."""
    github(world)
    names = [f"user-{number}" for number in range(5)]
    for name in names:
        world.kube.put(user_body(name, trusted_publishers=[GITHUB, GITHUB]))
    world.settle(MAIN, *(JENKINS._replace(name=name) for name in names))
    assert world.get("PackageIndex", "main")["status"]["users"] == 5
    entries = Mock(return_value={})
    monkeypatch.setattr(accepted_users, "entries", entries)
    world.index()
    entries.assert_called_once()


def test_the_clusters_issuer_is_trusted_for_publishers_only_where_it_is_allowed(world: World) -> None:
    """Its keys are known where anybody logs in as a ServiceAccount.

    That must not make it a CI service.
    """
    claims = {"sub": "system:serviceaccount:another-team:deployer"}
    world.kube.put(index_body())
    world.kube.put(user_body("builder", service_accounts=["agent"]))
    builder = JENKINS._replace(name="builder")
    world.kube.put(user_body(trusted_publishers=[{"oidc": {"issuer": CLUSTER_ISSUER, "claims": claims}}]))
    world.settle(MAIN, JENKINS, builder)
    assert world.reason(builder) == "LoginInForce"
    assert world.reason(JENKINS) == "IssuerNotAllowed"
    users = json.loads(unpacked(world.get("Secret", "wheelyard-main-access")))["users"]
    assert not [each for each in users if "trustedPublishers" in each]
    world.boot(allowed_issuers=(CLUSTER_ISSUER,))
    world.settle(MAIN, JENKINS, builder)
    assert world.reason(JENKINS) == "LoginInForce"


def pinned(number: int = 9919) -> Manifest:
    return {"github": {**GITHUB["github"], "repositoryOwnerId": number}}


def test_an_older_user_that_names_a_job_later_does_not_take_it_over(world: World) -> None:
    """It has rights, and may write its own IndexUser whenever it likes."""
    github(world)
    grants = [{"packages": ["acme-*"], "verbs": ["publish"]}]
    older, old_body = JENKINS._replace(name="older"), user_body("older", grants=grants)
    old_body["metadata"]["creationTimestamp"] = "2020-01-01T00:00:00Z"
    world.kube.put(old_body)
    world.kube.put(user_body(grants=grants, trusted_publishers=[pinned()]))
    world.settle(MAIN, JENKINS, older)
    before = world.reason(JENKINS, "TrustAccepted")
    live = world.kube.objects[older.kind, older.namespace, older.name]
    live["spec"]["trustedPublishers"] = [pinned(), pinned(7)]
    world.settle(MAIN, JENKINS, older)
    users = json.loads(unpacked(world.get("Secret", "wheelyard-main-access")))["users"]
    trusted_by = {user["name"]: user.get("trustedPublishers", []) for user in users}
    assert [each["claims"]["repository_owner_id"] for each in trusted_by["packages.older"]] == ["7"]
    assert len(trusted_by["packages.jenkins"]) == 1
    assert (world.reason(JENKINS), world.reason(JENKINS, "TrustAccepted")) == ("LoginInForce", before)
    assert (world.reason(older), world.reason(older, "TrustAccepted")) == ("LoginInForce", "TrustedBefore")
    del world.kube.objects[JENKINS.kind, JENKINS.namespace, JENKINS.name]
    world.settle(MAIN, older)
    world.settle(MAIN, older)
    (left,) = json.loads(unpacked(world.get("Secret", "wheelyard-main-access")))["users"]
    assert len(left["trustedPublishers"]) == 2
    assert world.reason(older, "TrustAccepted") == "Accepted"


def test_what_there_is_no_time_to_compare_waits_and_takes_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    github(world)
    put_user(world, pinned())
    second = JENKINS._replace(name="second")
    with monkeypatch.context() as busy:
        busy.setattr(accepted_users, "_MAX_COMPARED", 0)
        world.kube.put(user_body("second", trusted_publishers=[pinned(7)]))
        world.settle(MAIN, JENKINS, second)
        assert (world.reason(JENKINS), world.reason(second)) == ("LoginInForce", "AccessPending")
    world.settle(MAIN, JENKINS, second)
    assert (world.reason(JENKINS), world.reason(second)) == ("LoginInForce", "LoginInForce")
