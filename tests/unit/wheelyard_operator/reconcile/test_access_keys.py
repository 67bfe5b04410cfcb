"""The executor alone, with a cloud in memory.

`test_key_rotation` has the rules, `test_index` the whole way.
"""

from dataclasses import replace
from typing import Any

import pytest

from unit.wheelyard_operator.fakes import NOW, FakeKube, index_body, s3_of
from wheelyard_operator.desired.storage_secret import StorageKey, credentials_digest
from wheelyard_operator.kube import ApiError
from wheelyard_operator.observe import observe_index
from wheelyard_operator.problems import Problem
from wheelyard_operator.provision.storage_users import AccessKey, Capabilities, NewKey
from wheelyard_operator.reconcile.access_keys import AccessKeys
from wheelyard_operator.reconcile.children import Children
from wheelyard_operator.reconcile.storage_target import StorageTarget
from wheelyard_operator.resource import CREDENTIALS_ANNOTATION, PackageIndex
from wheelyard_operator.status.storage import ReadyStorage
from wheelyard_operator.times import later

GRACE = 60


class Users:
    """The users of a provider: one user, and every call in order."""

    def __init__(self, *keys: AccessKey, prefixes: bool = True) -> None:
        self.listed = list(keys)
        self.calls: list[str] = []
        self._prefixes = prefixes

    def capabilities(self) -> Capabilities:
        return Capabilities(self._prefixes)

    def ensure(self, *_: Any, **__: Any) -> None:
        self.calls.append("ensure")

    def reaches(self, *_: Any, **__: Any) -> bool:
        raise AssertionError

    def keys(self, *_: Any, **__: Any) -> tuple[AccessKey, ...]:
        return tuple(self.listed)

    def create_key(self, *_: Any, **__: Any) -> NewKey:
        self.calls.append("create")
        self.listed.append(AccessKey("new", active=True))
        return NewKey("new", "secret")

    def deactivate_key(self, _index: PackageIndex, key_id: str) -> None:
        self.calls.append(f"deactivate {key_id}")
        self.listed = [replace(each, active=each.active and each.key_id != key_id) for each in self.listed]

    def delete_key(self, _index: PackageIndex, key_id: str) -> None:
        self.calls.append(f"delete {key_id}")
        self.listed = [each for each in self.listed if each.key_id != key_id]

    def remove(self, *_: Any, **__: Any) -> None:
        raise AssertionError


def keep(kube: FakeKube, users: Users, now: str = NOW) -> ReadyStorage:
    """Run the executor once on what the cluster has."""
    index = PackageIndex.parse(index_body())
    target = StorageTarget(observe_index(kube, index), s3_of(index), Children(kube, index.meta))
    return AccessKeys(users, GRACE, lambda: now).keep(target, ReadyStorage(note="kept"))


def recorded(kube: FakeKube) -> StorageKey:
    return StorageKey.parse(kube.objects["Secret", "packages", "wheelyard-main-storage"])


def roll_out(kube: FakeKube) -> None:
    """Have every pod run with the key that the Secret has."""
    index = PackageIndex.parse(index_body())
    digest = credentials_digest(s3_of(index), kube.objects["Secret", "packages", "wheelyard-main-storage"])
    kube.put(
        {
            "kind": "Deployment",
            "metadata": {"name": "wheelyard-main", "namespace": "packages"},
            "spec": {"replicas": 1, "template": {"metadata": {"annotations": {CREDENTIALS_ANNOTATION: digest}}}},
            "status": {"observedGeneration": 1, "replicas": 1, "updatedReplicas": 1, "availableReplicas": 1},
        }
    )


def test_the_first_key_is_written_and_returned() -> None:
    kube, users = FakeKube(), Users()
    ready = keep(kube, users)
    assert users.calls == ["ensure", "create"]
    assert recorded(kube) == StorageKey("new", "secret", issued=NOW)
    secret = kube.objects["Secret", "packages", "wheelyard-main-storage"]
    assert ready.credentials_digest == credentials_digest(s3_of(PackageIndex.parse(index_body())), secret)
    assert (ready.key_issued, ready.note) == (NOW, "kept")


def test_a_key_that_cannot_be_written_is_never_created() -> None:
    kube, users = FakeKube(), Users()
    kube.refusal = lambda *_: ApiError(403, "exceeded quota")
    with pytest.raises(Problem):
        keep(kube, users)
    assert users.calls == ["ensure"]


def test_a_lost_key_is_deleted_only_after_the_secret_is_known_to_be_writable() -> None:
    kube, users = FakeKube(), Users(AccessKey("old", active=True), AccessKey("lost", active=True))
    kube.refusal = lambda *_: ApiError(403, "exceeded quota")
    with pytest.raises(Problem):
        keep(kube, users)
    assert users.calls == ["ensure"]
    kube.refusal = lambda *_: None
    keep(kube, users)
    assert users.calls == ["ensure", "ensure", "delete lost", "create"]


def test_nothing_ends_while_pods_have_the_previous_key() -> None:
    kube, users = FakeKube(), Users(AccessKey("old", active=True))
    assert keep(kube, users).has_previous_key
    assert [each.key_id for each in users.listed] == ["old", "new"]
    assert "deactivate old" not in users.calls


def test_the_previous_key_is_deactivated_which_is_recorded_and_later_deleted() -> None:
    kube, users = FakeKube(), Users(AccessKey("old", active=True))
    keep(kube, users)
    roll_out(kube)
    deactivated = later(NOW, GRACE)
    assert keep(kube, users, deactivated).has_previous_key
    assert users.calls[-1] == "deactivate old"
    assert recorded(kube).deactivated == deactivated
    assert not keep(kube, users, later(deactivated, GRACE)).has_previous_key
    assert users.calls[-1] == "delete old"


def test_no_user_is_made_with_wider_rights_than_asked_for() -> None:
    kube, users = FakeKube(), Users(prefixes=False)
    index = PackageIndex.parse(index_body(s3__prefix="team/"))
    target = StorageTarget(observe_index(kube, index), s3_of(index), Children(kube, index.meta))
    with pytest.raises(Problem) as caught:
        AccessKeys(users, GRACE, lambda: NOW).keep(target, ReadyStorage())
    assert caught.value.reason == "PolicyUnsupported"
    assert users.calls == []
