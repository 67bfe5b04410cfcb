"""A filter in the kernel that leaves a process no system calls but those of computing.

seccomp(2), as a program of classic BPF: https://docs.kernel.org/userspace-api/seccomp_filter.html.
It is small enough to write it without libseccomp, which few machines have for Python.
"""

import ctypes
import errno
import platform
import struct
from collections.abc import Mapping
from itertools import chain
from typing import NamedTuple

_PR_SET_SECCOMP = 22
_PR_SET_NO_NEW_PRIVS = 38
_SECCOMP_MODE_FILTER = 2
_RET_ALLOW = 0x7FFF0000
_RET_ERRNO = 0x00050000
_RET_KILL_PROCESS = 0x80000000
_LOAD_WORD = 0x20
_JUMP_IF_EQUAL = 0x15
_RETURN = 0x06
_OFFSET_OF_NUMBER = 0
_OFFSET_OF_ARCHITECTURE = 4


class _Architecture(NamedTuple):
    audit: int
    """AUDIT_ARCH_* of linux/audit.h."""
    calls: Mapping[str, int]
    """Numbers of the allowed system calls, from asm/unistd.h."""


# Memory, time, random numbers, locks, the end; `write` goes to the one open file. Nothing here
# opens, connects, starts, traces or signals anything.
_ARCHITECTURES = {
    "x86_64": _Architecture(
        0xC000003E,
        {
            "write": 1, "close": 3, "mmap": 9, "mprotect": 10, "munmap": 11, "brk": 12, "rt_sigaction": 13,
            "rt_sigprocmask": 14, "rt_sigreturn": 15, "sched_yield": 24, "mremap": 25, "madvise": 28, "getpid": 39,
            "exit": 60, "gettimeofday": 96, "sigaltstack": 131, "gettid": 186, "futex": 202, "clock_gettime": 228,
            "exit_group": 231, "getrandom": 318,
        },
    ),
    "aarch64": _Architecture(
        0xC00000B7,
        {
            "close": 57, "write": 64, "exit": 93, "exit_group": 94, "futex": 98, "clock_gettime": 113,
            "sched_yield": 124, "sigaltstack": 132, "rt_sigaction": 134, "rt_sigprocmask": 135,
            "rt_sigreturn": 139, "gettimeofday": 169, "getpid": 172, "gettid": 178, "brk": 214, "munmap": 215,
            "mremap": 216, "mmap": 222, "mprotect": 226, "madvise": 233, "getrandom": 278,
        },
    ),
}  # fmt: skip


class _Program(ctypes.Structure):
    """`struct sock_fprog` of linux/filter.h."""

    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


def filter_system_calls() -> bool:
    """Let this process, from now on, compute and write to open files only; all other calls fail with EPERM.

    Return False if this system has no such filter.
    """
    architecture = _ARCHITECTURES.get(platform.machine()) if platform.system() == "Linux" else None
    if architecture is None or ctypes.sizeof(ctypes.c_void_p) != 8:
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    program = _program(architecture)
    given = _Program(len(program) // 8, program)
    # A process without privileges may only add a filter if it can never gain any: prctl(2).
    steps = ((_PR_SET_NO_NEW_PRIVS, 1), (_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.byref(given)))
    return all(libc.prctl(*step, *[0] * (5 - len(step))) == 0 for step in steps)


def _program(architecture: _Architecture) -> bytes:
    # The numbers belong to one architecture: a call by those of another one ends the process.
    numbers = architecture.calls.values()
    return b"".join(
        chain(
            [
                _instruction(_LOAD_WORD, _OFFSET_OF_ARCHITECTURE),
                _instruction(_JUMP_IF_EQUAL, architecture.audit, if_true=1),
                _instruction(_RETURN, _RET_KILL_PROCESS),
                _instruction(_LOAD_WORD, _OFFSET_OF_NUMBER),
            ],
            # From each comparison to the last instruction but one, over those that follow.
            (
                _instruction(_JUMP_IF_EQUAL, number, if_true=len(numbers) - place)
                for place, number in enumerate(numbers)
            ),
            [_instruction(_RETURN, _RET_ERRNO | errno.EPERM), _instruction(_RETURN, _RET_ALLOW)],
        )
    )


def _instruction(code: int, value: int, *, if_true: int = 0) -> bytes:
    """Return a `struct sock_filter` of linux/filter.h."""
    return struct.pack("=HBBI", code, if_true, 0, value)
