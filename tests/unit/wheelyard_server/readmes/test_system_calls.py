import errno
import os
import platform
import struct

import pytest

from wheelyard_server.readmes import system_calls
from wheelyard_server.readmes.system_calls import filter_system_calls

ALLOW, KILL = 0x7FFF0000, 0x80000000
REFUSE = 0x00050000 | errno.EPERM
ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
"""By asm/unistd.h and linux/audit.h."""
FORBIDDEN = {
    "x86_64": {"read": 0, "open": 2, "socket": 41, "fork": 57, "execve": 59, "kill": 62, "openat": 257},
    "aarch64": {"openat": 56, "read": 63, "ptrace": 117, "kill": 129, "socket": 198, "clone": 220, "execve": 221},
}  # fmt: skip


def run(program: bytes, audit: int, number: int) -> int:
    """Return the verdict of a program of classic BPF about a system call."""
    data = {0: number, 4: audit}
    loaded = place = 0
    while True:
        code, if_true, if_false, value = struct.unpack_from("=HBBI", program, place * 8)
        place += 1
        match code:
            case 0x20:
                loaded = data[value]
            case 0x15:
                place += if_true if loaded == value else if_false
            case 0x06:
                verdict: int = value
                return verdict
            case _:
                pytest.fail(f"an instruction that is not used: {code}")


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_the_program_allows_what_it_lists_and_refuses_all_else(name: str) -> None:
    architecture = system_calls._ARCHITECTURES[name]
    program = system_calls._program(architecture)
    assert architecture.audit == ARCHITECTURES[name]
    allowed = set(architecture.calls.values())
    assert not allowed & set(FORBIDDEN[name].values())
    verdicts = {number: run(program, architecture.audit, number) for number in (*range(600), 1 | 1 << 30)}
    assert {number for number, verdict in verdicts.items() if verdict == ALLOW} == allowed
    assert set(verdicts.values()) == {ALLOW, REFUSE}
    assert run(program, 0x40000003, min(allowed)) == KILL  # i386 on the same kernel


def test_architectures_allow_the_same() -> None:
    x86, arm = (set(system_calls._ARCHITECTURES[name].calls) for name in ARCHITECTURES)
    assert x86 == arm


def test_the_filter_is_for_the_architectures_of_the_image(monkeypatch: pytest.MonkeyPatch) -> None:
    assert platform.machine() in {"x86_64", "aarch64"}
    monkeypatch.setattr(platform, "machine", lambda: "s390x")
    assert filter_system_calls() is False


def test_a_call_that_is_not_allowed_fails_and_ends_nothing() -> None:
    pid = os.fork()
    if pid == 0:
        filtered = filter_system_calls()
        try:
            os.getcwd()  # noqa: PTH109 - the plain call is what is tried
        except PermissionError:
            os._exit(0 if filtered else 1)
        os._exit(2)
    assert os.waitpid(pid, 0)[1] == 0
