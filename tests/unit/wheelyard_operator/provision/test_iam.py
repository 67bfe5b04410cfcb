from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from unit.wheelyard_operator.fakes import an_index
from wheelyard_operator.problems import Problem
from wheelyard_operator.provision.iam import ensure_key, ensure_user, remove_user, retire_keys, user_name
from wheelyard_operator.provision.policy import storage_policy

if TYPE_CHECKING:
    from mypy_boto3_iam import IAMClient

INDEX = an_index()
NAME = user_name(INDEX)


def keys(iam: IAMClient) -> set[str]:
    return {each["AccessKeyId"] for each in iam.list_access_keys(UserName=NAME)["AccessKeyMetadata"]}


def made(iam: IAMClient, recorded: str = "") -> str:
    key = ensure_key(iam, INDEX, recorded)
    assert key
    return key.key_id


def test_names_are_short_and_never_shared() -> None:
    assert NAME.startswith("wheelyard-packages-main-")
    assert user_name(an_index("c", "a-b")) != user_name(an_index("b-c", "a"))
    assert len(user_name(an_index("n" * 40, "s" * 63))) <= 64


def test_a_user_with_a_policy_is_made_once(iam: IAMClient) -> None:
    ensure_user(iam, INDEX)
    calls: list[str] = []
    iam.meta.events.register("before-call.iam", lambda model, **_: calls.append(model.name))
    ensure_user(iam, INDEX)
    assert calls == ["GetUser", "GetUserPolicy"]
    policy = iam.get_user_policy(UserName=NAME, PolicyName="wheelyard-storage")["PolicyDocument"]
    assert policy == storage_policy(INDEX.storage)


def test_a_changed_policy_is_repaired(iam: IAMClient) -> None:
    ensure_user(iam, INDEX)
    wide = json.dumps(storage_policy(an_index(s3__bucket="other").storage))
    iam.put_user_policy(UserName=NAME, PolicyName="wheelyard-storage", PolicyDocument=wide)
    ensure_user(iam, INDEX)
    policy = iam.get_user_policy(UserName=NAME, PolicyName="wheelyard-storage")["PolicyDocument"]
    assert policy == storage_policy(INDEX.storage)


@pytest.mark.parametrize(
    ("path", "tags"), [("/", {}), ("/wheelyard/", {"wheelyard.dev/uid": "other"}), ("/", {"a": "b"})]
)
def test_a_foreign_user_is_not_taken_over(iam: IAMClient, path: str, tags: dict[str, str]) -> None:
    tag_list = [{"Key": key, "Value": value} for key, value in tags.items()]
    iam.create_user(UserName=NAME, Path=path, Tags=tag_list)  # type: ignore[arg-type]
    with pytest.raises(Problem) as caught:
        ensure_user(iam, INDEX)
    assert caught.value.reason == "IAMUserTaken"
    remove_user(iam, INDEX)
    assert iam.get_user(UserName=NAME)


def test_a_server_without_tags(iam: IAMClient) -> None:
    iam.create_user(UserName=NAME, Path="/wheelyard/")
    ensure_user(iam, INDEX)


def test_a_recorded_key_is_kept(iam: IAMClient) -> None:
    ensure_user(iam, INDEX)
    recorded = made(iam)
    assert ensure_key(iam, INDEX, recorded) is None
    retire_keys(iam, INDEX, recorded)
    assert keys(iam) == {recorded}


def test_a_key_that_was_never_written_down_goes(iam: IAMClient) -> None:
    """Killed between making the key and writing the Secret."""
    ensure_user(iam, INDEX)
    lost = made(iam)
    recorded = made(iam)
    assert keys(iam) == {lost, recorded}
    retire_keys(iam, INDEX, recorded)
    assert keys(iam) == {recorded}


def test_killed_again_and_again_the_key_in_use_stays(iam: IAMClient, monkeypatch: pytest.MonkeyPatch) -> None:
    ensure_user(iam, INDEX)
    in_use = made(iam)
    order = [in_use]
    monkeypatch.setattr("wheelyard_operator.provision.iam._keys", lambda *_: list(order))
    for _ in range(3):
        order[1:] = [made(iam)]
    assert in_use in keys(iam)
    assert len(keys(iam)) == 2


def test_nothing_is_retired_for_a_key_that_is_not_there(iam: IAMClient) -> None:
    ensure_user(iam, INDEX)
    in_use = made(iam)
    retire_keys(iam, INDEX, "unknown")
    assert keys(iam) == {in_use}


def test_removed_with_everything(iam: IAMClient) -> None:
    ensure_user(iam, INDEX)
    made(iam)
    remove_user(iam, INDEX)
    assert iam.list_users()["Users"] == []
    remove_user(iam, INDEX)
