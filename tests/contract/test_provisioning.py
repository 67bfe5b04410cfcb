"""What the operator makes outside of the cluster, on a real S3 server that enforces IAM policies."""

import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from mypy_boto3_s3 import S3Client

from cluster.versitygw import S3Server
from support.command_line import wheelyard
from support.kubectl import eventually
from unit.wheelyard_operator.fakes import an_index, s3_of
from wheelyard_operator.problems import Problem
from wheelyard_operator.provision import bucket_ownership
from wheelyard_operator.provision.bucket import ensure_bucket, made_for
from wheelyard_operator.provision.clients import Clients
from wheelyard_operator.provision.iam import IamUsers
from wheelyard_operator.resource import PackageIndex
from wheelyard_operator.settings import Settings


@pytest.fixture
def principals(s3_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> IamUsers:
    for name, value in s3_server.environment().items():
        monkeypatch.setenv(name, value)
    settings = Settings(image="none", s3_endpoint=s3_server.endpoint, iam_endpoint=s3_server.iam_endpoint)
    return IamUsers(Clients(settings), s3_server.region)


@pytest.fixture
def root(s3_server: S3Server) -> S3Client:
    return client(s3_server, s3_server.access_key, s3_server.secret_key)


@pytest.fixture
def bucket(root: S3Client, bucket_names: Any) -> str:
    """Make a bucket that two teams share, with a secret of each."""
    name = f"shared-{next(bucket_names)}"
    root.create_bucket(Bucket=name)
    for prefix in ("", "team/", "team2/", "tea/"):
        root.put_object(Bucket=name, Key=f"{prefix}secret", Body=b"s")
    return name


def client(server: S3Server, key_id: str, secret: str) -> S3Client:
    return boto3.client(
        "s3",
        endpoint_url=server.endpoint,
        region_name=server.region,
        aws_access_key_id=key_id,
        aws_secret_access_key=secret,
        config=Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1}, signature_version="s3v4"),
    )


def index_of(bucket: str, prefix: str) -> PackageIndex:
    return an_index(bucket, uid=bucket, created="2020-01-01T00:00:00Z", s3__bucket=bucket, s3__prefix=prefix)


def user_of(principals: IamUsers, server: S3Server, index: PackageIndex) -> S3Client:
    """Return a client with the key that the index servers get."""
    principals.ensure(index, s3_of(index))
    made = principals.create_key(index)
    user, storage = client(server, made.key_id, made.secret), s3_of(index)
    eventually(
        lambda: not refused(lambda: user.get_object(Bucket=storage.bucket, Key=f"{storage.prefix}secret")), "", 5
    )
    return user


def refused(call: Callable[[], Any]) -> bool:
    try:
        call()
    except ClientError as error:
        return error.response["Error"]["Code"] in {"AccessDenied", "403", "InvalidAccessKeyId"}
    return False


def fetched(url: str) -> None:
    try:
        urllib.request.urlopen(url).close()
    except urllib.error.HTTPError as error:
        error.close()
        raise ClientError({"Error": {"Code": str(error.code)}}, "GetObject") from error


def everything(user: S3Client, bucket: str, prefix: str) -> dict[str, Callable[[], Any]]:
    """Return all that an index server does at a place."""
    key = f"{prefix}secret"
    return {
        "list": lambda: user.list_objects_v2(Bucket=bucket, Prefix=prefix),
        "get": lambda: user.get_object(Bucket=bucket, Key=key),
        "presigned": lambda: fetched(
            user.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": key})
        ),
        "put": lambda: user.put_object(Bucket=bucket, Key=key, Body=b"x"),
        "create": lambda: user.put_object(Bucket=bucket, Key=f"{prefix}new", Body=b"x", IfNoneMatch="*"),
        "multipart": lambda: user.create_multipart_upload(Bucket=bucket, Key=key),
        "copy": lambda: user.copy_object(Bucket=bucket, Key=key, CopySource=f"{bucket}/{key}"),
        "delete": lambda: user.delete_object(Bucket=bucket, Key=f"{prefix}new"),
    }


def test_a_key_reaches_its_own_prefix_and_no_sibling(
    principals: IamUsers, s3_server: S3Server, bucket: str
) -> None:
    """The names of the prefixes begin alike: a policy that forgot the slash would unlock `team2/` for `team/`."""
    user = user_of(principals, s3_server, index_of(bucket, "team/"))
    outcome = {
        prefix: {name for name, call in everything(user, bucket, prefix).items() if refused(call)}
        for prefix in ("team/", "team2/", "tea/", "")
    }
    assert outcome.pop("team/") == set()
    fetched(user.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "team/secret"}))
    assert outcome == {prefix: set(everything(user, bucket, "")) for prefix in ("team2/", "tea/", "")}


