import json
from contextlib import ExitStack
from typing import Any

import pytest

from unit.wheelyard_operator.fakes import (
    Fuse,
    condition,
    index_body,
    namespace_body,
    own_credentials,
    server_pod,
    user_body,
)
from unit.wheelyard_operator.reconcile.world import JENKINS, MAIN, World
from wheelyard_operator import tokens
from wheelyard_operator.condition_types import STORAGE_READY
from wheelyard_operator.desired.access_file import unpacked
from wheelyard_operator.desired.common import decoded, encoded
from wheelyard_operator.provision.iam import user_name
from wheelyard_operator.reconcile.endpoints import MAX_AT_ONCE, Service
from wheelyard_operator.reconcile.outcome import GONE
from wheelyard_operator.resource import (
    BUCKET_FINALIZER,
    FINALIZER,
    INDEX,
    PAUSED_ANNOTATION,
    USER,
    Key,
    Manifest,
    PackageIndex,
)
from wheelyard_operator.times import later
from wheelyard_operator.upstream_states import UpstreamsAnswer, UpstreamState

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
    return [each["AccessKeyId"] for each in listed(world)]


def listed(world: World) -> Any:
    name = user_name(PackageIndex.parse(world.get("PackageIndex", "main")))
    return world.clients.iam.list_access_keys(UserName=name)["AccessKeyMetadata"]


def recorded(world: World) -> str:
    return decoded(world.get("Secret", "wheelyard-main-storage"), "AWS_ACCESS_KEY_ID")


def access(world: World) -> Any:
    return json.loads(unpacked(world.get("Secret", "wheelyard-main-access")))


def with_keys(world: World, **changes: Any) -> None:
    """Put an index with credentials of its own, a bucket, and the Secret."""
    world.kube.put(index_body(**own_credentials(), **changes))
    world.clients.own_s3("us-east-1").create_bucket(Bucket="acme")
    data = encoded({"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"})
    world.kube.put({"kind": "Secret", "metadata": {"name": "keys", "namespace": "packages"}, "data": data})


def test_every_child_of_an_index_is_created(world: World) -> None:
    world.kube.put(index_body())
    world.settle()
    for child in CHILDREN:
        assert world.has(*child), child
    status = world.get("PackageIndex", "main")["status"]
    assert status["url"] == "http://wheelyard-main.packages.svc.cluster.local/"
    assert (status["replicas"], status["readyReplicas"], status["observedGeneration"]) == (2, 2, 1)
    assert world.reason() == "Serving"
    assert keys_of(world) == [recorded(world)]


def test_a_healthy_start_makes_no_warning(world: World) -> None:
    world.kube.put(index_body())
    users = [Key(USER, "packages", f"user-{number}") for number in range(3)]
    for user in users:
        world.kube.put(user_body(user.name, credentials={"rotateEvery": "1h"}))
    for _ in range(60):
        world.now = later(world.now, 100)
        for key in (MAIN, *users):
            (world.index if key == MAIN else world.user)(key)
        world.roll_out()
    assert {world.reason(key) for key in users} == {"LoginInForce"}
    assert {each["type"] for each in world.kube.events} == {"Normal"}


def test_at_rest_nothing_is_written(world: World) -> None:
    world.kube.put(index_body())
    world.kube.put(user_body())
    world.settle(MAIN, JENKINS)
    world.kube.writes.clear()
    world.boot(Fuse(1))
    world.settle(MAIN, JENKINS)
    assert world.kube.writes == []


def test_between_checks_no_outside_call_is_made(world: World) -> None:
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


@pytest.mark.parametrize("child", CHILDREN)
def test_a_deleted_child_comes_back(world: World, child: tuple[str, str]) -> None:
    world.kube.put(index_body())
    world.settle()
    kind, name = child
    del world.kube.objects[kind, "packages", name]
    world.settle()
    assert world.has(kind, name)
    assert keys_of(world) == [recorded(world)]


def pod(world: World, name: str, **metadata: Any) -> None:
    """Have a pod of the index run, with the credentials that the Deployment has now."""
    template = world.get("Deployment", "wheelyard-main")["spec"]["template"]["metadata"]
    world.kube.put(server_pod(name, annotations=dict(template["annotations"]), **metadata))


