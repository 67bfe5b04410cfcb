from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from unit.wheelyard_operator.fakes import an_index, given, s3_of
from wheelyard_operator.problems import Problem
from wheelyard_operator.provision.place import check_conditional_writes, check_storage

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

INDEX = an_index(s3__prefix="team/")
KEYS = "The keys in Secret x"


def marker(s3: S3Client, content: bytes) -> None:
    s3.put_object(Bucket="acme", Key="team/wheelyard.json", Body=content)


def test_an_empty_bucket_and_ones_own_can_be_used(s3: S3Client) -> None:
    s3.create_bucket(Bucket="acme")
    check_storage(s3, INDEX, s3_of(INDEX), KEYS)
    marker(s3, json.dumps({"format": 1, "index": "packages/main"}).encode())
    check_storage(s3, INDEX, s3_of(INDEX), KEYS)


def test_a_copy_that_nobody_has_claimed_can_be_used(s3: S3Client) -> None:
    s3.create_bucket(Bucket="acme")
    marker(s3, b'{"format": 1, "index": null}')
    check_storage(s3, INDEX, s3_of(INDEX), KEYS)


def test_a_server_that_honours_conditional_writes_is_left_as_it_was(s3: S3Client) -> None:
    s3.create_bucket(Bucket="acme")
    check_conditional_writes(s3, s3_of(INDEX), KEYS)
    assert "Contents" not in s3.list_objects_v2(Bucket="acme")


def test_a_server_that_ignores_conditional_writes_is_named(s3: S3Client) -> None:
    s3.create_bucket(Bucket="acme")
    s3.meta.events.register("before-parameter-build.s3.PutObject", lambda params, **_: params.pop("IfNoneMatch", 0))
    with pytest.raises(Problem, match="two uploads at once could lose one") as caught:
        check_conditional_writes(s3, s3_of(INDEX), KEYS)
    assert caught.value.reason == "ConditionalWritesUnsafe"
    assert caught.value.stalled
    assert "Contents" not in s3.list_objects_v2(Bucket="acme")


@pytest.mark.parametrize("content", [b'{"format": 1, "index": "other/one"}', b"{}", b"[]", b"\xff", b"none"])
def test_a_prefix_of_another_index_is_in_use(s3: S3Client, content: bytes) -> None:
    s3.create_bucket(Bucket="acme")
    marker(s3, content)
    with pytest.raises(Problem) as caught:
        check_storage(s3, INDEX, s3_of(INDEX), KEYS)
    assert caught.value.reason == "StorageInUse"
    assert caught.value.stalled


def test_no_bucket(s3: S3Client) -> None:
    with pytest.raises(Problem, match="create it, or set") as caught:
        check_storage(s3, INDEX, s3_of(INDEX), KEYS)
    assert caught.value.reason == "BucketNotFound"


def test_nothing_but_the_prefix_is_asked_for(s3: S3Client) -> None:
    """The policy of an index's user allows listing below its prefix alone."""
    s3.create_bucket(Bucket="acme")
    asked: list[Any] = []
    s3.meta.events.register("before-parameter-build.s3", lambda params, **_: asked.append(params))
    index = an_index(s3__prefix="team/", **given())
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
def test_the_operators_rights_unlock_nothing_that_is_there_already(s3: S3Client, key: str, prefix: str) -> None:
    s3.create_bucket(Bucket="acme")
    s3.put_object(Bucket="acme", Key=key, Body=b'{"index": "packages/other"}')
    index = an_index(s3__prefix=prefix)
    with pytest.raises(Problem, match=r"key for it would unlock that|holds the packages of") as caught:
        check_storage(s3, index, s3_of(index), KEYS)
    assert caught.value.stalled
    if "wheelyard.json" not in key:
        index = an_index(s3__prefix=prefix, **given())
        check_storage(s3, index, s3_of(index), KEYS)


@pytest.mark.parametrize("key", ["team2/file", "other/wheelyard.json", "team/catalog/probe/operator"])
def test_what_lies_beside_is_in_nobodys_way(s3: S3Client, key: str) -> None:
    s3.create_bucket(Bucket="acme")
    s3.put_object(Bucket="acme", Key=key, Body=b"{}")
    check_storage(s3, INDEX, s3_of(INDEX), KEYS)
