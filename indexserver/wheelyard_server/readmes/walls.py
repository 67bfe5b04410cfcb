"""The walls around a renderer: what a process may use, and that it reaches nothing but its memory.

Three walls, which do not need each other: limits of the kernel (setrlimit(2)), a filter of system
calls, and Python's audit hooks. No hook and no limit can be removed by the process itself.
"""

import resource
import signal
import sys
from typing import Final

from wheelyard_server.readmes.system_calls import filter_system_calls

PROCESSOR_SECONDS: Final = 2
SECONDS: Final = 2.2
"""A renderer never waits, so this only counts on a machine that is too busy."""
ADDRESS_BYTES: Final = 512 * 1024 * 1024
DATA_BYTES: Final = 160 * 1024 * 1024
"""Memory of its own, which counts for the limit of a pod."""
_REFUSED = ("open", "os.", "socket.", "subprocess.", "ctypes.", "shutil.", "mmap.", "pty.", "fcntl.", "signal.")
"""Beginnings of audit events: https://docs.python.org/3/library/audit_events.html."""


def close_in() -> bool:
    """Leave this process computing and writing to its open files, for 2 seconds of processor time.

    Return whether its system calls are filtered, too.
    """
    signal.setitimer(signal.ITIMER_REAL, SECONDS)
    _limit()
    filtered = filter_system_calls()
    sys.addaudithook(_refuse)
    return filtered


def _limit() -> None:
    # The later limit kills, should a renderer handle the signal of the earlier one.
    _set(resource.RLIMIT_CPU, PROCESSOR_SECONDS, PROCESSOR_SECONDS + 1)
    _set(resource.RLIMIT_AS, ADDRESS_BYTES)
    _set(resource.RLIMIT_DATA, DATA_BYTES)
    _set(resource.RLIMIT_CORE, 0)
    # Root, unlike any other user, may still start processes. No user may write to files, or get a
    # new descriptor: of a file, a socket, or anything else.
    _set(resource.RLIMIT_NPROC, 0)
    _set(resource.RLIMIT_FSIZE, 0)
    _set(resource.RLIMIT_NOFILE, 0)


def _set(limit: int, soft: int, hard: int | None = None) -> None:
    resource.setrlimit(limit, (soft, soft if hard is None else hard))


def _refuse(event: str, _arguments: tuple[object, ...]) -> None:
    if event.startswith(_REFUSED):
        raise PermissionError(f"A renderer of READMEs may not do this: {event}")
