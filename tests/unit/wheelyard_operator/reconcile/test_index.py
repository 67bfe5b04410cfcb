from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from unit.wheelyard_operator.fakes import Fuse, condition, given, index_body, user_body
from unit.wheelyard_operator.reconcile.world import JENKINS, MAIN
from wheelyard_operator import tokens
from wheelyard_operator.desired.common import decoded, encoded
from wheelyard_operator.kube import ApiError
from wheelyard_operator.provision.iam import user_name
from wheelyard_operator.reconcile.outcome import GONE
from wheelyard_operator.resource import FINALIZER, Manifest, PackageIndex

if TYPE_CHECKING:
    from unit.wheelyard_operator.reconcile.world import World

CHILDREN = [
    ("ConfigMap", "wheelyard-main"),
    ("Deployment", "wheelyard-main"),
    ("PodDisruptionBudget", "wheelyard-main"),
    ("Secret", "wheelyard-main-access"),
    ("Secret", "wheelyard-main-storage"),
    ("Service", "wheelyard-main"),
    ("ServiceAccount", "wheelyard-main"),
]


def keys_of(world: World) -> list[str]:
    name = user_name(PackageIndex.parse(world.get("PackageIndex", "main")))
    return [each["AccessKeyId"] for each in world.clients.iam.list_access_keys(UserName=name)["AccessKeyMetadata"]]


def recorded(world: World) -> str:
    return decoded(world.get("Secret", "wheelyard-main-storage"), "AWS_ACCESS_KEY_ID")


def access(world: World) -> Any:
    return yaml.safe_load(decoded(world.get("Secret", "wheelyard-main-access"), "access.yaml"))


def with_keys(world: World, **changes: Any) -> None:
    """Put an index with credentials of its own, a bucket, and the Secret."""
    world.kube.put(index_body(**given(), **changes))
    world.clients.own_s3("us-east-1").create_bucket(Bucket="acme")
    data = encoded({"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"})
    world.kube.put({"kind": "Secret", "metadata": {"name": "keys", "namespace": "packages"}, "data": data})


def test_everything_is_made(world: World) -> None:
    world.kube.put(index_body())
    world.settle()
    for child in CHILDREN:
        assert world.has(*child), child
    status = world.get("PackageIndex", "main")["status"]
    assert status["url"] == "http://wheelyard-main.packages.svc.cluster.local/"
    assert (status["replicas"], status["readyReplicas"], status["observedGeneration"]) == (2, 2, 1)
    assert world.reason() == "Serving"
    assert keys_of(world) == [recorded(world)]


def test_at_rest_nothing_is_written(world: World) -> None:
    world.kube.put(index_body())
    world.kube.put(user_body())
    world.settle(MAIN, JENKINS)
    world.kube.writes.clear()
    world.boot(Fuse(1))
    world.settle(MAIN, JENKINS)
    assert world.kube.writes == []


def test_in_between_nobody_outside_is_asked(world: World) -> None:
    world.kube.put(index_body())
    world.settle()
    calls: list[str] = []
    for client in (world.clients.own_s3("us-east-1"), world.clients.iam):
        client.meta.events.register("before-call", lambda model, **_: calls.append(model.name))
    world.index()
    world.index()
    assert calls == []
    world.seconds += 100
    world.index()
    assert calls


def test_killed_after_any_write_it_converges(world: World) -> None:
    """No second bucket, user or key, and nothing left over, whatever it was killed after."""
    for writes in itertools.count(1):
        body = index_body(uid=f"uid-{writes}")
        world.kube.put(body)
        world.kube.put(user_body())
        killed = world.killed(MAIN, JENKINS, writes=writes)
        world.settle(MAIN, JENKINS)
        assert (world.reason(), world.reason(JENKINS)) == ("Serving", "LoginInForce")
        assert keys_of(world) == [recorded(world)]
        assert len(world.clients.iam.list_users()["Users"]) == 1
        world.kube.objects[MAIN.kind, MAIN.namespace, MAIN.name]["metadata"]["deletionTimestamp"] = "now"
        world.killed(MAIN, writes=1 + writes % 5)
        world.index()
        assert world.clients.iam.list_users()["Users"] == []
        assert not world.has("PackageIndex", "main")
        for each in [each for each in world.kube.objects if each[0] != "Namespace"]:
            del world.kube.objects[each]
        world.delete_bucket()
        if not killed:
            break
    assert writes > 20


@pytest.mark.parametrize("child", CHILDREN)
def test_a_deleted_child_comes_back(world: World, child: tuple[str, str]) -> None:
    world.kube.put(index_body())
    world.settle()
    kind, name = child
    del world.kube.objects[kind, "packages", name]
    world.settle()
    assert world.has(kind, name)
    assert keys_of(world) == [recorded(world)]


