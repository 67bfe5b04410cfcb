"""A real API server refuses each child in turn: a quota, a policy, a limit, immutability, a name that is taken."""

import uuid
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from apiserver.world import Cloud, World, run_cluster
from cluster import S3Server
from support.iam_users import user_names
from support.kubectl import eventually
from support.rest import Manifest, RefusedError, Rest, path_of
from wheelyard_operator.kube import RealKube
from wheelyard_operator.resource import API_VERSION, INDEX, ROTATE_ANNOTATION, USER, Key

CHILDREN = [
    ("ConfigMap", "wheelyard-main", "Ready"),
    ("Deployment", "wheelyard-main", "Ready"),
    ("HorizontalPodAutoscaler", "wheelyard-main", "Ready"),
    ("Ingress", "wheelyard-main", "Exposed"),
    ("NetworkPolicy", "wheelyard-main", "Ready"),
    ("PodDisruptionBudget", "wheelyard-main", "Ready"),
    ("Secret", "jenkins-pypi", "Ready"),
    ("Secret", "wheelyard-main-access", "AccessInForce"),
    ("Secret", "wheelyard-main-storage", "CredentialsReady"),
    ("Service", "wheelyard-main", "Ready"),
    ("ServiceAccount", "wheelyard-main", "Ready"),
]
"""Every kind but the claim, which has a test of its own, and those that not every cluster has."""
REFUSES = "wheelyard.test/refuses"
"""Annotation of a namespace: resource and name of what the policy refuses there."""
POLICY = {
    "apiVersion": "admissionregistration.k8s.io/v1",
    "kind": "ValidatingAdmissionPolicy",
    "metadata": {"name": "refuse-what-the-namespace-says"},
    "spec": {
        "failurePolicy": "Fail",
        "matchConstraints": {
            "resourceRules": [
                {
                    "apiGroups": ["*"],
                    "apiVersions": ["*"],
                    "operations": ["CREATE", "UPDATE"],
                    "resources": ["*"],
                    "scope": "Namespaced",
                }
            ]
        },
        "validations": [
            {
                "expression": f"!('{REFUSES}' in namespaceObject.metadata.?annotations.orValue({{}}))"
                f" || namespaceObject.metadata.annotations['{REFUSES}']"
                " != request.resource.resource + '/' + object.metadata.name",
                "messageExpression": "'the platform team refuses ' + object.metadata.name",
            }
        ],
    },
}
BINDING = {
    "apiVersion": "admissionregistration.k8s.io/v1",
    "kind": "ValidatingAdmissionPolicyBinding",
    "metadata": {"name": "refuse-what-the-namespace-says"},
    "spec": {"policyName": "refuse-what-the-namespace-says", "validationActions": ["Deny"]},
}


