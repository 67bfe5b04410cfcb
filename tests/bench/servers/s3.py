"""The S3 servers: a versitygw for each server that needs one, which is not measured."""

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import boto3
from mypy_boto3_s3 import S3Client

from cluster import versitygw
from cluster.processes import Supervisor
from cluster.versitygw import free_port
from support.buckets import remember_as_safe


@dataclass(frozen=True)
class Beside:
    """A running S3 server."""

    server: versitygw.S3Server
    programs: tuple[str, ...]
    """Known to the supervisor of the folder that it was started in."""
    log: Path

    @property
    def endpoint(self) -> str:
        """Return its URL."""
        return self.server.endpoint

    @property
    def environment(self) -> dict[str, str]:
        """Return what its clients need in their environment."""
        return self.server.environment()

    def make_bucket(self, name: str) -> None:
        """Make a bucket."""
        self._client().create_bucket(Bucket=name)

    def remember_as_safe(self, name: str) -> None:
        """Spare who starts on this bucket the proof that it is safe to write to, which is not measured."""
        remember_as_safe(self._client(), name, "", self.endpoint)

    def _client(self) -> S3Client:
        return boto3.client(
            "s3",
            endpoint_url=self.server.endpoint,
            region_name=self.server.region,
            aws_access_key_id=self.server.access_key,
            aws_secret_access_key=self.server.secret_key,
        )


def start(home: Path, data: Path | None = None) -> Beside:
    """Start one that keeps its buckets under `data`, else under `home`."""
    server = versitygw.new_server("127.0.0.1", free_port(), free_port())
    log = home / "s3-requests.log"
    parts = versitygw.programs(server, data or home, home, access_log=log, keeps_connections=True)
    versitygw.start(Supervisor(home), parts)
    return Beside(server, tuple(part.name for part in parts), log)


def requests(log: Path) -> Counter[str]:
    """Return how many requests of each kind (`GetObject`) there were so far."""
    return Counter(re.findall(r" s3_([A-Za-z0-9]+) ", log.read_text())) if log.exists() else Counter()
