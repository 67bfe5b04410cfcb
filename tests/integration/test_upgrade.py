"""From the release of format 1 to this one and back, three replicas, one by one, while others upload."""

import asyncio
import json
import os
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import aiohttp
import boto3
import msgspec
import pytest

from cluster.versitygw import S3Server
from support import distributions, releases
from support import server as real_server
from support.access import OWNER, PUBLISHER
from support.http import auth, form
from support.patience import HANG_SECONDS
from support.server import Server
from wheelyard_server.catalog import encoding
from wheelyard_server.catalog.ownership import FORMAT_FILE
from wheelyard_server.model import FORMAT, Project

REPLICAS = 3
BETWEEN = 4
"""So many uploads come between two changes."""


@pytest.fixture(scope="module")
def old_release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return releases.unpacked(releases.FORMAT_1, tmp_path_factory.mktemp("format-1"))


@dataclass
class Index:
    """Replicas of one index, and a Service in front of them: it sends no request to one that is about to end."""

    storage: object
    home: Path
    old_release: Path
    serving: list[Server] = field(default_factory=list)
    started: list[Server] = field(default_factory=list)
    busy: dict[str, int] = field(default_factory=dict)
    changed: threading.Condition = field(default_factory=threading.Condition)

    def start(self, *, old: bool) -> Server:
        """Start a server of this release, or of the old one."""
        home = self.home / f"server-{len(self.started)}"
        with pytest.MonkeyPatch.context() as patch:
            if old:
                patch.setenv("PYTHONPATH", str(self.old_release))
            server = real_server.start(home, self.storage)
        self.started.append(server)
        with urllib.request.urlopen(f"{server.metrics_url}/access") as answer:
            assert ("knownFormat" in json.load(answer)) != old
        return server

    def add(self, server: Server) -> None:
        with self.changed:
            self.serving.append(server)

    def replace(self, server: Server, *, old: bool) -> None:
        """Do as a rolling update: one more, then one less, which ends what it is doing."""
        self.add(self.start(old=old))
        with self.changed:
            self.serving.remove(server)
            assert self.changed.wait_for(lambda: not self.busy.get(server.url), HANG_SECONDS)
        assert server.stop() == 0, server.log.read_text()

    @contextmanager
    def one(self, number: int) -> Iterator[Server]:
        """Send a request to a replica."""
        with self.changed:
            server = self.serving[number % len(self.serving)]
            self.busy[server.url] = self.busy.get(server.url, 0) + 1
        try:
            yield server
        finally:
            with self.changed:
                self.busy[server.url] -= 1
                self.changed.notify_all()


@dataclass
class Traffic:
    """Uploads and yanks for as long as a block takes; each has to succeed."""

    index: Index
    folder: Path
    published: list[str] = field(default_factory=list)
    yanked: set[str] = field(default_factory=set)
    failures: list[str] = field(default_factory=list)
    _ends: threading.Event = field(default_factory=threading.Event)
    _progress: threading.Condition = field(default_factory=threading.Condition)
    _thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()))
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ends.set()
        assert self._thread is not None
        self._thread.join()

    def goes_on(self) -> None:
        """Return when some more requests have been answered."""
        with self._progress:
            enough = len(self.published) + BETWEEN
            assert self._progress.wait_for(lambda: len(self.published) >= enough or self.failures, HANG_SECONDS)
        assert self.failures == []

    async def _run(self) -> None:
        async with aiohttp.ClientSession() as session:
            number = 0
            while not self._ends.is_set() and not self.failures:
                number += 1
                await self._publish(session, number)
                if number % 3 == 0:
                    await self._yank(session, number)
                with self._progress:
                    self._progress.notify_all()

    async def _publish(self, session: aiohttp.ClientSession, number: int) -> None:
        path = distributions.wheel(self.folder, "demo", f"{number}.0")
        with self.index.one(number) as server:
            answer = await session.post(f"{server.url}/legacy/", data=form(path), headers=auth(PUBLISHER))
            await self._noted(answer)
        self.published.append(path.name)

    async def _yank(self, session: aiohttp.ClientSession, number: int) -> None:
        path, body = f"/api/v1/projects/demo/files/{self.published[-2]}/yank", {"reason": f"broken {number}"}
        with self.index.one(number + 1) as server:
            await self._noted(await session.put(f"{server.url}{path}", json=body, headers=auth(OWNER)))
        self.yanked.add(self.published[-2])

    async def _noted(self, answer: aiohttp.ClientResponse) -> None:
        if answer.status != 200:
            self.failures.append(f"{answer.status}: {await answer.text()}")


