from typing import Any

import pytest

from unit.wheelyard_operator.fakes import NOW
from wheelyard_operator.desired.requests import with_answer
from wheelyard_operator.desired.storage_secret import StorageKey
from wheelyard_operator.provision.storage_users import AccessKey
from wheelyard_operator.reconcile.access_key_rotation import (
    CreateKey,
    DeactivateKey,
    DeleteKey,
    KeyState,
    RecordDeactivation,
    Step,
    next_rotation,
    next_step,
)
from wheelyard_operator.resource.storage import KeyRotation
from wheelyard_operator.times import later

OLD, CURRENT = AccessKey("old", active=True), AccessKey("current", active=True)
ENDED = AccessKey("old", active=False)
GRACE = 60


def step(*keys: AccessKey, in_use: bool = True, every: int = 0, request: str = "", **current: Any) -> Step | None:
    key = StorageKey(**{"key_id": "current", "secret": "s", "issued": later(NOW, -3600), **current})
    return next_step(KeyState(key, keys, in_use, NOW), KeyRotation(every, request), GRACE)


def test_the_first_key_is_created() -> None:
    assert step(key_id="") == CreateKey()
    assert step(OLD, key_id="") == CreateKey(), "a key whose secret is lost ends later"


def test_at_rest_there_is_no_step() -> None:
    assert step(CURRENT) is None
    assert step(CURRENT, every=7200) is None


def test_a_new_key_is_due_by_schedule_or_on_request() -> None:
    assert step(CURRENT, every=3600) == CreateKey()
    assert step(CURRENT, request="now") == CreateKey()
    assert step(CURRENT, request="now", in_use=False) is None, "one roll-out after the other"
    assert step(CURRENT, request="now", answered=with_answer("now", ())) is None
    assert step(CURRENT, request="", answered=with_answer("now", ())) is None, "a removed annotation is no request"


def test_the_previous_key_ends_slowly_and_only_when_no_pod_has_it() -> None:
    assert step(OLD, CURRENT, in_use=False) is None
    assert step(OLD, CURRENT, issued=later(NOW, -GRACE + 1)) is None
    assert step(OLD, CURRENT) == DeactivateKey("old")
    assert step(ENDED, CURRENT) == RecordDeactivation()
    assert step(ENDED, CURRENT, deactivated=NOW) is None
    assert step(ENDED, CURRENT, deactivated=later(NOW, -GRACE)) == DeleteKey("old")


def test_there_are_never_more_than_two_keys() -> None:
    """A rotation waits for the end of the previous one."""
    assert step(OLD, CURRENT, request="again") == DeactivateKey("old")
    assert step(ENDED, CURRENT, request="again", deactivated=NOW) is None


@pytest.mark.parametrize("others", [(), (OLD,)])
def test_a_key_that_was_deactivated_or_deleted_manually_is_replaced(others: tuple[AccessKey, ...]) -> None:
    assert step(*others, AccessKey("current", active=False)) == CreateKey("current" if others else "")
    assert step(*others) == CreateKey()


def test_if_there_is_no_room_the_newest_key_goes_which_no_pod_has_seen() -> None:
    assert step(OLD, AccessKey("lost", active=True), key_id="") == CreateKey("lost")
    assert step(OLD, ENDED, key_id="") == CreateKey("old")


def test_a_new_key_may_be_missing_from_the_list_for_a_while() -> None:
    assert step(OLD, issued=NOW, in_use=False) is None
    assert step(OLD, issued=later(NOW, -61)) == CreateKey()


def test_the_next_rotation_is_counted_from_when_the_key_was_issued() -> None:
    key = StorageKey("a", "b", issued=NOW)
    assert next_rotation(key, KeyRotation(3600)) == later(NOW, 3600)
    assert next_rotation(key, KeyRotation()) == ""
    assert next_rotation(StorageKey(), KeyRotation(3600)) == ""
