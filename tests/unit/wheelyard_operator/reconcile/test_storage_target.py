from typing import Any

import pytest

from unit.wheelyard_operator.fakes import FakeKube, index_body, own_credentials, s3_of
from wheelyard_operator.desired.common import encoded
from wheelyard_operator.desired.storage_secret import StorageKey, storage_secret
from wheelyard_operator.observe import observe_index
from wheelyard_operator.problems import Problem
from wheelyard_operator.provision.clients import Credentials
from wheelyard_operator.reconcile.children import Children
from wheelyard_operator.reconcile.storage_target import StorageTarget
from wheelyard_operator.resource import Manifest, PackageIndex

KEY = StorageKey("AK", "s", issued="2026-11-23T12:00:00Z")


def target(kube: FakeKube, **changes: Any) -> StorageTarget:
    index = PackageIndex.parse(index_body(**changes))
    return StorageTarget(observe_index(kube, index), s3_of(index), Children(kube, index.meta))


def secret(name: str, **data: str) -> Manifest:
    return {"kind": "Secret", "metadata": {"name": name, "namespace": "packages"}, "data": encoded(data)}


@pytest.mark.parametrize(
    ("data", "reason", "says"),
    [
        (None, "SecretNotFound", "create it with the keys AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"),
        ({"AWS_ACCESS_KEY_ID": "a"}, "SecretKeyMissing", "has no AWS_SECRET_ACCESS_KEY"),
    ],
)
def test_a_secret_without_credentials_is_named(data: dict[str, str] | None, reason: str, says: str) -> None:
    kube = FakeKube(*([secret("keys", **data)] if data is not None else []))
    with pytest.raises(Problem, match=says) as caught:
        target(kube, **own_credentials()).given_credentials()
    assert caught.value.reason == reason


def test_the_credentials_that_the_index_names_are_used() -> None:
    keys = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_SESSION_TOKEN": "t"}
    assert target(FakeKube(secret("keys", **keys)), **own_credentials()).given_credentials() == Credentials(
        "a", "b", "t"
    )


def test_a_manual_change_of_the_secret_is_undone() -> None:
    kube = FakeKube()
    target(kube).write(KEY)
    kube.objects["Secret", "packages", "wheelyard-main-storage"]["data"]["wheelyard.json"] = ""
    target(kube).restore_secret()
    assert "data" in kube.objects["Secret", "packages", "wheelyard-main-storage"]
    assert StorageKey.parse(kube.objects["Secret", "packages", "wheelyard-main-storage"]).key_id == "AK"


def test_the_secret_of_someone_else_is_never_overwritten() -> None:
    kube = FakeKube(secret("wheelyard-main-storage", AWS_ACCESS_KEY_ID="x", AWS_SECRET_ACCESS_KEY="y"))
    with pytest.raises(Problem) as caught:
        target(kube).restore_secret()
    assert caught.value.reason == "NameConflict"
    assert kube.writes == []


def test_a_secret_that_the_index_names_is_left_alone() -> None:
    kube = FakeKube(secret("keys", AWS_ACCESS_KEY_ID="a", AWS_SECRET_ACCESS_KEY="b"))
    target(kube, **own_credentials()).restore_secret()
    assert kube.writes == []


def test_checking_whether_the_secret_can_be_written_writes_nothing() -> None:
    kube = FakeKube()
    target(kube).check_writable(KEY)
    assert kube.writes == []
    assert target(kube).write(KEY)["data"] == storage_secret(target(kube).index, KEY)["data"]
