"""Fixtures for all kinds of tests: real servers come from here."""

import itertools
from collections.abc import Callable, Iterator

import boto3
import pytest
from hypothesis import settings as hypothesis_settings

from cluster import versitygw
from wheelyard_server import settings
from wheelyard_server.storage import s3

hypothesis_settings.register_profile("proof", max_examples=1500, stateful_step_count=100)
"""What `make proof` runs: minutes instead of seconds."""

NewBucket = Callable[[str], s3.S3Storage]


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[versitygw.S3Server]:
    """Run a private versitygw for as long as the tests run."""
    with versitygw.running(tmp_path_factory.mktemp("versitygw")) as server:
        yield server


@pytest.fixture(scope="session")
def bucket_names() -> Iterator[str]:
    return (f"bucket-{number}" for number in itertools.count())


@pytest.fixture
def new_bucket(
    s3_server: versitygw.S3Server, bucket_names: Iterator[str], monkeypatch: pytest.MonkeyPatch
) -> NewBucket:
    """Make an empty bucket and return the storage under a prefix of it."""
    for name, value in s3_server.environment().items():
        monkeypatch.setenv(name, value)

    def new(prefix: str = "") -> s3.S3Storage:
        bucket = next(bucket_names)
        boto3.client("s3").create_bucket(Bucket=bucket)
        return s3.connect(settings.S3(bucket=bucket, prefix=prefix, endpoint=s3_server.endpoint))

    return new
