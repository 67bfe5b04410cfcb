from typing import Any

import pytest

from unit.wheelyard_operator.fakes import (
    FakeKube,
    a_user,
    an_index,
    index_body,
    namespace_body,
    server_pod,
    user_body,
)
from wheelyard_operator.desired.credentials import Credentials
from wheelyard_operator.desired.user_secret import user_secret
from wheelyard_operator.observe import observe_index, observe_user, read_pods, staying
from wheelyard_operator.resource import Manifest


def test_an_index_has_the_users_that_name_it() -> None:
    kube = FakeKube(
        index_body(),
        user_body(),
        user_body("far", "ci"),
        user_body("stranger", "ci", index_namespace=""),
        namespace_body("packages"),
        namespace_body("ci", team="ci"),
        user_secret(a_user("far", "ci"), "http://x/", Credentials()),
    )
    observed = observe_index(kube, an_index())
    here, far = observed.users
    assert (here.user.username, here.secrets) == ("packages.jenkins", ())
    assert far.user.username == "ci.far"
    assert far.namespace_labels == {"team": "ci"}
    assert [each["metadata"]["name"] for each in far.secrets] == ["far-pypi"]


def test_only_an_indexs_own_users_are_read_if_the_crd_can_select_them() -> None:
    kube = FakeKube(index_body(), user_body(), user_body("far", "ci"), user_body("here", index_namespace=""))
    found = [each.user.username for each in observe_index(kube, an_index()).users]
    assert sorted(found) == ["ci.far", "packages.here", "packages.jenkins"]
    kube.selects_fields = False
    assert sorted(each.user.username for each in observe_index(kube, an_index()).users) == sorted(found)


def test_a_resource_that_violates_its_schema_holds_up_no_other() -> None:
    """Its rights end: a user that cannot be parsed does not exist."""
    odd = user_body("odd")
    odd["spec"]["grants"] = "all"
    observed = observe_index(FakeKube(index_body(), odd, user_body()), an_index())
    assert [each.user.username for each in observed.users] == ["packages.jenkins"]


def test_users_on_their_way_out_do_not_count() -> None:
    leaving = user_body()
    leaving["metadata"]["deletionTimestamp"] = "now"
    assert observe_index(FakeKube(index_body(), leaving), an_index()).users == ()


def test_a_namespace_that_is_gone_has_no_labels() -> None:
    (observed,) = observe_index(FakeKube(index_body(), user_body()), an_index()).users
    assert observed.namespace_labels is None


def test_pods_on_their_way_out_do_not_count() -> None:
    kube = FakeKube(server_pod("a"), server_pod("b", deletionTimestamp="now"))
    found = read_pods(kube, an_index())
    assert [each["metadata"]["name"] for each in found] == ["a", "b"]
    assert [each["metadata"]["name"] for each in staying(found)] == ["a"]


@pytest.mark.parametrize(
    "metadata",
    [
        {"ownerReferences": []},
        {"ownerReferences": [{"kind": "ReplicaSet", "name": "other-abc", "uid": "r", "controller": True}]},
        {"ownerReferences": [{"kind": "Job", "name": "wheelyard-main-abc", "uid": "r", "controller": True}]},
        {"labels": {"wheelyard.dev/index": "main"}},
    ],
)
def test_a_pod_with_only_the_labels_is_not_a_server(metadata: dict[str, Any]) -> None:
    assert read_pods(FakeKube(server_pod("stray", **metadata)), an_index()) == ()


HOST = "pypi.example.com"


def named_secret(name: str) -> Manifest:
    return {"kind": "Secret", "metadata": {"name": name, "namespace": "packages"}}


@pytest.mark.parametrize(
    ("ingress", "name"),
    [
        ({"host": HOST, "tls": {"secretName": "pypi-tls"}}, "pypi-tls"),
        ({"host": HOST, "tls": {"issuerRef": {"name": "ca"}}}, "wheelyard-main-tls"),
        ({"host": HOST}, None),
    ],
)
def test_the_certificate_of_an_ingress_is_read_with_the_index(ingress: Manifest, name: str | None) -> None:
    kube = FakeKube(named_secret("pypi-tls"), named_secret("wheelyard-main-tls"))
    found = observe_index(kube, an_index(spec={"ingress": ingress})).certificate_secret
    assert (found["metadata"]["name"] if found else None) == name


def test_the_volume_claim_is_read_for_an_index_on_a_volume_alone() -> None:
    claim = {"kind": "PersistentVolumeClaim", "metadata": {"name": "wheelyard-main", "namespace": "packages"}}
    kube = FakeKube(claim)
    assert observe_index(kube, an_index()).volume_claim is None
    on_volume = an_index(storage={"volume": {"size": "1Gi"}}, replicas=1)
    assert observe_index(kube, on_volume).volume_claim is not None


def test_the_password_of_a_user_is_read_only_for_the_user_itself() -> None:
    password: dict[str, Any] = {"credentials": {"passwordSecretRef": {"name": "chosen"}}}
    kube = FakeKube(index_body(), user_body(**password), named_secret("chosen"))
    assert observe_user(kube, a_user(**password)).password_secret is not None
    (seen_by_index,) = observe_index(kube, an_index()).users
    assert seen_by_index.password_secret is None


class CountingKube(FakeKube):
    """Count what is read."""

    def __init__(self, *objects: Manifest) -> None:
        super().__init__(*objects)
        self.read: list[str] = []

    def get(self, kind: str, namespace: str, name: str) -> Manifest | None:
        self.read.append(f"{kind} {name}")
        return super().get(kind, namespace, name)

    def list(self, kind: str, namespace: str = "", selector: str = "", fields: str = "") -> list[Manifest]:
        self.read.append(f"{kind} {namespace} {selector} {fields}")
        return super().list(kind, namespace, selector, fields)


def test_an_observation_reads_each_object_once() -> None:
    kube = CountingKube(index_body(), user_body(), namespace_body("packages"), server_pod())
    observe_index(kube, an_index(spec={"ingress": {"host": HOST, "tls": {"secretName": "pypi-tls"}}}))
    assert len(kube.read) == len(set(kube.read))
