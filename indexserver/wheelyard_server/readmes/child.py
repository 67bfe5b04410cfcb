"""The child that renders READMEs: `python -I -m wheelyard_server.readmes.child`.

It loads the renderers once. Each README is rendered by a fork of it, behind `walls`: the fork opens
no file, its limits count from zero, and it leaves nothing to the README that follows, which may be
another user's.
"""

import gc
import os
import signal
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import msgspec

from wheelyard_server.readmes import walls
from wheelyard_server.readmes.frames import (
    MAX_HTML_BYTES,
    Answer,
    Hello,
    Outcome,
    Task,
    framed,
    read_exactly,
    read_frames,
    write_all,
)

Renderer = Callable[[Task], str | None]
"""Returns HTML; None if the text is not valid in its markup."""
_INVALID = 3
_LARGE = 4
_FAILED = 5
_OUTCOMES = {0: Outcome.RENDERED, _INVALID: Outcome.INVALID, _LARGE: Outcome.LARGE}
"""By exit code of a fork."""
_LIMITS = {signal.SIGXCPU, signal.SIGALRM, signal.SIGKILL}
"""The signals of a limit in time. Also SIGKILL by the kernel if a machine has no memory left."""
_MAX_FILES = 1 << 16
_NICE = 5
"""A server that has work to do gets about three times as much of a processor: sched(7)."""
SLOW_SECONDS = walls.PROCESSOR_SECONDS / 4
"""Less processor time than this in all of the time is the fault of the machine."""


def serve(render: Renderer) -> None:
    """Answer tasks until the server closes the standard input."""
    _detach()
    # Forks share the memory of all that exists by now, as long as no collection writes to it.
    gc.freeze()
    write_all(1, framed(Hello(filtered=_can_filter())))
    for frame in read_frames(0):
        write_all(1, framed(_rendered(frame, render)))


def _detach() -> None:
    """Keep nothing of the server but the pipes, and stand back behind it."""
    os.closerange(3, _MAX_FILES)
    os.chdir("/")
    os.nice(_NICE)
    # One of several processes of a server is bound to some processors, which it needs itself.
    with suppress(OSError, AttributeError):
        os.sched_setaffinity(0, range(os.cpu_count() or 1))
    # If memory runs out, the kernel ends this process before the server: proc_pid_oom_score_adj(5).
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")


def _can_filter() -> bool:
    """Return whether renderers will have a filter of system calls, by trying it in a fork."""
    pid = os.fork()
    if pid == 0:
        os._exit(0 if walls.close_in() else 1)
    return os.waitpid(pid, 0)[1] == 0


def _rendered(frame: bytes, render: Renderer) -> Answer:
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        _render_in_fork(frame, writer, render)
    os.close(writer)
    html = read_exactly(reader, MAX_HTML_BYTES)
    # A fork that writes more than it may ends by this.
    os.close(reader)
    _, status, usage = os.wait4(pid, 0)
    outcome = _outcome(status, usage.ru_utime + usage.ru_stime)
    return Answer(outcome, html.decode() if outcome is Outcome.RENDERED else "")


def _outcome(status: int, seconds: float) -> Outcome:
    """Return the outcome of a fork by its status (wait(2)) and its seconds of processor time."""
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) in _LIMITS:
        return Outcome.SLOW if seconds >= SLOW_SECONDS else Outcome.BUSY
    return _OUTCOMES.get(os.waitstatus_to_exitcode(status), Outcome.FAILED)


def _render_in_fork(frame: bytes, writer: int, render: Renderer) -> None:
    code = _FAILED
    try:
        # Its own pipe is then the only open file.
        os.closerange(0, writer)
        walls.close_in()
        code = _render(msgspec.msgpack.decode(frame, type=Task), writer, render)
    finally:
        os._exit(code)


def _render(task: Task, writer: int, render: Renderer) -> int:
    html = render(task)
    if html is None:
        return _INVALID
    encoded = html.encode()
    if len(encoded) > MAX_HTML_BYTES:
        return _LARGE
    write_all(writer, encoded)
    return 0


def main() -> None:
    """Run the child."""
    from wheelyard_server.readmes.rendering import load, render  # noqa: PLC0415 - stand-ins of tests do not load it

    load()
    serve(render)


if __name__ == "__main__":
    main()