def rotate(world: World, value: str) -> None:
    metadata = world.kube.objects["PackageIndex", "packages", "main"]["metadata"]
    metadata["annotations"] = {"wheelyard.dev/rotate": value}


def test_a_key_in_use_lives_until_the_last_pod_with_it_has_ended(world: World) -> None:
    world.kube.put(index_body())
    world.settle()
    pod(world, "old", deletionTimestamp="now")
    old = recorded(world)
    rotate(world, "1")
    world.settle()
    assert set(keys_of(world)) == {old, recorded(world)}
    assert world.reason(kind="CredentialsReady") == "KeyRotating"
    assert world.reason() == "Serving"
    del world.kube.objects["Pod", "packages", "old"]
    world.settle()
    assert keys_of(world) == [recorded(world)]
    assert world.reason(kind="CredentialsReady") == "KeyIssued"


def test_the_old_key_is_first_deactivated(world: World) -> None:
    world.kube.put(index_body())
    world.settle()
    old = recorded(world)
    rotate(world, "1")
    states = []
    for _ in range(30):
        world.index()
        world.roll_out()
        world.seconds += 10
        world.now = later(world.now, 10)
        state = [each["Status"] for each in listed(world) if each["AccessKeyId"] == old]
        if state not in states:
            states.append(state)
        assert len(keys_of(world)) <= 2
    assert states == [["Active"], ["Inactive"], []]


def test_a_rotation_that_waits_for_a_rollout_is_looked_at_soon(world: World) -> None:
    world.kube.put(index_body())
    world.settle()
    first = recorded(world)
    world.kube.objects["Deployment", "packages", "wheelyard-main"]["status"]["updatedReplicas"] = 1
    rotate(world, "1")
    outcome = world.index()
    assert recorded(world) == first, "one roll-out after the other"
    assert outcome.after is not None
    assert outcome.after < 10, "not only with the next resync"
    world.roll_out()
    world.seconds += 6
    world.index()
    assert recorded(world) != first, "what was found before is not believed for long"


def test_keys_rotate_by_schedule_and_say_when(world: World) -> None:
    world.kube.put(index_body(s3__provision={"bucket": True, "user": True, "rotateEvery": "24h"}))
    world.settle()
    first, status = recorded(world), world.get("PackageIndex", "main")["status"]
    assert status["nextKeyRotation"] == later(status["accessKeyIssued"], 86400)
    world.settle()
    assert recorded(world) == first
    world.now = status["nextKeyRotation"]
    world.settle()
    world.settle()
    assert recorded(world) != first
    assert keys_of(world) == [recorded(world)]


def test_a_key_that_leaked_and_was_deactivated_by_hand_is_replaced(world: World) -> None:
    world.kube.put(index_body())
    world.settle()
    leaked = recorded(world)
    name = user_name(PackageIndex.parse(world.get("PackageIndex", "main")))
    world.clients.iam.update_access_key(UserName=name, AccessKeyId=leaked, Status="Inactive")
    world.settle()
    assert recorded(world) != leaked
    assert world.reason() == "Serving"


def test_a_foreign_secret_in_place_of_the_key_is_a_name_conflict(world: World) -> None:
    """No key is made for it again and again."""
    world.kube.put(index_body())
    metadata = {"name": "wheelyard-main-storage", "namespace": "packages"}
    world.kube.put({"kind": "Secret", "metadata": metadata, "data": encoded({"AWS_ACCESS_KEY_ID": "x"})})
    world.settle()
    assert world.reason() == "NameConflict"
    assert world.clients.iam.list_users()["Users"] == []


def test_a_role_at_the_cloud_needs_no_secret(world: World) -> None:
    arn = {"eks.amazonaws.com/role-arn": "arn:aws:iam::1:role/one"}
    world.kube.put(index_body(s3__provision={}, s3__credentials={"serviceAccount": {"annotations": arn}}))
    world.index()
    assert world.reason(kind="StorageReady") == "NotChecked"
    world.settle()
    assert world.reason() == "Serving"
    assert world.get("ServiceAccount", "wheelyard-main")["metadata"]["annotations"].items() >= arn.items()
    assert not world.has("Secret", "wheelyard-main-storage")
    container = world.get("Deployment", "wheelyard-main")["spec"]["template"]["spec"]["containers"][0]
    assert container["env"] == []


