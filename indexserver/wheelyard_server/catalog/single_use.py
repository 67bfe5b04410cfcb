"""Things that may be used once, whatever replica is asked, and after every restart: the storage remembers."""

import hashlib
import secrets
from datetime import datetime

from wheelyard_server.errors import PreconditionFailedError
from wheelyard_server.storage import Storage, layout


class SingleUse:
    """Remembers what was used, in objects that only one writer can create."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    async def use(self, thing: str, until: datetime) -> bool:
        """Use a thing; tell whether this is the first time. It must not matter any more after `until`.

        Raises `StorageUnavailableError`; the thing may then count as used.
        """
        key = layout.spent(until.date(), hashlib.sha256(thing.encode()).hexdigest())
        mark = secrets.token_hex(16).encode()
        try:
            await self._storage.write(key, mark, expected=None)
        except PreconditionFailedError:
            # Perhaps by this very write, if its answer was lost on the way.
            return (await self._storage.read(key)).body == mark
        return True