def check(root: S3Client, principals: IamUsers, index: PackageIndex) -> str:
    """Ask the operator whether this index may have its place; give the reason why not, "" if it may."""
    storage = s3_of(index)
    try:
        bucket_ownership.check_storage(
            root, index, storage, "The operator's", lambda: principals.reaches(index, storage)
        )
    except Problem as problem:
        return problem.reason
    return ""


def test_a_backup_is_unlocked_only_for_the_index_that_its_owner_names(
    principals: IamUsers, s3_server: S3Server, root: S3Client, bucket_names: Any, tmp_path: Path
) -> None:
    """Any user who may create a PackageIndex can name any bucket: an unclaimed backup is not theirs."""
    bucket = f"backup-{next(bucket_names)}"
    root.create_bucket(Bucket=bucket)
    url, source = f"s3://{bucket}/team?endpoint={s3_server.endpoint}", f"file:{tmp_path}"
    assert wheelyard("copy", source, url).returncode == 0
    owner, thief = index_of(bucket, "team/"), an_index("thief", "else", s3__bucket=bucket, s3__prefix="team/")
    assert check(root, principals, thief) == check(root, principals, owner) == "StorageNotAssigned"
    assert wheelyard("assign", url, "--to", owner.id).returncode == 0
    assert check(root, principals, owner) == ""
    assert check(root, principals, thief) == "StorageInUse"
    again = f"s3://{bucket}/again?endpoint={s3_server.endpoint}"
    assert wheelyard("copy", source, again, "--for", owner.id).returncode == 0
    assert check(root, principals, index_of(bucket, "again/")) == ""


def test_an_empty_place_is_claimed_in_a_way_that_servers_understand(
    principals: IamUsers, s3_server: S3Server, root: S3Client, bucket_names: Any
) -> None:
    bucket = f"empty-{next(bucket_names)}"
    root.create_bucket(Bucket=bucket)
    index = index_of(bucket, "team/")
    assert check(root, principals, index) == ""
    assert (
        check(root, principals, an_index("other", "else", s3__bucket=bucket, s3__prefix="team/")) == "StorageInUse"
    )
    url = f"s3://{bucket}/team?endpoint={s3_server.endpoint}"
    assert wheelyard("verify", "--storage", url).returncode == 0
    assert wheelyard("assign", url, "--to", "else/other", "--from", index.id).returncode == 0


def test_the_servers_iam_shows_what_a_user_reaches(principals: IamUsers, bucket: str) -> None:
    index = index_of(bucket, "team/")
    assert not principals.reaches(index, s3_of(index))
    principals.ensure(index, s3_of(index))
    assert principals.reaches(index, s3_of(index))
    assert not principals.reaches(index, s3_of(index_of(bucket, "team2/")))


def test_a_key_cannot_change_the_bucket_or_its_own_rights(
    principals: IamUsers, s3_server: S3Server, root: S3Client, bucket: str
) -> None:
    user = user_of(principals, s3_server, index_of(bucket, "team/"))
    assert refused(lambda: user.delete_bucket(Bucket=bucket))
    assert refused(lambda: user.create_bucket(Bucket=f"{bucket}-more"))
    assert refused(lambda: user.put_bucket_policy(Bucket=bucket, Policy="{}"))
    assert refused(
        lambda: user.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Suspended"})
    )
    assert refused(lambda: user.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": []}))
    assert root.get_object(Bucket=bucket, Key="team/secret")["Body"].read() == b"s"


def test_a_key_that_was_ended_reaches_nothing(principals: IamUsers, s3_server: S3Server, bucket: str) -> None:
    index = index_of(bucket, "team/")
    first, second = (user_of(principals, s3_server, index) for _ in range(2))
    older, newer = principals.keys(index)
    principals.deactivate_key(index, older.key_id)
    principals.delete_key(index, newer.key_id)
    assert [each.active for each in principals.keys(index)] == [False]
    for user in (first, second):
        eventually(lambda: refused(lambda: user.get_object(Bucket=bucket, Key="team/secret")), "it has ended")  # noqa: B023


def test_a_bucket_left_untagged_by_a_killed_operator_is_set_up_and_an_older_one_is_not(
    root: S3Client, bucket_names: Any
) -> None:
    ours, theirs = (f"made-{next(bucket_names)}" for _ in range(2))
    root.create_bucket(Bucket=ours)
    root.create_bucket(Bucket=theirs)
    made_before, made_after = index_of(ours, ""), an_index(theirs, uid="later", created="2099-01-01T00:00:00Z")
    ensure_bucket(root, made_before, ours, "us-east-1")
    ensure_bucket(root, made_after, theirs, "us-east-1")
    assert root.get_bucket_versioning(Bucket=ours)["Status"] == "Enabled"
    assert made_for(root, made_before, ours)
    assert "Status" not in root.get_bucket_versioning(Bucket=theirs)
    assert not made_for(root, made_after, theirs)