@pytest.fixture(scope="module")
def world(kube: RealKube, rest: Rest, s3_server: S3Server) -> Iterator[World]:
    """Return an index with everything around it, and a user, both ready: each test leaves them ready."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in s3_server.environment().items():
            patch.setenv(name, value)
        rest.create(POLICY)
        rest.create(BINDING)
        namespace = f"refused-{uuid.uuid4().hex[:8]}"
        rest.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
        cloud = Cloud(s3_server)
        cloud.settings = replace(cloud.settings, allowed_hosts=("pypi.example.com",))
        world = World(kube, rest, cloud, namespace)
        storage = {"s3": {"bucket": namespace, "provision": {"bucket": True, "user": True}}}
        around: dict[str, Any] = {
            "autoscaling": {"minReplicas": 2, "maxReplicas": 4},
            "networkPolicy": {"externalFrom": [{"ipBlock": {"cidr": "10.0.0.0/8"}}]},
            "ingress": {"host": "pypi.example.com"},
        }
        declare(world, INDEX, "main", {"storage": storage, **around})
        declare(world, USER, "jenkins", {"indexRef": {"name": "main"}})
        world.settle()
        assert_ready(world)
        yield world


def declare(world: World, kind: str, name: str, spec: Manifest) -> None:
    metadata = {"name": name, "namespace": world.namespace}
    world.rest.create({"apiVersion": API_VERSION, "kind": kind, "metadata": metadata, "spec": spec})


def told(world: World, key: Key, kind: str) -> Manifest:
    conditions = world.get(key.kind, key.name)["status"]["conditions"]
    return next(dict(each) for each in conditions if each["type"] == kind)


def assert_ready(world: World) -> None:
    for key in (world.index, world.user):
        assert told(world, key, "Ready")["status"] == "True", told(world, key, "Ready")


def owner_of(world: World, name: str) -> Key:
    return world.user if name == "jenkins-pypi" else world.index


def assert_told(world: World, name: str, condition: str, reason: str, *words: str) -> None:
    key = owner_of(world, name)
    for kind in {condition, "Ready"}:
        found = told(world, key, kind)
        assert (found["status"], found["reason"]) == ("False", reason), found
        assert all(each in found["message"] for each in (name, *words)), found
    assert told(world, key, "Stalled")["status"] == "True"


def refuse(world: World, what: str | None) -> None:
    """Have the policy refuse it, and return once that is in force: caches of namespaces follow a moment later."""
    patch = {"metadata": {"annotations": {REFUSES: what}}}
    world.rest.call("PATCH", f"/api/v1/namespaces/{world.namespace}", patch)
    probe = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "probe"}}

    def is_refused() -> bool:
        try:
            world.rest.call("POST", path_of("ConfigMap", world.namespace), probe, dryRun="All")
        except RefusedError:
            return True
        return False

    eventually(lambda: is_refused() == (what == "configmaps/probe"), f"the policy refuses {what}")


def plural(kind: str) -> str:
    return path_of(kind, "x").rpartition("/")[2]


@pytest.mark.parametrize(("kind", "name", "condition"), CHILDREN)
def test_a_refusal_by_an_admission_policy_is_a_condition(
    world: World, kind: str, name: str, condition: str
) -> None:
    refuse(world, "configmaps/probe")
    refuse(world, f"{plural(kind)}/{name}")
    world.rest.delete(kind, world.namespace, name)
    world.settle()
    assert_told(world, name, condition, "ApplyRefused", f"the platform team refuses {name}")
    refuse(world, "configmaps/probe")
    refuse(world, None)
    world.settle()
    assert_ready(world)


@pytest.mark.parametrize(("kind", "name", "condition"), CHILDREN)
def test_a_refusal_by_a_quota_is_a_condition(world: World, kind: str, name: str, condition: str) -> None:
    version = path_of(kind, "x").split("/")[2]
    counted = f"count/{plural(kind)}" + (f".{version}" if path_of(kind, "x").startswith("/apis") else "")
    quota = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "q", "namespace": world.namespace}}
    world.rest.delete(kind, world.namespace, name)
    world.rest.create({**quota, "spec": {"hard": {counted: "0"}}})
    # What the controller of quotas does.
    world.rest.merge(quota, {"status": {"hard": {counted: "0"}, "used": {counted: "0"}}}, "/status")
    try:
        world.settle()
        assert_told(world, name, condition, "ApplyRefused", "exceeded quota: q")
    finally:
        world.rest.delete("ResourceQuota", world.namespace, "q")
    world.settle()
    assert_ready(world)


@pytest.mark.parametrize(("kind", "name", "condition"), CHILDREN)
def test_a_taken_name_is_a_conflict(world: World, kind: str, name: str, condition: str) -> None:
    live = world.get(kind, name)
    world.rest.merge(live, {"metadata": {"ownerReferences": None}})
    reason = "SecretNotOwned" if owner_of(world, name) == world.user else "NameConflict"
    world.settle()
    assert_told(world, name, condition, reason, "It is left as it is")
    assert "ownerReferences" not in world.get(kind, name)["metadata"]
    world.rest.delete(kind, world.namespace, name)
    world.settle()
    assert_ready(world)


def grant(world: World, *globs: str) -> None:
    grants = [{"subjects": ["anonymous"], "packages": list(globs), "verbs": ["read"]}]
    world.change(world.index, {"spec": {"access": {"grants": grants}}})


def rotate(world: World, key: Key) -> None:
    world.change(key, {"metadata": {"annotations": {ROTATE_ANNOTATION: uuid.uuid4().hex}}})


@pytest.mark.parametrize(
    ("kind", "name", "condition"),
    [each for each in CHILDREN if each[0] in {"ConfigMap", "Secret"}],
)
def test_an_immutable_object_is_a_condition(world: World, kind: str, name: str, condition: str) -> None:
    before = world.get(kind, name)
    world.rest.merge(before, {"immutable": True})
    match name:
        case "wheelyard-main":
            world.change(world.index, {"spec": {"freshness": {"fresh": "7s"}}})
        case "wheelyard-main-access":
            grant(world, uuid.uuid4().hex)
        case "wheelyard-main-storage":
            rotate(world, world.index)
        case "jenkins-pypi":
            rotate(world, world.user)
    world.settle()
    assert_told(world, name, condition, "ApplyRefused", "immutable", "Delete it")
    assert told(world, world.index, "Available")["status"] == "True", "what serves, serves"
    assert world.get(kind, name)["data"] == before["data"]
    world.rest.delete(kind, world.namespace, name)
    world.settle()
    assert_ready(world)


def test_a_key_that_may_not_be_written_down_is_not_made(world: World) -> None:
    def keys() -> list[str]:
        (user,) = user_names(world.cloud.iam, world.namespace)
        return [
            each["AccessKeyId"] for each in world.cloud.iam.list_access_keys(UserName=user)["AccessKeyMetadata"]
        ]

    before = keys()
    world.rest.merge(world.get("Secret", "wheelyard-main-storage"), {"immutable": True})
    rotate(world, world.index)
    world.settle()
    world.settle()
    assert keys() == before
    world.rest.delete("Secret", world.namespace, "wheelyard-main-storage")
    world.settle()
    assert_ready(world)


def settle_on_a_volume(world: World) -> None:
    """Run the operator and what a cluster does; there is no bucket that servers could claim."""
    for _ in range(4):
        for key in (world.index, world.user):
            world.reconcile(key)
        run_cluster(world.rest, world.namespace)


def test_a_refusal_by_a_limit_of_volume_claims_is_a_condition(
    kube: RealKube, rest: Rest, s3_server: S3Server, namespace: str
) -> None:
    limits = [{"type": "PersistentVolumeClaim", "min": {"storage": "10Gi"}}]
    metadata = {"name": "limits", "namespace": namespace}
    rest.create({"apiVersion": "v1", "kind": "LimitRange", "metadata": metadata, "spec": {"limits": limits}})
    world = World(kube, rest, Cloud(s3_server), namespace)
    declare(world, INDEX, "main", {"storage": {"volume": {"size": "1Gi"}}, "replicas": 1})
    declare(world, USER, "jenkins", {"indexRef": {"name": "main"}})
    settle_on_a_volume(world)
    assert_told(world, "wheelyard-main", "StorageReady", "ApplyRefused", "minimum storage usage", "10Gi")


def test_a_namespace_being_deleted_makes_no_calls(
    kube: RealKube, rest: Rest, s3_server: S3Server, namespace: str
) -> None:
    world = World(kube, rest, Cloud(s3_server), namespace)
    declare(world, INDEX, "main", {"storage": {"volume": {"size": "1Gi"}}, "replicas": 1})
    declare(world, USER, "jenkins", {"indexRef": {"name": "main"}})
    settle_on_a_volume(world)
    assert_ready(world)
    # The controller that would go on with it is not here.
    rest.call("DELETE", f"/api/v1/namespaces/{namespace}")
    for kind, name in (("Service", "wheelyard-main"), ("Secret", "jenkins-pypi")):
        rest.delete(kind, namespace, name)
    settle_on_a_volume(world)
    for key in (world.index, world.user):
        assert told(world, key, "Ready")["reason"] == "NamespaceTerminating"
        assert told(world, key, "Stalled")["status"] == "False"
