"""Fetch a file of an upstream, and kill this process at a named point on the way to the storage.

Run as `python -m support.crashing_fill HOME STORAGE FILENAME METHOD NUMBER before|after`. HOME has
the file. The point is that call of the storage, or with the method `chunk` that chunk of the
upstream.
"""

import asyncio
import os
import signal
import sys
from pathlib import Path

import msgspec

from support.crashing_server import Killer
from support.fake_upstream import CHUNK_BYTES, FakeUpstream
from support.mirrored_files import Replica, url_of
from support.watched_storage import WatchedStorage
from wheelyard_server.settings import StorageSettings
from wheelyard_server.storage.opening import open_storage


def settings_of(storage: object) -> StorageSettings:
    """Return the settings of a storage."""
    return msgspec.convert(storage, StorageSettings, dec_hook=lambda kind, value: kind(value))


async def fetch(home: Path, settings: StorageSettings, filename: str, killer: Killer, last_chunk: int) -> None:
    """Fetch the file, until the point comes."""
    upstream = FakeUpstream("public", has_etags=False)
    upstream.files[url_of(filename)] = (home / filename).read_bytes()

    async def arrive(position: int) -> None:
        if position == last_chunk * CHUNK_BYTES:
            os.kill(os.getpid(), signal.SIGKILL)

    upstream.before_chunk = arrive
    storage = WatchedStorage(open_storage(settings), killer.before, killer.after)
    await Replica(home, storage, upstream).get(filename)


def main() -> None:
    """Fetch the file, until the point comes."""
    home, storage, filename, method, number, moment = sys.argv[1:]
    settings = settings_of(msgspec.json.decode(storage))
    last_chunk = int(number) if method == "chunk" else -1
    asyncio.run(fetch(Path(home), settings, filename, Killer(method, int(number), moment), last_chunk))


if __name__ == "__main__":
    main()
