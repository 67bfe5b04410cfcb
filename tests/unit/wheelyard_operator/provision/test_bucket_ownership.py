import json
from typing import TYPE_CHECKING, Any

import pytest

from unit.wheelyard_operator.fakes import an_index, own_credentials, s3_of
from wheelyard_operator.problems import Problem
from wheelyard_operator.provision import bucket_ownership
from wheelyard_operator.provision.bucket_ownership import check_conditional_writes
from wheelyard_operator.resource import PackageIndex, S3Storage

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

INDEX = an_index(s3__prefix="team/")
KEYS = "The keys in Secret x"


def check_storage(
    s3: "S3Client", index: PackageIndex, storage: S3Storage, credentials: str, *, granted: bool = False
) -> None:
    bucket_ownership.check_storage(s3, index, storage, credentials, lambda: granted)


def marker(s3: "S3Client", content: bytes) -> None:
    s3.put_object(Bucket="acme", Key="team/wheelyard.json", Body=content)


def test_an_empty_bucket_and_ones_own_can_be_used(s3: "S3Client") -> None:
    s3.create_bucket(Bucket="acme")
    check_storage(s3, INDEX, s3_of(INDEX), KEYS)
    marker(s3, json.dumps({"format": 1, "index": "packages/main"}).encode())
    check_storage(s3, INDEX, s3_of(INDEX), KEYS)


def read_marker(s3: "S3Client", key: str = "team/wheelyard.json") -> Any:
    return json.loads(s3.get_object(Bucket="acme", Key=key)["Body"].read())


def test_a_marker_without_an_owner_does_not_permit_a_key(s3: "S3Client") -> None:
    """Every backup by `wheelyard copy` and every standalone server on S3 leaves one."""
    s3.create_bucket(Bucket="acme")
    marker(s3, b'{"format": 1, "index": null}')
    with pytest.raises(Problem, match=r"wheelyard assign s3://acme/team/ --to packages/main") as caught:
        check_storage(s3, INDEX, s3_of(INDEX), KEYS)
    assert caught.value.reason == "StorageNotAssigned"
    assert caught.value.stalled
    assert read_marker(s3)["index"] is None


def test_an_index_with_its_own_credentials_or_existing_rights_may_claim_the_storage(s3: "S3Client") -> None:
    s3.create_bucket(Bucket="acme")
    marker(s3, b'{"format": 1, "index": null}')
    own = an_index(s3__prefix="team/", **own_credentials())
    check_storage(s3, own, s3_of(own), KEYS)
    check_storage(s3, INDEX, s3_of(INDEX), KEYS, granted=True)


def test_a_place_is_claimed_before_there_is_a_key_and_the_first_keeps_it(s3: "S3Client") -> None:
    s3.create_bucket(Bucket="acme")
    other = an_index("other", "else", s3__prefix="team/")
    check_storage(s3, other, s3_of(other), KEYS)
    assert read_marker(s3) == {"format": 1, "index": "else/other"}
    with pytest.raises(Problem) as caught:
        check_storage(s3, INDEX, s3_of(INDEX), KEYS)
    assert caught.value.reason == "StorageInUse"
    assert "else" not in caught.value.message
    check_storage(s3, other, s3_of(other), KEYS)


def test_an_index_with_its_own_credentials_is_claimed_by_its_servers(s3: "S3Client") -> None:
    s3.create_bucket(Bucket="acme")
    own = an_index(s3__prefix="team/", **own_credentials())
    check_storage(s3, own, s3_of(own), KEYS)
    assert "Contents" not in s3.list_objects_v2(Bucket="acme")


@pytest.mark.parametrize(
    ("theirs", "reason"), [("team/", "StorageInUse"), ("", "StorageNotEmpty"), ("team/a/", "StorageNotEmpty")]
)
def test_the_second_of_two_simultaneous_claims_withdraws(s3: "S3Client", theirs: str, reason: str) -> None:
    """The other one claims its place after everything was looked at, just before our claim."""
    s3.create_bucket(Bucket="acme")
    claimed = f"{theirs}wheelyard.json"
    calls = iter([False, True])

    def race(params: Any, **_: Any) -> None:
        if params["Key"] == "team/wheelyard.json" and not next(calls, True):
            s3.put_object(Bucket="acme", Key=claimed, Body=b'{"format": 1, "index": "else/other"}')

    s3.meta.events.register("before-parameter-build.s3.PutObject", race)
    with pytest.raises(Problem) as caught:
        check_storage(s3, INDEX, s3_of(INDEX), KEYS)
    assert caught.value.reason == reason
    assert [each["Key"] for each in s3.list_objects_v2(Bucket="acme")["Contents"]] == [claimed]
    assert read_marker(s3, claimed)["index"] == "else/other"


