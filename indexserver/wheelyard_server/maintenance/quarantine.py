"""The quarantine in maintenance: it is checked and copied."""

import msgspec

from wheelyard_server.catalog.quarantine import parse_quarantine, united
from wheelyard_server.errors import (
    DamagedObjectError,
    ObjectNotFoundError,
    PreconditionFailedError,
    StorageUnavailableError,
)
from wheelyard_server.maintenance.events import Finding, Report
from wheelyard_server.policy.quarantine import Quarantine
from wheelyard_server.storage import ETag, Storage, layout

SWAP_TRIES = 20


async def verify_quarantine(storage: Storage, report: Report) -> None:
    """Report a quarantine that cannot be parsed; raise `StorageUnavailableError`."""
    try:
        await _read(storage)
    except DamagedObjectError as error:
        report(Finding(layout.QUARANTINE, f"cannot be read, so no server can start: {error}"))


async def copy_quarantine(source: Storage, target: Storage) -> None:
    """Add the entries of one storage to those of another: a copy serves nothing that its source refuses.

    Raises `StorageError`.
    """
    entries = (await _read(source))[0].entries
    for _ in range(SWAP_TRIES):
        there, etag = await _read(target)
        together = Quarantine(entries=united(entries, there.entries))
        if together == there:
            return
        try:
            await target.write(layout.QUARANTINE, msgspec.json.encode(together), expected=etag)
        except PreconditionFailedError:
            continue
        return
    raise StorageUnavailableError(layout.QUARANTINE, "too many concurrent writers")


async def _read(storage: Storage) -> tuple[Quarantine, ETag | None]:
    try:
        body, etag = await storage.read(layout.QUARANTINE)
    except ObjectNotFoundError:
        return Quarantine(), None
    return parse_quarantine(body), etag
