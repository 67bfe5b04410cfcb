from typing import Any

import pytest

from unit.wheelyard_operator.fakes import an_index, own_credentials
from wheelyard_operator.problems import Problem
from wheelyard_operator.status.storage import ReadyStorage, storage_conditions

ROLE: dict[str, Any] = {"s3__provision": {}, "s3__credentials": {"serviceAccount": {}}}
VOLUME = {"storage": {"volume": {"size": "1Gi"}}, "replicas": 1}


def statuses(
    of: dict[str, Any],
    ready: ReadyStorage | None = None,
    claim: Any = None,
    problem: Any = None,
    *,
    serves: bool = True,
) -> list[tuple[str, str]]:
    found = storage_conditions(an_index(**of), ready, claim, problem, serves=serves)
    assert [each.type for each in found] == ["StorageReady", "CredentialsReady"]
    return [(each.status, each.reason) for each in found]


def test_a_key_of_the_operator_is_issued_and_rotating() -> None:
    assert statuses({}, ReadyStorage()) == [("True", "BucketReady"), ("True", "KeyIssued")]
    assert statuses({}, ReadyStorage(has_previous_key=True))[1] == ("True", "KeyRotating")


def test_given_credentials_are_shown_as_found() -> None:
    assert statuses(own_credentials(), ReadyStorage()) == [("True", "BucketReady"), ("True", "SecretFound")]


def test_only_the_index_servers_can_check_a_role() -> None:
    assert statuses(ROLE, ReadyStorage(), serves=False) == [("Unknown", "NotChecked")] * 2
    assert statuses(ROLE, ReadyStorage()) == [("True", "BucketReady"), ("True", "ServiceAccountHasRole")]


@pytest.mark.parametrize(
    ("phase", "expected"),
    [
        ("Bound", ("True", "VolumeBound")),
        ("Pending", ("Unknown", "VolumePending")),
        ("Lost", ("False", "VolumeLost")),
    ],
)
def test_a_volume_is_shown_by_its_phase(phase: str, expected: tuple[str, str]) -> None:
    claim = {"status": {"phase": phase}}
    assert statuses(VOLUME, ReadyStorage(), claim) == [expected, ("True", "NoneNeeded")]
    assert statuses(VOLUME, ReadyStorage())[0] == ("Unknown", "VolumePending")


def test_a_storage_that_was_not_checked_is_unknown() -> None:
    taken = Problem("Available", "NameConflict", "Rename it.")
    assert statuses({}, None, problem=taken) == [("Unknown", "NotChecked")] * 2
    missing = Problem("StorageReady", "BucketNotFound", "Make it.")
    assert statuses({}, None, problem=missing) == [("False", "BucketNotFound"), ("Unknown", "NotChecked")]


def test_a_later_problem_leaves_the_storage_ready() -> None:
    refused = Problem("Available", "ApplyRefused", "A quota.")
    assert statuses({}, ReadyStorage(), problem=refused) == [("True", "BucketReady"), ("True", "KeyIssued")]