def test_a_key_in_use_lives_until_the_pods_have_the_next(world: World) -> None:
    world.kube.put(index_body())
    world.settle()
    old = recorded(world)
    del world.kube.objects["Secret", "packages", "wheelyard-main-storage"]
    world.index()
    assert set(keys_of(world)) == {old, recorded(world)}
    world.seconds += 100
    world.index()
    assert old in keys_of(world), "the pods are still rolling"
    world.settle()
    assert keys_of(world) == [recorded(world)]


def test_a_name_that_is_taken(world: World) -> None:
    world.kube.put(index_body())
    foreign: Manifest = {"kind": "Service", "metadata": {"name": "wheelyard-main", "namespace": "packages"}}
    world.kube.put(foreign)
    world.index()
    found = condition(world.get("PackageIndex", "main"), "Ready")
    assert found["reason"] == "NameConflict"
    assert "Service packages/wheelyard-main" in found["message"]
    assert "spec" not in world.get("Service", "wheelyard-main")


def test_given_credentials(world: World) -> None:
    with_keys(world)
    world.settle()
    assert world.reason() == "Serving"
    assert FINALIZER not in world.get("PackageIndex", "main")["metadata"].get("finalizers", [])
    assert world.clients.iam.list_users()["Users"] == []


@pytest.mark.parametrize(
    ("secret", "reason"),
    [(None, "SecretNotFound"), ({"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": ""}, "SecretKeyMissing")],
)
def test_missing_credentials(world: World, secret: dict[str, str] | None, reason: str) -> None:
    with_keys(world)
    del world.kube.objects["Secret", "packages", "keys"]
    if secret:
        metadata = {"name": "keys", "namespace": "packages"}
        world.kube.put({"kind": "Secret", "metadata": metadata, "data": encoded(secret)})
    world.index()
    assert world.reason(kind="CredentialsReady") == reason
    assert not world.has("Deployment", "wheelyard-main")


def test_a_failing_check_never_hurts_serving_pods(world: World) -> None:
    with_keys(world)
    world.settle()
    before = world.get("Deployment", "wheelyard-main")
    world.delete_bucket()
    world.kube.put(user_body())
    world.settle(MAIN, JENKINS)
    assert world.reason() == "BucketNotFound"
    assert world.reason(kind="Available") == "Serving"
    assert world.get("Deployment", "wheelyard-main")["spec"] == before["spec"]
    assert world.reason(JENKINS) == "LoginInForce", "rights are kept current all the same"
    world.clients.own_s3("us-east-1").create_bucket(Bucket="acme")
    world.settle()
    assert world.reason() == "Serving"


def test_two_indexes_at_one_place(world: World) -> None:
    with_keys(world)
    old = index_body("old", created="2026-01-01T00:00:00Z", **given())
    world.kube.put(old)
    world.settle()
    assert world.reason() == "StorageInUse"
    assert condition(world.get("PackageIndex", "main"), "Stalled")["status"] == "True"
    del world.kube.objects["PackageIndex", "packages", "old"]
    world.settle()
    assert world.reason() == "Serving"


def test_an_event_for_each_turn_and_none_for_a_retry(world: World) -> None:
    world.kube.put(index_body(**given()))
    for _ in range(5):
        world.seconds += 100
        world.index()
    assert [each["reason"] for each in world.kube.events] == ["SecretNotFound", "SecretNotFound", "NotDeployed"]
    assert {each["type"] for each in world.kube.events} == {"Warning"}


def test_pods_are_touched_once_when_rights_change(world: World) -> None:
    world.kube.put(index_body())
    world.kube.put(user_body())
    pod = {"name": "p", "namespace": "packages", "labels": {"wheelyard.dev/index": "main"}}
    world.kube.put({"kind": "Pod", "metadata": pod})
    world.settle(MAIN, JENKINS)
    first = world.get("Pod", "p")["metadata"]["annotations"]["wheelyard.dev/access"]
    world.kube.writes.clear()
    world.settle()
    assert world.kube.writes == []
    del world.kube.objects["Secret", "packages", "jenkins-pypi"]
    world.settle()
    assert world.get("Pod", "p")["metadata"]["annotations"]["wheelyard.dev/access"] != first


def test_the_access_file_has_whom_the_index_accepts(world: World) -> None:
    world.kube.put(index_body())
    world.kube.put(user_body())
    world.settle(MAIN, JENKINS)
    token = decoded(world.get("Secret", "jenkins-pypi"), "password")
    digests = [tokens.digest(token)]
    assert access(world)["users"] == [{"name": "packages.jenkins", "groups": [], "tokenDigests": digests}]
    assert world.get("PackageIndex", "main")["status"]["users"] == 1
    assert token not in str(world.get("Secret", "wheelyard-main-access"))


