"""The advisories in maintenance: they are checked and copied; servers themselves remove old objects."""

from contextlib import suppress
from datetime import UTC, datetime

from wheelyard_server.catalog.advisories.layers import load
from wheelyard_server.catalog.advisories.pointer import StoredPointer, read, write
from wheelyard_server.errors import DamagedObjectError, PreconditionFailedError
from wheelyard_server.maintenance.events import CopiedAdvisories, Finding, Report
from wheelyard_server.storage import Storage, layout

_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


async def verify_advisories(storage: Storage, report: Report) -> None:
    """Read the advisories in force; report what cannot be read."""
    stored = await read(storage)
    if stored.is_damaged:
        report(Finding(layout.CURRENT_ADVISORIES, f"cannot be read: {_REFUSED}"))
    for digest in stored.pointer.digests:
        try:
            await load(storage, digest)
        except DamagedObjectError as error:
            report(Finding(layout.advisories(digest), f"cannot be read: {_REFUSED} ({error})"))


async def copy_advisories(source: Storage, target: Storage, report: Report) -> None:
    """Copy the advisories in force, unless the target has later ones; raise `StorageError`."""
    here, there = await read(source), await read(target)
    if not _is_later(here, there):
        return
    for digest in here.pointer.digests:
        try:
            await load(source, digest)
        except DamagedObjectError as error:
            report(Finding(layout.advisories(digest), f"was not copied: {error}"))
            return
        key = layout.advisories(digest)
        await target.store({key: (await source.read(key)).body})
    # If a server of the target was faster, its own are later.
    with suppress(PreconditionFailedError):
        await write(target, here.pointer.replace(claim=None), there.etag)
        report(CopiedAdvisories(here.pointer.amount.records))


def _is_later(here: StoredPointer, there: StoredPointer) -> bool:
    """Return whether the source has advisories that are later than those of the target."""
    if here.is_damaged or not here.pointer.base:
        return False
    return (here.pointer.in_force or _LONG_AGO) > (there.pointer.in_force or _LONG_AGO)


_REFUSED = "a server that starts offers no file of an upstream before they are fetched or loaded again"
