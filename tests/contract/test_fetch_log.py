"""The fetch log on every storage: three servers count together, and days are merged once."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest

from cluster.versitygw import S3Server
from support.fetch_logs import ANN, JENKINS, NOBODY, NOON, Clock, Replica
from support.memory_storage import MemoryStorage
from wheelyard_server.settings import S3
from wheelyard_server.storage import Storage, layout, s3
from wheelyard_server.storage.folder import FolderStorage
from wheelyard_server.storage.layout import SegmentKey

DEMO = "demo-1.0.tar.gz"
TODAY = NOON.date()


@pytest.fixture(params=["memory", "folder", "s3"])
def storage(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Storage:
    if request.param == "memory":
        return MemoryStorage()
    if request.param == "folder":
        return FolderStorage(tmp_path)
    server: S3Server = request.getfixturevalue("s3_server")
    names: Iterator[str] = request.getfixturevalue("bucket_names")
    for name, value in server.environment().items():
        monkeypatch.setenv(name, value)
    bucket = next(names)
    boto3.client("s3").create_bucket(Bucket=bucket)
    return s3.connect(S3(bucket=bucket, prefix="team/", endpoint=server.endpoint))


@pytest.fixture
def clock() -> Clock:
    return Clock()


async def keys(storage: Storage) -> list[str]:
    return [each.key async for each in storage.list(layout.FETCHES)]


async def test_three_replicas_count_together_before_and_after_their_days_are_merged(
    storage: Storage, clock: Clock
) -> None:
    replicas = [Replica(storage, clock) for _ in range(3)]
    expected: Counter[tuple[str, str, str]] = Counter()
    for number, replica in enumerate(replicas):
        for login, address in ((ANN, "192.0.2.7"), (JENKINS, f"10.0.0.{number}"), (NOBODY, "2001:db8::1")):
            replica.fetch(DEMO, login, address)
            expected[DEMO, login.user, address] += 1
        await replica.log.flush()
    assert await replicas[0].counts() == expected
    clock.forward(days=1)
    for replica in replicas:
        await replica.log.flush()
    # All at once: each merge is one compare-and-swap.
    await asyncio.gather(*(replica.log.maintain() for replica in replicas))
    await replicas[0].log.maintain()
    assert layout.merged_fetches(TODAY) in await keys(storage)
    found = [layout.parse_fetches(key) for key in await keys(storage)]
    assert {each.day for each in found if isinstance(each, SegmentKey)} == {clock.at.date()}
    for replica in replicas:
        assert await replica.counts() == expected
        assert not (await replica.coverage()).killed


async def test_an_answer_has_what_was_counted_a_moment_ago_here(storage: Storage, clock: Clock) -> None:
    replica = Replica(storage, clock)
    replica.fetch()
    assert await replica.counts() == {(DEMO, "", "192.0.2.7"): 1}