@dataclass(frozen=True)
class Bucket:
    """Return the content of the storage."""

    name: str
    endpoint: str

    def read(self, key: str) -> bytes:
        s3 = boto3.client("s3", endpoint_url=self.endpoint)
        body: bytes = s3.get_object(Bucket=self.name, Key=f"team/{key}")["Body"].read()
        return body

    @property
    def format(self) -> int:
        found: int = msgspec.json.decode(self.read("wheelyard.json"))["format"]
        return found

    @property
    def document(self) -> Project:
        return encoding.decode(self.read("projects/demo.json"))


@pytest.fixture
def in_bucket(bucket: str, s3_server: S3Server) -> Bucket:
    return Bucket(bucket, s3_server.endpoint)


@pytest.fixture
def index(storages: dict[str, object], tmp_path: Path, old_release: Path) -> Iterator[Index]:
    made = Index(storages["s3"], tmp_path, old_release)
    for _ in range(REPLICAS):
        made.add(made.start(old=True))
    yield made
    for server in made.started:
        if server.process.poll() is None:
            assert server.stop() == 0, server.log.read_text()


def roll(index: Index, traffic: Traffic, *, old: bool) -> None:
    for server in list(index.serving):
        index.replace(server, old=old)
        traffic.goes_on()


def allow_new_format(index: Index) -> None:
    """Do what the operator does when every pod knows the format."""
    for server in index.serving:
        server.access_file.with_name(FORMAT_FILE).write_text(f"{FORMAT}\n")


def assert_nothing_is_lost(project: Project, traffic: Traffic) -> None:
    assert [file.filename for file in project.files] == traffic.published
    assert {file.filename for file in project.files if file.yanked} == traffic.yanked
    assert {file.uploader for file in project.files} == {"ci.publisher"}


def test_an_upgrade_and_a_way_back_until_the_format_is_raised(
    index: Index, in_bucket: Bucket, tmp_path: Path
) -> None:
    with Traffic(index, tmp_path) as traffic:
        traffic.goes_on()
        roll(index, traffic, old=False)
        assert (in_bucket.format, in_bucket.document.format) == (1, 1)
        roll(index, traffic, old=True)
        assert (in_bucket.format, in_bucket.document.format) == (1, 1)
        roll(index, traffic, old=False)
        allow_new_format(index)
        traffic.goes_on()
        assert (in_bucket.format, in_bucket.document.format) == (FORMAT, FORMAT)
        roll(index, traffic, old=False)
    assert_nothing_is_lost(in_bucket.document, traffic)
    assert in_bucket.document.serial > 0
    assert_old_servers_refuse(index)
    assert verified(index) == 0


def assert_old_servers_refuse(index: Index) -> None:
    """Start a server of the old release on what it cannot read; it says what to do."""
    assert index.serving[0].stop() == 0  # It would have the same ports.
    command = (sys.executable, "-m", *real_server.SERVE, configuration(index))
    environment = os.environ | {"PYTHONPATH": str(index.old_release)}
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=HANG_SECONDS, check=False
    )
    assert done.returncode != 0
    assert "The storage has format 2, this server knows 1: upgrade it" in done.stdout + done.stderr


def test_a_backup_of_the_release_before_is_restored(index: Index, in_bucket: Bucket, tmp_path: Path) -> None:
    with Traffic(index, tmp_path) as traffic:
        traffic.goes_on()
    backup, restored = f"file:{tmp_path / 'backup'}", f"file:{tmp_path / 'restored'}"
    copied(f"s3://{in_bucket.name}/team?endpoint={in_bucket.endpoint}", backup, code=index.old_release)
    copied(backup, restored)
    document = encoding.decode((tmp_path / "restored/projects/demo.json").read_bytes())
    assert document.format == FORMAT
    assert document.files == in_bucket.document.files
    assert_nothing_is_lost(document, traffic)
    verify = (sys.executable, "-m", "wheelyard_server", "verify", "--storage", restored)
    assert subprocess.run(verify, check=False).returncode == 0


def copied(source: str, target: str, code: Path | None = None) -> None:
    environment = os.environ | ({"PYTHONPATH": str(code)} if code else {})
    copy = (sys.executable, "-m", "wheelyard_server", "copy", source, target)
    subprocess.run(copy, env=environment, check=True)


def configuration(index: Index) -> Path:
    return index.serving[0].access_file.with_name("index.yaml")


def verified(index: Index) -> int:
    verify = (sys.executable, "-m", "wheelyard_server", "verify", "--config", configuration(index))
    return subprocess.run(verify, check=False).returncode
