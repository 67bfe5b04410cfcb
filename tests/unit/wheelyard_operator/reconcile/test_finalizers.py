from typing import Any

import pytest

from unit.wheelyard_operator.fakes import FakeKube, index_body
from wheelyard_operator.kube import ApiError
from wheelyard_operator.reconcile.finalizers import Finalizers, missing_finalizers
from wheelyard_operator.resource import BUCKET_FINALIZER, FINALIZER, INDEX, PackageIndex


def live(kube: FakeKube) -> PackageIndex:
    return PackageIndex.parse(kube.objects[INDEX, "packages", "main"])


@pytest.mark.parametrize(
    ("changes", "missing"),
    [
        ({}, [FINALIZER]),
        ({"deletion_policy": "Delete"}, [BUCKET_FINALIZER, FINALIZER]),
        ({"s3__provision": {}}, []),
        ({"storage": {"volume": {"size": "1Gi"}}, "deletion_policy": "Delete"}, []),
    ],
)
def test_an_index_needs_a_finalizer_for_everything_outside_the_cluster(
    changes: dict[str, Any], missing: list[str]
) -> None:
    assert missing_finalizers(PackageIndex.parse(index_body(**changes))) == missing


def test_the_index_is_returned_with_the_change() -> None:
    kube = FakeKube(index_body())
    added = Finalizers(kube).add(live(kube), [FINALIZER])
    assert added is not None
    assert added.meta.finalizers == (FINALIZER,)
    assert missing_finalizers(added) == []
    removed = Finalizers(kube).remove(added, FINALIZER)
    assert removed is not None
    assert removed.meta.finalizers == ()


def test_a_deleted_index_gets_no_finalizer() -> None:
    kube = FakeKube(index_body())
    index = live(kube)
    kube.objects.clear()
    assert Finalizers(kube).add(index, [FINALIZER]) is None
    assert kube.writes == []


def test_a_list_that_someone_else_has_changed_is_not_overwritten() -> None:
    kube = FakeKube(index_body())
    index = live(kube)
    kube.patch(INDEX, "packages", "main", {"metadata": {"finalizers": ["foreign"]}})
    with pytest.raises(ApiError):
        Finalizers(kube).add(index, [FINALIZER])
    assert live(kube).meta.finalizers == ("foreign",)
