"""The stage alone: which questions reach the provisioner. `test_index` has the whole way."""

from typing import Any, cast

import pytest

from unit.wheelyard_operator.fakes import SETTINGS, FakeKube, index_body
from wheelyard_operator.condition_types import CREDENTIALS_READY, STORAGE_READY
from wheelyard_operator.observe import observe_index
from wheelyard_operator.problems import Problem
from wheelyard_operator.provision.errors import unreachable
from wheelyard_operator.reconcile.children import Children
from wheelyard_operator.reconcile.storage import StorageStage
from wheelyard_operator.reconcile.storage_provisioner import StorageProvisioner
from wheelyard_operator.reconcile.storage_target import StorageTarget
from wheelyard_operator.resource import PackageIndex, S3Storage
from wheelyard_operator.status.storage import ReadyStorage


class Provisioner:
    """Counts what it is asked, and answers or raises."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.problem: Problem | None = None

    def provide(self, target: StorageTarget) -> ReadyStorage:
        self._ask(f"provide {target.index.id}")
        return ReadyStorage(target.credentials_digest)

    def remove_user(self, index: PackageIndex) -> None:
        self._ask(f"remove user {index.id}")

    def remove_bucket(self, index: PackageIndex, storage: S3Storage) -> None:
        self._ask(f"remove bucket {storage.bucket} {index.id}")

    def region(self, storage: S3Storage) -> str:
        return storage.region or "us-east-1"

    def _ask(self, question: str) -> None:
        self.asked.append(question)
        if self.problem:
            raise self.problem


class Stage:
    """A stage at a time of the test's choice, with a cluster."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.kube = FakeKube()
        self.provisioner = Provisioner()
        provisioner = cast("StorageProvisioner", self.provisioner)
        self.stage = StorageStage(provisioner, SETTINGS, lambda: self.seconds)

    def prepare(self, name: str = "main", **changes: Any) -> ReadyStorage:
        index = PackageIndex.parse(index_body(name, **changes))
        return self.stage.prepare(observe_index(self.kube, index), Children(self.kube, index.meta))


@pytest.fixture
def stage() -> Stage:
    return Stage()


def test_a_volume_is_claimed_and_nothing_outside_is_asked(stage: Stage) -> None:
    assert stage.prepare(storage={"volume": {"size": "1Gi"}}, replicas=1) == ReadyStorage()
    assert stage.kube.writes == ["apply PersistentVolumeClaim wheelyard-main"]
    assert stage.provisioner.asked == []


def test_a_policy_that_is_broken_is_reported_before_anything_is_asked(stage: Stage) -> None:
    with pytest.raises(Problem) as caught:
        stage.prepare(s3__endpoint="https://elsewhere.example")
    assert caught.value.reason == "EndpointNotAllowed"
    assert stage.provisioner.asked == []


def test_an_answer_is_used_again_for_45_seconds(stage: Stage) -> None:
    first = stage.prepare()
    stage.seconds = 45
    assert stage.prepare() == first
    assert stage.provisioner.asked == ["provide packages/main"]
    stage.seconds = 45.1
    stage.prepare()
    assert len(stage.provisioner.asked) == 2


def test_a_problem_is_raised_again_without_asking_and_without_the_traceback_of_before(stage: Stage) -> None:
    stage.provisioner.problem = Problem(STORAGE_READY, "BucketNotFound", "create it")
    raised = []
    for _ in range(2):
        with pytest.raises(Problem) as caught:
            stage.prepare()
        raised.append(caught.value)
    assert len(stage.provisioner.asked) == 1
    assert [each.reason for each in raised] == ["BucketNotFound"] * 2
    assert raised[0] is not raised[1]


def test_a_silent_server_is_not_asked_for_another_index(stage: Stage) -> None:
    stage.provisioner.problem = unreachable(STORAGE_READY, "bucket acme")
    for name in ("one", "two"):
        with pytest.raises(Problem) as caught:
            stage.prepare(name)
        assert caught.value.reason == "EndpointUnreachable"
    assert stage.provisioner.asked == ["provide packages/one"]


def test_a_silent_iam_does_not_delay_an_index_without_an_iam_user(stage: Stage) -> None:
    stage.provisioner.problem = unreachable(CREDENTIALS_READY, "IAM")
    with pytest.raises(Problem):
        stage.prepare("one")
    stage.provisioner.problem = None
    stage.prepare("two", s3__provision={"bucket": True})
    with pytest.raises(Problem):
        stage.stage.release(PackageIndex.parse(index_body()))
    assert stage.provisioner.asked == ["provide packages/one", "provide packages/two"]


def test_a_removal_is_never_answered_from_memory(stage: Stage) -> None:
    index = PackageIndex.parse(index_body())
    assert isinstance(index.storage, S3Storage)
    for _ in range(2):
        stage.stage.remove(index, index.storage)
        stage.stage.release(index)
    assert stage.provisioner.asked == ["remove bucket acme packages/main", "remove user packages/main"] * 2