def test_an_index_on_a_volume_waits_for_it_and_serves(world: World) -> None:
    world.kube.put(index_body(storage={"volume": {"size": "1Gi"}}, replicas=1))
    world.settle()
    assert world.reason() == "VolumePending"
    world.kube.objects["PersistentVolumeClaim", "packages", "wheelyard-main"]["status"] = {"phase": "Bound"}
    world.settle()
    assert world.reason() == "Serving"
    deployed = world.get("Deployment", "wheelyard-main")["spec"]
    assert deployed["strategy"] == {"type": "Recreate"}
    assert "finalizers" not in world.get("PackageIndex", "main")["metadata"]
    assert world.clients.iam.list_users()["Users"] == []
    # An index of the same name finds the volume again; another one's claim stays as it is.
    world.kube.put(index_body(storage={"volume": {"size": "2Gi"}}, replicas=1, uid="later"))
    for each in [each for each in world.kube.objects if each[0] not in {"PackageIndex", "PersistentVolumeClaim"}]:
        del world.kube.objects[each]
    world.kube.put(namespace_body("packages"))
    world.settle()
    assert world.reason() == "Serving"
    claim = world.get("PersistentVolumeClaim", "wheelyard-main")
    assert claim["spec"]["resources"]["requests"]["storage"] == "2Gi"
    claim["metadata"]["labels"] = {}
    world.kube.put(claim)
    world.settle()
    assert world.reason() == "NameConflict"


def test_while_it_is_paused_nothing_changes(world: World) -> None:
    world.kube.put(index_body())
    world.kube.put(user_body())
    world.settle(MAIN, JENKINS)
    for key in (MAIN, JENKINS):
        world.kube.objects[key.kind, "packages", key.name]["metadata"]["annotations"] = {PAUSED_ANNOTATION: "true"}
    del world.kube.objects["Service", "packages", "wheelyard-main"]
    del world.kube.objects["Secret", "packages", "jenkins-pypi"]
    world.settle(MAIN, JENKINS)
    assert not world.has("Service", "wheelyard-main")
    assert not world.has("Secret", "jenkins-pypi")
    for key in (MAIN, JENKINS):
        assert world.reason(key, "Paused") == "PausedByAnnotation"
        assert condition(world.get(key.kind, key.name), "Ready")["status"] == "True", "what is known stays"
    world.kube.writes.clear()
    world.settle(MAIN, JENKINS)
    assert world.kube.writes == []
    for key in (MAIN, JENKINS):
        world.kube.objects[key.kind, "packages", key.name]["metadata"]["annotations"] = {}
    world.settle(MAIN, JENKINS)
    assert world.has("Service", "wheelyard-main")
    assert "Paused" not in str(world.get("PackageIndex", "main")["status"])


def test_one_server_that_does_not_answer_is_asked_once_for_all_its_indexes(world: World) -> None:
    world.boot(s3_endpoint="http://127.0.0.1:9")
    for number in range(3):
        world.kube.put(index_body(f"index-{number}", s3__bucket=f"acme-{number}"))
        world.index(Key(INDEX, "packages", f"index-{number}"))
    asked: list[str] = []
    world.clients.own_s3("us-east-1").meta.events.register(
        "before-call", lambda model, **_: asked.append(model.name)
    )
    for number in range(3):
        world.index(Key(INDEX, "packages", f"index-{number}"))
        assert world.reason(Key(INDEX, "packages", f"index-{number}")) == "EndpointUnreachable"
    assert asked == []
    world.seconds += 10
    world.index(Key(INDEX, "packages", "index-1"))
    assert asked == ["HeadBucket"]


def test_a_taken_name_is_a_conflict(world: World) -> None:
    world.kube.put(index_body())
    foreign: Manifest = {"kind": "Service", "metadata": {"name": "wheelyard-main", "namespace": "packages"}}
    world.kube.put(foreign)
    world.index()
    found = condition(world.get("PackageIndex", "main"), "Ready")
    assert found["reason"] == "NameConflict"
    assert "Service packages/wheelyard-main" in found["message"]
    assert "spec" not in world.get("Service", "wheelyard-main")


def test_an_index_with_given_credentials_serves_without_a_finalizer(world: World) -> None:
    with_keys(world)
    world.settle()
    assert world.reason() == "Serving"
    assert FINALIZER not in world.get("PackageIndex", "main")["metadata"].get("finalizers", [])
    assert world.clients.iam.list_users()["Users"] == []


