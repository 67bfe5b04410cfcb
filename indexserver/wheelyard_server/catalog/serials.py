"""Serials: numbers by which mirrors such as bandersnatch find out what has changed. See docs/adr/0033-serials.md.

A project's serial grows with each change of its document, in which it lies: the seconds since 2020, by the clock of
the server that wrote it, or one more than before. No object is shared by writers of several projects, so a change
that others see later may have a lower serial than one that they saw before. A list of projects therefore shows no
serial beyond its horizon, below which nothing can appear any more. A mirror that has seen all up to a list's
highest serial asks for what lies beyond it, and so again for what changed within the last two minutes.
"""

from datetime import UTC, datetime

from wheelyard_server.model import Project

SETTLED_SECONDS = 120
"""After so long a change has been seen by everybody: more than `S3Storage.write` may take, twice the difference
between two servers' clocks, and `STEP_SECONDS`."""
STEP_SECONDS = 10
"""The horizon moves by so much, so that a list is not made anew each second."""

_EPOCH = datetime(2020, 1, 1, tzinfo=UTC)
"""XML-RPC knows only 31 bits, which last until 2088."""


def serial_at(moment: datetime) -> int:
    """Return the serial of a change at this moment."""
    return max(1, int((moment - _EPOCH).total_seconds()))


def moment_of(serial: int) -> int:
    """Return when a change with this serial was made, in seconds since 1970."""
    return int(_EPOCH.timestamp()) + serial


def last_serial(project: Project) -> int:
    """Return the serial of a project. A document of format 1 has none: it is that of its last file."""
    if project.serial:
        return project.serial
    return serial_at(project.last_time or _EPOCH)


def next_serial(project: Project, now: datetime) -> int:
    """Return the serial of a change of the project that is written now."""
    return max(serial_at(now), last_serial(project) + 1)


def horizon(now: datetime) -> int:
    """Return the highest serial that a list of projects shows which begins now."""
    return max(1, (serial_at(now) - SETTLED_SECONDS) // STEP_SECONDS * STEP_SECONDS)