def test_one_replica_has_no_budget(world: World) -> None:
    world.kube.put(index_body())
    world.settle()
    world.kube.objects["PackageIndex", "packages", "main"]["spec"]["replicas"] = 1
    world.settle()
    assert not world.has("PodDisruptionBudget", "wheelyard-main")


def test_the_user_goes_when_it_is_no_longer_asked_for_and_no_longer_used(world: World) -> None:
    world.kube.put(index_body())
    world.settle()
    s3 = world.kube.objects["PackageIndex", "packages", "main"]["spec"]["storage"]["s3"]
    s3.update({"provision": {}, "credentials": {"secretRef": {"name": "keys"}}})
    world.kube.objects["PackageIndex", "packages", "main"]["metadata"]["generation"] = 2
    data = encoded({"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"})
    world.kube.put({"kind": "Secret", "metadata": {"name": "keys", "namespace": "packages"}, "data": data})
    world.index()
    assert world.clients.iam.list_users()["Users"], "pods still have its key"
    world.settle()
    assert world.clients.iam.list_users()["Users"] == []
    assert not world.has("Secret", "wheelyard-main-storage")
    assert world.get("PackageIndex", "main")["metadata"]["finalizers"] == []


def test_deleting_keeps_the_bucket(world: World) -> None:
    world.kube.put(index_body())
    world.settle()
    world.kube.objects["PackageIndex", "packages", "main"]["metadata"]["deletionTimestamp"] = "now"
    assert world.index() == GONE
    assert not world.has("PackageIndex", "main")
    assert world.clients.iam.list_users()["Users"] == []
    assert world.clients.own_s3("us-east-1").list_buckets()["Buckets"]


def test_deleting_waits_for_iam(world: World) -> None:
    world.kube.put(index_body())
    world.settle()
    world.kube.objects["PackageIndex", "packages", "main"]["metadata"]["deletionTimestamp"] = "now"
    world.boot(iam_endpoint="http://127.0.0.1:9")
    assert world.index().after
    assert world.reason() == "EndpointUnreachable"
    world.boot(iam_endpoint="")
    assert world.index() == GONE


def test_what_is_not_there_is_gone(world: World) -> None:
    assert world.index() == GONE


def test_no_key_is_made_to_what_belongs_to_another_index(world: World) -> None:
    s3 = world.clients.own_s3("us-east-1")
    s3.create_bucket(Bucket="acme")
    s3.put_object(Bucket="acme", Key="wheelyard.json", Body=b'{"format": 1, "index": "other/one"}')
    world.kube.put(index_body())
    world.settle()
    assert world.reason() == "StorageInUse"
    assert not world.has("Secret", "wheelyard-main-storage")
    assert world.clients.iam.list_users()["Users"] == []


def test_an_index_that_is_deleted_before_its_finalizer_is_set_leaves_no_user_behind(world: World) -> None:
    world.kube.put(index_body())
    real_patch = world.kube.patch

    def deleted_first(kind: str, namespace: str, name: str, patch: Manifest, subresource: str = "") -> None:
        world.kube.objects.pop((kind, namespace, name))
        real_patch(kind, namespace, name, patch, subresource)

    world.kube.patch = deleted_first  # type: ignore[method-assign]
    assert world.index() == GONE
    assert world.clients.iam.list_users()["Users"] == []


def test_what_the_api_server_refuses_is_a_condition(world: World) -> None:
    world.kube.put(index_body())
    apply = world.kube.apply

    def over_quota(manifest: Manifest) -> Manifest:
        if manifest["kind"] == "Deployment":
            raise ApiError(403, "exceeded quota: pods")
        return apply(manifest)

    world.kube.apply = over_quota  # type: ignore[method-assign]
    world.settle()
    assert world.reason() == "ApplyRefused"
    assert "exceeded quota" in condition(world.get("PackageIndex", "main"), "Ready")["message"]


def test_an_index_server_that_refuses_its_access_file(world: World) -> None:
    world.kube.put(index_body())
    world.settle()
    for name in ("one", "two"):
        world.kube.put(
            {
                "kind": "Pod",
                "metadata": {"name": name, "namespace": "packages", "labels": {"wheelyard.dev/index": "main"}},
                "status": {"conditions": [{"type": "Ready", "status": "True"}]},
            }
        )
    world.answers = {"one": True, "two": True}
    world.settle()
    assert world.reason(kind="AccessInForce") == "InForce"
    world.answers["two"] = False
    world.settle()
    assert world.reason() == world.reason(kind="AccessInForce") == "AccessFileRefused"
    assert "Index server two" in condition(world.get("PackageIndex", "main"), "Ready")["message"]
    world.answers = {}
    world.settle()
    assert world.reason(kind="AccessInForce") == "NotKnown"
    assert world.reason() == "Serving"