@pytest.mark.parametrize(
    ("secret", "reason"),
    [(None, "SecretNotFound"), ({"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": ""}, "SecretKeyMissing")],
)
def test_missing_credentials_are_a_condition(world: World, secret: dict[str, str] | None, reason: str) -> None:
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


def test_an_older_index_that_never_worked_is_in_nobodys_way(world: World) -> None:
    world.kube.put(index_body("old", "else", created="2020-01-01T00:00:00Z", **own_credentials("no-such-keys")))
    world.kube.put(index_body())
    world.settle(Key(INDEX, "else", "old"), MAIN)
    assert world.reason() == "Serving"


def test_an_index_with_a_location_keeps_it_and_is_not_reported(world: World) -> None:
    with_keys(world)
    claim = b'{"format": 1, "index": "else/payroll"}'
    world.clients.own_s3("us-east-1").put_object(Bucket="acme", Key="wheelyard.json", Body=claim)
    world.settle()
    assert world.reason() == "StorageInUse"
    assert "payroll" not in json.dumps([world.get("PackageIndex", "main"), world.kube.events])
    assert condition(world.get("PackageIndex", "main"), "Stalled")["status"] == "True"
    assert not world.has("Deployment", "wheelyard-main")


def test_each_changed_condition_posts_one_event_and_a_retry_posts_none(world: World) -> None:
    world.kube.put(index_body(**own_credentials()))
    for _ in range(5):
        world.seconds += 100
        world.index()
    assert [each["reason"] for each in world.kube.events] == ["SecretNotFound", "SecretNotFound"]
    assert {each["type"] for each in world.kube.events} == {"Warning"}


def test_pods_are_touched_once_when_rights_change(world: World) -> None:
    world.kube.put(index_body())
    world.kube.put(user_body())
    world.kube.put(server_pod("p"))
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


def test_the_iam_user_is_deleted_once_neither_requested_nor_used(world: World) -> None:
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


def deleted(world: World) -> None:
    world.kube.objects["PackageIndex", "packages", "main"]["metadata"]["deletionTimestamp"] = "now"


def bucket_names(world: World) -> list[str]:
    return [each["Name"] for each in world.clients.own_s3("us-east-1").list_buckets()["Buckets"]]


def test_deleting_keeps_the_bucket(world: World) -> None:
    world.kube.put(index_body())
    world.settle()
    deleted(world)
    assert world.index() == GONE
    assert not world.has("PackageIndex", "main")
    assert world.clients.iam.list_users()["Users"] == []
    assert bucket_names(world) == ["acme"]


def test_deleting_an_index_deletes_its_bucket_if_requested(world: World) -> None:
    world.kube.put(index_body(deletion_policy="Delete"))
    world.settle()
    assert world.get("PackageIndex", "main")["metadata"]["finalizers"] == [BUCKET_FINALIZER, FINALIZER]
    pod(world, "one", deletionTimestamp="now")
    deleted(world)
    assert world.index().after, "a server that is just ending may still write"
    assert world.reason() == "WaitingForServers"
    assert bucket_names(world) == ["acme"]
    assert world.clients.iam.list_users()["Users"], "and its key still works"
    del world.kube.objects["Pod", "packages", "one"]
    assert world.index() == GONE
    assert bucket_names(world) == []
    assert world.clients.iam.list_users()["Users"] == []


def test_deleting_stops_if_the_bucket_has_foreign_objects(world: World) -> None:
    world.kube.put(index_body(deletion_policy="Delete"))
    world.settle()
    world.clients.own_s3("us-east-1").put_object(Bucket="acme", Key="notes.txt", Body=b"")
    deleted(world)
    assert world.index().after
    message = condition(world.get("PackageIndex", "main"), "Ready")["message"]
    assert "notes.txt" in message
    assert "Retain" in message
    world.kube.objects["PackageIndex", "packages", "main"]["spec"]["deletionPolicy"] = "Retain"
    assert world.index() == GONE
    assert bucket_names(world) == ["acme"]