def test_an_index_with_the_rights_restores_its_marker_over_existing_objects(s3: "S3Client") -> None:
    """Somebody deleted the marker of a running index: what lies there is its own."""
    s3.create_bucket(Bucket="acme")
    s3.put_object(Bucket="acme", Key="team/projects/demo.json", Body=b"{}")
    check_storage(s3, INDEX, s3_of(INDEX), KEYS, granted=True)
    assert read_marker(s3)["index"] == "packages/main"


def test_probing_a_safe_server_leaves_no_objects(s3: "S3Client") -> None:
    s3.create_bucket(Bucket="acme")
    check_conditional_writes(s3, s3_of(INDEX), KEYS)
    assert "Contents" not in s3.list_objects_v2(Bucket="acme")


def test_a_server_that_ignores_conditional_writes_is_named(s3: "S3Client") -> None:
    s3.create_bucket(Bucket="acme")
    s3.meta.events.register("before-parameter-build.s3.PutObject", lambda params, **_: params.pop("IfNoneMatch", 0))
    with pytest.raises(Problem, match="of two uploads at the same time, one could be lost") as caught:
        check_conditional_writes(s3, s3_of(INDEX), KEYS)
    assert caught.value.reason == "ConditionalWritesUnsafe"
    assert caught.value.stalled
    assert "Contents" not in s3.list_objects_v2(Bucket="acme")


@pytest.mark.parametrize("content", [b'{"format": 1, "index": "other/one"}', b"{}", b"[]", b"\xff", b"none"])
def test_a_prefix_of_another_index_is_in_use(s3: "S3Client", content: bytes) -> None:
    s3.create_bucket(Bucket="acme")
    marker(s3, content)
    with pytest.raises(Problem) as caught:
        check_storage(s3, INDEX, s3_of(INDEX), KEYS)
    assert caught.value.reason == "StorageInUse"
    assert caught.value.stalled


def test_a_missing_bucket_is_a_condition_with_advice(s3: "S3Client") -> None:
    with pytest.raises(Problem, match="create it, or set") as caught:
        check_storage(s3, INDEX, s3_of(INDEX), KEYS)
    assert caught.value.reason == "BucketNotFound"


def test_nothing_but_the_prefix_is_asked_for(s3: "S3Client") -> None:
    """The policy of an index's user allows listing below its prefix alone."""
    s3.create_bucket(Bucket="acme")
    asked: list[Any] = []
    s3.meta.events.register("before-parameter-build.s3", lambda params, **_: asked.append(params))
    index = an_index(s3__prefix="team/", **own_credentials())
    check_storage(s3, index, s3_of(index), KEYS)
    assert all(params.get("Prefix", params.get("Key")).startswith("team/") for params in asked)


@pytest.mark.parametrize(
    ("key", "prefix"),
    [
        ("team/terraform.tfstate", "team/"),
        ("team/deeper/wheelyard.json", "team/"),
        ("wheelyard.json", "team/"),
        ("team/wheelyard.json", "team/a/b/"),
        ("anything", ""),
    ],
)
def test_the_operators_rights_unlock_nothing_that_is_there_already(s3: "S3Client", key: str, prefix: str) -> None:
    s3.create_bucket(Bucket="acme")
    s3.put_object(Bucket="acme", Key=key, Body=b'{"index": "packages/other"}')
    index = an_index(s3__prefix=prefix)
    with pytest.raises(Problem, match=r"key for it would unlock that|belongs to another index") as caught:
        check_storage(s3, index, s3_of(index), KEYS)
    assert caught.value.stalled
    assert "other" not in caught.value.message.replace("another", "")
    if "wheelyard.json" not in key:
        index = an_index(s3__prefix=prefix, **own_credentials())
        check_storage(s3, index, s3_of(index), KEYS)


@pytest.mark.parametrize(
    "key",
    ["team2/file", "other/wheelyard.json", "team/catalog/probe/operator", "team/conditional-writes/x/safe.json"],
)
def test_objects_outside_the_prefix_do_not_prevent_use(s3: "S3Client", key: str) -> None:
    s3.create_bucket(Bucket="acme")
    s3.put_object(Bucket="acme", Key=key, Body=b"{}")
    check_storage(s3, INDEX, s3_of(INDEX), KEYS)
