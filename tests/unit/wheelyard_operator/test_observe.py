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
from wheelyard_operator.observe import observe_index, pods, staying


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


def test_one_that_is_not_as_its_schema_has_it_holds_up_no_other() -> None:
    """Its rights end: whoever cannot be read is nobody."""
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
    found = pods(kube, an_index())
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
def test_a_pod_with_the_labels_alone_is_no_server(metadata: dict[str, Any]) -> None:
    assert pods(FakeKube(server_pod("stray", **metadata)), an_index()) == ()
