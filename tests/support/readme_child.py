"""A child of READMEs whose renderer does what a text says: it tries to get out, or takes all it can.

`python -I readme_child.py [real | brief | hurried | without-filter | silent | foreign]`. The
frames, the forks and the walls are the real ones; with `real` the renderer is, too, on a machine as
busy as may be.
"""

import ctypes
import os
import resource
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from wheelyard_server.readmes import child, rendering, walls
from wheelyard_server.readmes.frames import MAX_HTML_BYTES, Task, write_all

# Functions of libc that are looked up before the walls stand can be called behind them, and such
# calls are no audit events: so these meet the kernel alone.
HANG_SECONDS = 300

_LIBC = ctypes.CDLL(None)
for _name in (
    *("execl", "fcntl", "fork", "kill", "open", "pipe", "ptrace", "setitimer", "setrlimit", "signal", "socket"),
    "unlink",
):
    getattr(_LIBC, _name)
_SEEN: list[str] = []


def _spin() -> str:
    while True:
        pass


def _hoard() -> str:
    return str(len(bytearray(1 << 30)))


def _abort() -> str:
    os.abort()


def _outlive() -> str:
    """Ignore the signals of the limits, so that only their hard ends are left."""
    _LIBC.signal(signal.SIGXCPU, ctypes.c_void_p(1))
    _LIBC.signal(signal.SIGALRM, ctypes.c_void_p(1))
    return _spin()


def _recursion() -> str:
    return _recursion()


def _remember() -> str:
    _SEEN.append("another text")
    return str(len(_SEEN))


def _open_descriptors() -> str:
    return " ".join(str(each) for each in range(64) if _LIBC.fcntl(each, 1) >= 0)


def _tried(attempt: Callable[[], object]) -> str:
    try:
        result = attempt()
    except OSError as error:
        return f"refused: {error}"
    return "refused" if result == -1 else f"done: {result}"


_WITH_PYTHON: Mapping[str, Callable[[], object]] = {
    "connect": lambda: socket.socket().connect(("127.0.0.1", 9)),
    "bind": lambda: socket.socket(socket.AF_UNIX),
    "write": lambda: Path("/tmp/from-a-renderer").write_text("a"),  # noqa: S108 - it must fail
    "read": lambda: Path("/etc/passwd").read_text(),
    "read the environment": lambda: Path("/proc/self/environ").read_bytes(),
    "list": lambda: os.listdir("/"),  # noqa: PTH208 - the plain call is what is tried
    "remove": lambda: os.remove("/nowhere"),  # noqa: PTH107 - it must fail before it looks
    "fork": os.fork,
    "start": lambda: subprocess.run(["/bin/true"], check=False),
    "become": lambda: os.execv("/bin/true", ["true"]),  # noqa: S606 - it must fail
    "signal": lambda: os.kill(os.getppid(), 0),
}
_WITH_LIBC: Mapping[str, Callable[[], object]] = {
    "libc: socket": lambda: _LIBC.socket(socket.AF_INET, socket.SOCK_STREAM, 0),
    "libc: read": lambda: _LIBC.open(b"/etc/passwd", os.O_RDONLY),
    "libc: read the environment": lambda: _LIBC.open(b"/proc/self/environ", os.O_RDONLY),
    "libc: write": lambda: _LIBC.open(b"/tmp/from-a-renderer", os.O_WRONLY | os.O_CREAT, 0o600),
    "libc: pipe": lambda: _LIBC.pipe((ctypes.c_int * 2)()),
    "libc: fork": _LIBC.fork,
    "libc: become": lambda: _LIBC.execl(b"/bin/true", b"true", None),
    "libc: signal": lambda: _LIBC.kill(os.getppid(), 0),
    "libc: trace": lambda: _LIBC.ptrace(0, 0, 0, 0),
    "libc: remove": lambda: _LIBC.unlink(b"/nowhere"),
    "libc: longer alarm": lambda: _LIBC.setitimer(0, (ctypes.c_long * 4)(0, 0, 60, 0), None),
    "libc: more files": lambda: _LIBC.setrlimit(resource.RLIMIT_NOFILE, (ctypes.c_ulong * 2)(64, 64)),
}
_ACTIONS: Mapping[str, Callable[[], str]] = {
    "spin": _spin,
    "outlive": _outlive,
    "hoard": _hoard,
    "abort": _abort,
    "remember": _remember,
    "descriptors": _open_descriptors,
    "environment": lambda: " ".join(sorted(os.environ)),
    "large": lambda: "a" * (MAX_HTML_BYTES + 1),
    "largest": lambda: "a" * MAX_HTML_BYTES,
    "foreign": lambda: "<script>alert(1)</script>",
    "recursion": _recursion,
}


def attempts(*, kernel_alone: bool) -> list[str]:
    """Return the texts that make a renderer try something: past Python, or by it."""
    return [*(_WITH_LIBC if kernel_alone else _WITH_PYTHON)]


def render(task: Task) -> str | None:
    """Do what the first line of a text says; any other text is its own HTML."""
    action, _, rest = task.text.partition("\n")
    attempt = {**_WITH_PYTHON, **_WITH_LIBC}.get(action)
    if attempt is not None:
        return _tried(attempt)
    if action == "invalid":
        return None
    return _ACTIONS[action]() if action in _ACTIONS else f"<p>{action}{rest}</p>"


def main() -> None:
    """Run the child."""
    mode = sys.argv[1] if len(sys.argv) > 1 else ""
    # A machine that is busy with other tests must not change an outcome.
    vars(walls)["SECONDS"] = 0.01 if mode == "hurried" else HANG_SECONDS
    if mode == "brief":
        vars(walls)["PROCESSOR_SECONDS"] = 1
    if mode == "without-filter":
        vars(walls)["filter_system_calls"] = lambda: False
    elif mode == "silent":
        sys.stdin.read()
    elif mode == "foreign":
        write_all(1, b"\xff" * 100)
    if mode == "real":
        rendering.load()
    child.serve(rendering.render if mode == "real" else render)


if __name__ == "__main__":
    main()
