"""`kill -9` before and after every call on the way of an upstream's file to the storage: nothing is half there."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from support import distributions
from support.crashing_fill import settings_of
from support.fake_upstream import FakeUpstream
from support.mirrored_files import Replica, mirror, mirrored_file, sha256, url_of
from support.patience import HANG_SECONDS
from support.server import ENVIRONMENT
from wheelyard_server.model.mirror import MirroredFile
from wheelyard_server.storage import Storage, layout
from wheelyard_server.storage.opening import open_storage

CALLS = [("write", 1), ("list", 1), ("write", 2), ("store", 1), ("write", 3), ("store", 2)]
"""The digest; the size of all kept bytes; METADATA and its digest; the file. Each process counts again."""
POINTS = [("chunk", 100, "before"), *((method, n, moment) for method, n in CALLS for moment in ("before", "after"))]


def killed(home: Path, storage: object, filename: str, point: tuple[str, int, str]) -> None:
    """Fetch a file in a process that is killed at this point."""
    settings = msgspec.json.encode(storage).decode()
    arguments = [str(home), settings, filename, *map(str, point)]
    process = subprocess.run(
        [sys.executable, "-m", "support.crashing_fill", *arguments],
        env={**os.environ, **ENVIRONMENT},
        timeout=HANG_SECONDS,
        check=False,
    )
    assert process.returncode == -signal.SIGKILL, point


async def kept(storage: Storage) -> set[str]:
    """Return the digests of all kept objects, each of which must be what its key says."""
    found = set()
    async for listed in storage.list(layout.MIRRORED):
        digest = listed.key.rpartition("/")[2]
        assert sha256((await storage.read(listed.key)).body) == digest
        found.add(digest)
    return found


@pytest.mark.parametrize("kind", ["folder", "s3"])
async def test_a_fill_that_is_killed_anywhere_leaves_nothing_half_done(
    tmp_path: Path, storages: dict[str, object], kind: str
) -> None:
    storage = open_storage(settings_of(storages[kind]))
    upstream, files = FakeUpstream("public", has_etags=False), list[MirroredFile]()
    home = tmp_path / "home"
    home.mkdir()
    for number, point in enumerate(POINTS):
        await storage.delete(layout.MIRRORED_SIZE)  # so that it is counted each time
        path = distributions.wheel(home, version=f"1.{number}", module=os.urandom(100_000).hex())
        body = path.read_bytes()
        files.append(mirrored_file(body, path.name, sha256="", size=None))
        replica = Replica(home, storage, upstream)
        await mirror(replica.documents, *files)
        killed(home, storages[kind], path.name, point)
        assert replica.left_behind != []
        upstream.files[url_of(path.name)] = body
        replica = Replica(home, storage, upstream)
        assert replica.left_behind == []
        assert await replica.get(path.name) == body
        files[-1] = (await replica.listed(path.name)).file
        assert files[-1].sha256 == sha256(body)
        assert files[-1].core_metadata_sha256
        assert {sha256(body), files[-1].core_metadata_sha256} <= await kept(storage)
        assert await replica.downloads.core_metadata(await replica.listed(path.name))
