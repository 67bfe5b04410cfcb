"""Serials: numbers by which mirrors such as bandersnatch find changes. See docs/adr/0033-serials.md.

A project's serial is in its document and increases with each change: it is the number of seconds
since 2020 by the clock of the writing server, or one more than before. Writers of different
projects share no object, so a change that becomes visible later may have a lower serial than one
that was visible before. A list of projects therefore shows no serial beyond its horizon, below
which no new serial can appear. A mirror that has seen everything up to a list's highest serial asks
for the changes beyond it, which repeats those of the last two minutes.
"""

from datetime import UTC, datetime

from wheelyard_server.model import Project

SETTLED_SECONDS = 120
"""After this time, a change is visible to all: it exceeds the sum of the maximum duration of
`S3Storage.write`, twice the difference between two servers' clocks, and `STEP_SECONDS`."""
STEP_SECONDS = 10
"""The horizon moves in steps, so that a list is not rendered again each second."""

_EPOCH = datetime(2020, 1, 1, tzinfo=UTC)
"""XML-RPC integers have 31 bits, which last until 2088."""


def serial_at(moment: datetime) -> int:
    """Return the serial of a change at this moment."""
    return max(1, int((moment - _EPOCH).total_seconds()))


def moment_of(serial: int) -> int:
    """Return when a change with this serial was made, in seconds since 1970."""
    return int(_EPOCH.timestamp()) + serial


def last_serial(project: Project) -> int:
    """Return the serial of a project; for a document of format 1, which has none, that of its last file."""
    if project.serial:
        return project.serial
    return serial_at(project.last_time or _EPOCH)


def next_serial(project: Project, now: datetime) -> int:
    """Return the serial of a change that is written now."""
    return max(serial_at(now), last_serial(project) + 1)


def horizon(now: datetime) -> int:
    """Return the highest serial that a list of projects may show if its reading begins now."""
    return max(1, (serial_at(now) - SETTLED_SECONDS) // STEP_SECONDS * STEP_SECONDS)
