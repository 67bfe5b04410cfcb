"""The real server as a process of its own, on a folder and on a real S3."""

from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest

from cluster.versitygw import S3Server
from support import server as real_server
from support.buckets import remember_as_safe
from support.server import Server, StartServer


@pytest.fixture
def bucket(s3_server: S3Server, bucket_names: Iterator[str], monkeypatch: pytest.MonkeyPatch) -> str:
    """Make an empty bucket, to which this process and its children have access."""
    for name, value in s3_server.environment().items():
        monkeypatch.setenv(name, value)
    bucket = next(bucket_names)
    boto3.client("s3").create_bucket(Bucket=bucket)
    return bucket


@pytest.fixture
def storages(tmp_path: Path, s3_server: S3Server, bucket: str) -> dict[str, object]:
    """Return the settings of a storage of each kind."""
    remember_as_safe(boto3.client("s3"), bucket, "team/", s3_server.endpoint)
    return {
        "folder": {"folder": {"path": str(tmp_path / "data")}},
        "s3": {"s3": {"bucket": bucket, "prefix": "team/", "endpoint": s3_server.endpoint}},
    }


@pytest.fixture
def start_server(tmp_path: Path, storages: dict[str, object]) -> Iterator[StartServer]:
    """Start servers on "folder" or "s3"; those of one test share their storage."""
    started: list[Server] = []

    def start(storage: str) -> Server:
        server = real_server.start(tmp_path / f"server-{len(started)}", storages[storage])
        started.append(server)
        return server

    yield start
    for server in started:
        if server.process.poll() is None:
            assert server.stop() == 0, server.log.read_text()


@pytest.fixture(params=["folder", "s3"])
def server(request: pytest.FixtureRequest, start_server: StartServer) -> Server:
    """Run one server."""
    return start_server(request.param)