def test_one_may_think_better_of_it(world: World) -> None:
    world.kube.put(index_body(deletion_policy="Delete"))
    world.settle()
    world.kube.objects["PackageIndex", "packages", "main"]["spec"]["deletionPolicy"] = "Retain"
    world.settle()
    assert world.get("PackageIndex", "main")["metadata"]["finalizers"] == [FINALIZER]


def test_deleting_waits_for_iam(world: World) -> None:
    world.kube.put(index_body())
    world.settle()
    world.kube.objects["PackageIndex", "packages", "main"]["metadata"]["deletionTimestamp"] = "now"
    world.boot(iam_endpoint="http://127.0.0.1:9")
    assert world.index().after
    assert world.reason() == "EndpointUnreachable"
    world.boot(iam_endpoint="")
    assert world.index() == GONE


def test_a_missing_resource_is_gone(world: World) -> None:
    assert world.index() == GONE


def test_no_key_is_created_for_a_location_of_another_index(world: World) -> None:
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

    def deleted_first(
        kind: str, namespace: str, name: str, patch: Manifest, subresource: str = ""
    ) -> Manifest | None:
        world.kube.objects.pop((kind, namespace, name))
        return real_patch(kind, namespace, name, patch, subresource)

    world.kube.patch = deleted_first  # type: ignore[method-assign]
    assert world.index() == GONE
    assert world.clients.iam.list_users()["Users"] == []


def test_an_upstream_that_is_down_is_a_condition_and_an_event_and_never_makes_an_index_unready(
    world: World,
) -> None:
    world.kube.put(index_body(spec={"upstreams": [{"name": "pypi", "pypi": {}}]}))
    world.settle()
    assert world.reason(kind="UpstreamsReady") == "NotKnown"
    world.kube.put({**server_pod("one"), "status": {"conditions": [{"type": "Ready", "status": "True"}]}})
    world.answers = {"one": True}
    down = UpstreamState(
        "pypi", is_reachable=False, since=1, reason="does not answer", conflicts=0, owners_changed=0
    )
    for state, reason in (
        (down, "Unreachable"),
        (down._replace(is_reachable=True), "Reachable"),
        (down._replace(is_reachable=True, conflicts=1), "DigestConflicts"),
        (down._replace(is_reachable=True, owners_changed=1), "OwnersChanged"),
    ):
        world.upstreams = {"one": UpstreamsAnswer((state,), 0)}
        world.settle()
        assert world.reason(kind="UpstreamsReady") == reason
        assert world.reason() == "Serving"
        found = condition(world.get("PackageIndex", "main"), "Stalled")
        assert (found["status"], world.kube.events[-1]["reason"]) == ("False", reason)
    world.kube.put(index_body())
    world.settle()
    types = [each["type"] for each in world.get("PackageIndex", "main")["status"]["conditions"]]
    assert "UpstreamsReady" not in types


