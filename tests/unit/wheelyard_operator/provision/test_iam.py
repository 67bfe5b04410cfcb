import json
from typing import TYPE_CHECKING, Any

import pytest

from unit.wheelyard_operator.fakes import an_index, s3_of
from wheelyard_operator.problems import Problem
from wheelyard_operator.provision.clients import Clients
from wheelyard_operator.provision.iam import IamUsers, user_name
from wheelyard_operator.provision.iam_policy import storage_policy

if TYPE_CHECKING:
    from mypy_boto3_iam import IAMClient

INDEX = an_index(created="2020-01-01T00:00:00Z")
STORAGE = s3_of(INDEX)
NAME = user_name(INDEX)


@pytest.fixture
def users(clients: Clients) -> IamUsers:
    return IamUsers(clients, "us-east-1")


def policy(iam: "IAMClient") -> Any:
    return iam.get_user_policy(UserName=NAME, PolicyName="wheelyard-storage")["PolicyDocument"]


def test_names_are_short_and_never_shared() -> None:
    assert NAME.startswith("wheelyard-packages-main-")
    assert user_name(an_index("c", "a-b")) != user_name(an_index("b-c", "a"))
    assert len(user_name(an_index("n" * 40, "s" * 63))) <= 64


def test_a_user_with_a_policy_is_made_once(users: IamUsers, iam: "IAMClient") -> None:
    users.ensure(INDEX, STORAGE)
    calls: list[str] = []
    iam.meta.events.register("before-call.iam", lambda model, **_: calls.append(model.name))
    users.ensure(INDEX, STORAGE)
    assert calls == ["GetUser", "GetUserPolicy"]
    assert policy(iam) == storage_policy(STORAGE)


@pytest.mark.parametrize(("region", "partition"), [("cn-north-1", "aws-cn"), ("garage", "aws")])
def test_the_policy_is_of_the_regions_partition(
    clients: Clients, iam: "IAMClient", region: str, partition: str
) -> None:
    IamUsers(clients, region).ensure(INDEX, STORAGE)
    assert policy(iam) == storage_policy(STORAGE, partition)


def test_a_changed_policy_is_repaired(users: IamUsers, iam: "IAMClient") -> None:
    users.ensure(INDEX, STORAGE)
    wide = json.dumps(storage_policy(s3_of(an_index(s3__bucket="other"))))
    iam.put_user_policy(UserName=NAME, PolicyName="wheelyard-storage", PolicyDocument=wide)
    users.ensure(INDEX, STORAGE)
    assert policy(iam) == storage_policy(STORAGE)


def test_a_server_that_keeps_another_policy_than_it_was_given(users: IamUsers, iam: "IAMClient") -> None:
    def widen(params: Any, **_: Any) -> None:
        params["PolicyDocument"] = json.dumps(storage_policy(s3_of(an_index(s3__bucket="other"))))

    iam.meta.events.register("before-parameter-build.iam.PutUserPolicy", widen)
    with pytest.raises(Problem, match="no key is created") as caught:
        users.ensure(INDEX, STORAGE)
    assert caught.value.reason == "PolicyUnsupported"


@pytest.mark.parametrize(
    ("path", "tags"), [("/", {}), ("/wheelyard/", {"wheelyard.dev/uid": "other"}), ("/", {"a": "b"})]
)
def test_a_foreign_user_is_not_taken_over(
    users: IamUsers, iam: "IAMClient", path: str, tags: dict[str, str]
) -> None:
    tag_list = [{"Key": key, "Value": value} for key, value in tags.items()]
    iam.create_user(UserName=NAME, Path=path, Tags=tag_list)  # type: ignore[arg-type]
    with pytest.raises(Problem) as caught:
        users.ensure(INDEX, STORAGE)
    assert caught.value.reason == "IAMUserTaken"
    users.remove(INDEX)
    assert iam.get_user(UserName=NAME)


def test_a_server_without_tags(users: IamUsers, iam: "IAMClient") -> None:
    """Then the user is this index's if it is younger.

    An older one may be of an earlier index of this name.
    """
    iam.create_user(UserName=NAME, Path="/wheelyard/")
    users.ensure(INDEX, STORAGE)
    with pytest.raises(Problem) as caught:
        users.ensure(an_index(created="2099-01-01T00:00:00Z"), STORAGE)
    assert caught.value.reason == "IAMUserTaken"


def test_reaches_is_true_only_for_the_users_own_location(users: IamUsers) -> None:
    assert not users.reaches(INDEX, STORAGE)
    users.ensure(INDEX, STORAGE)
    assert users.reaches(INDEX, STORAGE)
    for changes in ({"s3__bucket": "other"}, {"s3__prefix": "team/"}):
        assert not users.reaches(INDEX, s3_of(an_index(**changes)))
    again = an_index(uid="of-a-later-one")
    assert not users.reaches(again, s3_of(again)), "names come again"


def test_keys_are_created_deactivated_and_deleted(users: IamUsers) -> None:
    users.ensure(INDEX, STORAGE)
    first, second = users.create_key(INDEX), users.create_key(INDEX)
    assert first.secret != second.secret
    users.deactivate_key(INDEX, first.key_id)
    assert {each.key_id: each.active for each in users.keys(INDEX)} == {first.key_id: False, second.key_id: True}
    users.delete_key(INDEX, first.key_id)
    assert [each.key_id for each in users.keys(INDEX)] == [second.key_id]


def test_removed_with_everything(users: IamUsers, iam: "IAMClient") -> None:
    users.ensure(INDEX, STORAGE)
    users.create_key(INDEX)
    users.remove(INDEX)
    assert iam.list_users()["Users"] == []
    users.remove(INDEX)
