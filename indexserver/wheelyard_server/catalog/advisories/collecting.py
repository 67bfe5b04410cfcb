"""Removes objects of advisories that the pointer no longer names."""

from collections.abc import Collection
from datetime import datetime, timedelta

from wheelyard_server.storage import Storage, layout

UNUSED_AFTER = timedelta(days=1)
"""A younger object may be one that another server is about to name, or to read."""


async def collect(storage: Storage, named: Collection[str], now: datetime) -> None:
    """Remove old objects whose digests are not `named`; raise `StorageUnavailableError`."""
    kept = {layout.CURRENT_ADVISORIES, *map(layout.advisories, named)}
    unused = [
        each.key
        async for each in storage.list(layout.ADVISORIES)
        if each.key not in kept and now - each.modified > UNUSED_AFTER
    ]
    for key in unused:
        await storage.delete(key)