def test_a_server_of_an_index_without_upstreams_is_not_asked_about_them(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.kube.put(index_body())
    world.kube.put({**server_pod("one"), "status": {"conditions": [{"type": "Ready", "status": "True"}]}})
    monkeypatch.setattr(world, "ask_upstreams", lambda pod: pytest.fail(f"{pod} was asked"))
    world.settle()
    assert world.reason() == "Serving"


def test_a_server_that_does_not_answer_is_asked_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each unanswered request holds a worker for up to a second and a half."""
    world.kube.put(index_body(spec={"upstreams": [{"name": "pypi", "pypi": {}}]}))
    for name in ("one", "silent"):
        world.kube.put({**server_pod(name), "status": {"conditions": [{"type": "Ready", "status": "True"}]}})
    world.answers = {"one": True}
    asked: set[str] = set()
    monkeypatch.setattr(world, "ask_upstreams", lambda pod: asked.add(pod["metadata"]["name"]))
    world.boot()
    world.settle()
    assert asked == {"one"}


def test_an_index_server_that_refuses_its_access_file(world: World) -> None:
    world.kube.put(index_body())
    world.settle()
    for name in ("one", "two"):
        ready = {"conditions": [{"type": "Ready", "status": "True"}]}
        world.kube.put({**server_pod(name), "status": ready})
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


def a_pod(name: str, *, ready: bool = True, **metadata: str) -> Manifest:
    pod = server_pod(name)
    status = {"conditions": [{"type": "Ready", "status": str(ready)}]}
    return {**pod, "metadata": {**pod["metadata"], **metadata}, "status": status}


def test_a_pod_that_started_just_before_a_revocation_is_not_taken_for_current(world: World) -> None:
    """It comes after the pods were observed, and mounts the access file of before."""
    world.kube.put(index_body())
    world.kube.put(user_body())
    world.settle(MAIN, JENKINS)
    world.kube.put(a_pod("one"))
    world.answers = {"one": True}
    world.settle()
    assert world.reason(kind="AccessInForce") == "InForce"
    del world.kube.objects["Secret", "packages", "jenkins-pypi"]

    def start() -> None:
        if not world.has("Pod", "late"):
            world.kube.put(a_pod("late"))

    world.kube.before_apply = start
    world.index()
    current = world.get("Pod", "one")["metadata"]["annotations"]
    assert world.get("Pod", "late")["metadata"].get("annotations") == current
    assert world.reason(kind="AccessInForce") == "NotKnown"


def storage_format(world: World) -> str:
    return decoded(world.get("Secret", "wheelyard-main-access"), "storage-format")


def test_servers_may_write_a_new_format_when_each_of_them_knows_it(world: World) -> None:
    world.kube.put(index_body())
    for name in ("old", "one", "two"):
        world.kube.put(a_pod(name))
    world.answers, world.known_formats = dict.fromkeys(("old", "one", "two"), True), {"old": 1}
    world.settle()
    assert storage_format(world) == ""
    world.kube.put(a_pod("old", deletionTimestamp=world.now))  # It may be serving its last uploads.
    world.settle()
    assert storage_format(world) == ""
    del world.kube.objects["Pod", "packages", "old"]
    del world.answers["two"]
    world.settle()
    assert storage_format(world) == ""
    world.answers["two"] = True
    world.settle()
    assert storage_format(world) == "2\n"


def test_a_server_that_does_not_know_the_format_takes_the_permission_away(world: World) -> None:
    world.kube.put(index_body())
    world.kube.put(a_pod("one"))
    world.answers = {"one": True}
    world.settle()
    touched = world.get("Pod", "one")["metadata"]["annotations"]["wheelyard.dev/access"]
    assert storage_format(world) == "2\n"
    world.kube.put(a_pod("starting", ready=False))
    world.settle()
    assert storage_format(world) == "2\n"
    assert world.get("Pod", "one")["metadata"]["annotations"]["wheelyard.dev/access"] == touched
    world.kube.put(a_pod("old"))
    world.answers["old"], world.known_formats["old"] = True, 1
    world.settle()
    assert storage_format(world) == ""
    assert world.get("Pod", "one")["metadata"]["annotations"]["wheelyard.dev/access"] != touched


@pytest.mark.parametrize(
    ("dead", "condition_type"), [("s3_endpoint", "StorageReady"), ("iam_endpoint", "CredentialsReady")]
)
def test_an_outage_is_named_touches_no_server_and_heals_without_an_edit(
    world: World, dead: str, condition_type: str
) -> None:
    world.kube.put(index_body())
    world.settle()
    generation = world.get("Deployment", "wheelyard-main")["metadata"]["generation"]
    world.boot(None, **{dead: "http://127.0.0.1:9"})
    outage = [world.index().after for _ in range(3)]
    assert world.reason(kind=condition_type) == "EndpointUnreachable"
    assert world.reason(kind="Available") == "Serving"
    world.kube.writes.clear()
    for _ in range(20):
        world.seconds += 30
        outage.append(world.index().after)
    assert world.kube.writes == [], "ten minutes later nothing is written"
    assert {after for after in outage if after} == {10.0}, "and it is asked again every ten seconds"
    world.boot(None, **{dead: ""})
    world.settle()
    assert world.reason() == "Serving"
    assert world.get("Deployment", "wheelyard-main")["metadata"]["generation"] == generation


def test_an_index_waiting_for_a_busy_server_keeps_its_status(world: World) -> None:
    world.kube.put(index_body())
    world.settle()
    world.seconds += 100
    world.kube.writes.clear()
    s3 = Service(f" {world.settings.region}", STORAGE_READY, "another bucket")
    with ExitStack() as others:
        for _ in range(MAX_AT_ONCE):
            others.enter_context(world.endpoints.conversation(s3))
        assert world.index().after == 3.0
        assert world.kube.writes == []
    assert world.index().after is None
