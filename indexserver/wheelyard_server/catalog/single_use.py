"""Single-use tokens: the storage remembers used ones, across replicas and restarts."""

import hashlib
import secrets
from datetime import datetime

from wheelyard_server.errors import PreconditionFailedError
from wheelyard_server.storage import Storage, layout


class SingleUse:
    """Remembers used tokens, in objects that only one writer can create."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    async def use(self, thing: str, until: datetime) -> bool:
        """Use a token; return whether this is the first time. The token must expire by `until`.

        Raises `StorageUnavailableError`; the token may then count as used.
        """
        key = layout.spent(until.date(), hashlib.sha256(thing.encode()).hexdigest())
        mark = secrets.token_hex(16).encode()
        try:
            await self._storage.write(key, mark, expected=None)
        except PreconditionFailedError:
            # It may be this very write, if an earlier answer to it was lost.
            return (await self._storage.read(key)).body == mark
        return True
