"""Serve as `wheelyard serve --config FILE` does, and kill this process at a named point of the catalog's work.

Run as `python -m support.crashing_server FILE METHOD NUMBER before|after`: the point is that call
of the storage, counted from 1 since the start, before or after its effect.
"""

import asyncio
import os
import signal
import sys
from pathlib import Path

from support.watched_storage import WatchedStorage
from wheelyard_server import serving
from wheelyard_server.settings import StorageSettings, parse
from wheelyard_server.storage import Storage, layout
from wheelyard_server.storage.opening import open_storage

_OF_THE_SERVER = (
    *(layout.INDEX, layout.PROBES, layout.CONDITIONAL_WRITES),
    *(layout.QUARANTINE, layout.ADVISORIES, layout.FETCHES),
)
"""Keys that a server reads and writes when it starts, and in the background. They belong to no upload."""


class Killer:
    """Hooks that kill the process."""

    def __init__(self, method: str, number: int, moment: str) -> None:
        self._method, self._left, self._moment = method, number, moment

    async def before(self, method: str, key: str) -> None:
        self._passed("before", method, key)

    async def after(self, method: str, key: str) -> None:
        self._passed("after", method, key)

    def _passed(self, moment: str, method: str, key: str) -> None:
        if key.startswith(_OF_THE_SERVER):
            return
        # Calls may run at the same time: each moment is counted by itself.
        self._left -= (moment, method) == (self._moment, self._method)
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)


def main() -> None:
    """Serve until the point comes."""
    config, method, number, moment = sys.argv[1:]
    killer = Killer(method, int(number), moment)

    def open_watched(settings: StorageSettings) -> Storage:
        return WatchedStorage(open_storage(settings), killer.before, killer.after)

    asyncio.run(serving.serve(parse(Path(config).read_bytes()), open_storage=open_watched))


if __name__ == "__main__":
    main()
