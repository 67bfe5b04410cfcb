from typing import Any

import pytest

from unit.wheelyard_operator.fakes import FakeKube, an_index
from wheelyard_operator.apply import Applier, LeavingError, NotOursError, covers
from wheelyard_operator.desired.service import service
from wheelyard_operator.desired.volumeclaim import volumeclaim
from wheelyard_operator.resource import Manifest, VolumeStorage

INDEX = an_index()
ID = ("Service", "packages", "wheelyard-main")


def theirs(**owner: Any) -> Manifest:
    body = service(INDEX)
    body["metadata"]["ownerReferences"] = [owner] if owner else []
    return body


def test_an_unchanged_object_is_applied_once() -> None:
    kube = FakeKube()
    applier = Applier(kube, INDEX.meta)
    first = applier.ensure(service(INDEX))
    assert applier.ensure(service(INDEX)) == first
    assert kube.writes == ["apply Service wheelyard-main"]


def test_a_changed_child_is_repaired() -> None:
    kube = FakeKube()
    Applier(kube, INDEX.meta).ensure(service(INDEX))
    kube.objects[ID]["spec"]["ports"][0]["port"] = 81
    Applier(kube, INDEX.meta).ensure(service(INDEX))
    assert kube.objects[ID]["spec"]["ports"][0]["port"] == 80


def test_a_field_that_is_no_longer_wanted_is_a_difference() -> None:
    kube = FakeKube()
    more = service(INDEX)
    more["spec"]["sessionAffinity"] = "ClientIP"
    Applier(kube, INDEX.meta).ensure(more)
    Applier(kube, INDEX.meta).ensure(service(INDEX))
    assert len(kube.writes) == 2


def test_fields_of_others_are_left_alone() -> None:
    kube = FakeKube()
    Applier(kube, INDEX.meta).ensure(service(INDEX))
    kube.objects[ID]["spec"]["clusterIP"] = "10.0.0.1"
    kube.objects[ID]["metadata"]["annotations"]["other"] = "x"
    Applier(kube, INDEX.meta).ensure(service(INDEX))
    assert len(kube.writes) == 1


@pytest.mark.parametrize(
    "owner",
    [
        {},
        {"kind": "PackageIndex", "name": "other", "uid": "u", "controller": True},
        {"kind": "PackageIndex", "name": "main", "uid": INDEX.meta.uid},
    ],
)
def test_foreign_objects_are_never_touched(owner: dict[str, Any]) -> None:
    kube = FakeKube(theirs(**owner))
    applier = Applier(kube, INDEX.meta)
    with pytest.raises(NotOursError, match="Service packages/wheelyard-main"):
        applier.ensure(service(INDEX))
    applier.remove(*ID)
    assert kube.writes == []


def test_a_predecessors_child_is_waited_for() -> None:
    kube = FakeKube(theirs(kind="PackageIndex", name="main", uid="old", controller=True))
    with pytest.raises(LeavingError):
        Applier(kube, INDEX.meta).ensure(service(INDEX))


def test_a_child_that_is_being_deleted_is_waited_for() -> None:
    kube = FakeKube()
    Applier(kube, INDEX.meta).ensure(service(INDEX))
    kube.objects[ID]["metadata"]["deletionTimestamp"] = "now"
    with pytest.raises(LeavingError):
        Applier(kube, INDEX.meta).ensure(service(INDEX))


@pytest.mark.parametrize("policy", ["Retain", "Delete"])
def test_a_retained_volume_claim_is_adopted_again_under_any_deletion_policy(policy: str) -> None:
    kept, following = (
        an_index(storage={"volume": {"size": "1Gi"}}, spec={"deletionPolicy": each}) for each in ("Retain", policy)
    )
    kube = FakeKube()
    for index in (kept, following):
        assert isinstance(index.storage, VolumeStorage)
        live = Applier(kube, index.meta).ensure(volumeclaim(index, index.storage))
    assert bool(live["metadata"].get("ownerReferences")) == (policy == "Delete")


def test_an_own_object_is_removed() -> None:
    kube = FakeKube()
    Applier(kube, INDEX.meta).ensure(service(INDEX))
    Applier(kube, INDEX.meta).remove(*ID)
    assert kube.objects == {}


@pytest.mark.parametrize(
    ("live", "desired", "covered"),
    [
        ({"a": 1, "b": 2}, {"a": 1}, True),
        ({"b": 2}, {"a": 1}, False),
        ({"a": {"b": 1, "c": 2}}, {"a": {"c": 2}}, True),
        ({"a": [{"n": 1, "default": 2}, {"n": 2}]}, {"a": [{"n": 2}, {"n": 1}]}, True),
        ({"a": [{"n": 1}]}, {"a": [{"n": 1}, {"n": 2}]}, False),
        ({"a": ["x", "y"]}, {"a": ["x"]}, False),
        ({"a": []}, {"a": []}, True),
        ({"a": ["x"]}, {"a": []}, False),
        ({"a": {}}, {"a": {}}, True),
        ({"a": "1"}, {"a": {"b": 1}}, False),
        ({"a": "1"}, {"a": [{"b": 1}]}, False),
    ],
)
def test_covers_compares_a_live_object_with_the_desired_one(live: Any, desired: Any, *, covered: bool) -> None:
    assert covers(live, desired) is covered


def test_a_field_that_is_handed_over_keeps_its_value_and_has_no_owner() -> None:
    kube = FakeKube()
    applier = Applier(kube, INDEX.meta)
    live = applier.ensure(service(INDEX))
    applier.hand_over_field(live, "ports")
    without = service(INDEX)
    del without["spec"]["ports"]
    assert applier.ensure(without)["spec"]["ports"] == live["spec"]["ports"]
    kube.writes.clear()
    applier.hand_over_field(kube.objects[ID], "ports")
    assert kube.writes == [], "it is not ours any more"


def test_fields_of_a_foreign_object_are_not_handed_over() -> None:
    kube = FakeKube()
    live = Applier(kube, INDEX.meta).ensure(service(INDEX))
    Applier(kube, an_index(uid="another").meta).hand_over_field(live, "ports")
    assert kube.writes == ["apply Service wheelyard-main"]


def test_an_empty_list_is_there_where_the_api_server_leaves_it_out() -> None:
    """Else a volume claim that outlives its index, which has no owner, would be written at every resync."""
    assert covers({"metadata": {}}, {"metadata": {"ownerReferences": []}})
    assert not covers({"metadata": {"ownerReferences": [{"uid": "a"}]}}, {"metadata": {"ownerReferences": []}})
