"""The fetch log in maintenance: it is checked and copied; servers themselves merge and remove its days."""

from wheelyard_server.catalog.fetches.days import DayKeys, LogDays, LoggedDay
from wheelyard_server.catalog.fetches.encoding import MergedDay, merged_header, used_lines
from wheelyard_server.catalog.fetches.rows import FileRows
from wheelyard_server.errors import DamagedObjectError, PreconditionFailedError, StorageUnavailableError
from wheelyard_server.maintenance.events import CopiedFetches, Finding, Foreign, Report
from wheelyard_server.sliced import in_slices
from wheelyard_server.storage import Storage, layout

SWAP_TRIES = 20


async def verify_fetches(storage: Storage, report: Report) -> None:
    """Read the whole log; report what cannot be read, and what does not belong to it."""
    days = LogDays(storage)
    keys = await days.keys()
    for key in keys.foreign:
        report(Foreign(key))
    for each in keys.days.values():
        day = await days.read(each)
        for key in day.damaged:
            report(Finding(key, "cannot be read: its fetches are in no answer"))
        for part in day.parts:
            try:
                await in_slices(used_lines([part], lambda _: True, _ignore))
            except DamagedObjectError as error:
                report(Finding(part.key, f"cannot be read: {error}"))


async def report_foreign_fetches(storage: Storage, report: Report) -> None:
    """Report what does not belong to the log. It has no garbage: servers remove what they have merged."""
    for key in (await LogDays(storage).keys()).foreign:
        report(Foreign(key))


class FetchesCopier:
    """Copies the log, day by day; what both storages have counted is added up."""

    def __init__(self, source: Storage, target: Storage, report: Report) -> None:
        self._target = target
        self._here, self._there = LogDays(source), LogDays(target)
        self._report = report

    async def run(self) -> None:
        """Copy all days; raise `StorageError`."""
        for keys in (await self._here.keys()).days.values():
            day = await self._here.read(keys)
            if day.damaged:
                self._report(Finding(day.damaged[0], f"cannot be read: the fetches of {day.day} are not copied"))
            else:
                await self._copy(day)

    async def _copy(self, day: LoggedDay) -> None:
        for _ in range(SWAP_TRIES):
            # Only what is merged: servers of the target may be writing segments, which stay.
            there = await self._there.read(DayKeys(day.day))
            if day.header.is_within(there.header) and not there.damaged:
                return
            merged = _together(day, there)
            if merged is None:
                self._report(Finding(layout.merged_fetches(day.day), _BOTH_COUNTED))
                return
            body = await in_slices(merged.encoded())
            try:
                await self._target.write(layout.merged_fetches(day.day), body, expected=there.etag)
            except PreconditionFailedError:
                continue
            self._report(CopiedFetches(day.day.isoformat()))
            return
        raise StorageUnavailableError(layout.merged_fetches(day.day), "too many concurrent writers")


_BOTH_COUNTED = (
    "was not copied again: since it was copied, both storages have counted fetches of this day, and only one can"
    " be kept"
)


def _together(day: LoggedDay, there: LoggedDay) -> MergedDay | None:
    """Return the day as the target will have it; None if some of its fetches would be lost or counted twice."""
    if there.header.is_within(day.header) and not there.damaged:
        return MergedDay(day.header, day.parts)
    if there.damaged or day.header.replicas.keys() & there.header.replicas.keys():
        return None
    return MergedDay(merged_header(day.header, {}, there.header), (*day.parts, *there.parts))


def _ignore(_line: FileRows) -> None:
    return
