"""What a person sees while they wait, and the one error that ends a command."""

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache as once
from pathlib import Path

_STARTED = time.monotonic()
_REMINDER_SECONDS = 20
_running: dict[object, tuple[str, str, float]] = {}
"""The present step, how long it usually takes, and when it began."""


class ClusterError(Exception):
    """Something is missing or failed; the message says what, and what to do."""


def say(message: str) -> None:
    """Write one progress line, with the seconds since the program started, to standard error."""
    sys.stderr.write(f"[{time.monotonic() - _STARTED:3.0f}s] {message}\n")
    sys.stderr.flush()


@contextmanager
def step(what: str, usual_time: str) -> Iterator[None]:
    """Say that something long begins and ends, and every 20 seconds between how long it has taken by now."""
    say(f"{what} ({usual_time})")
    began = time.monotonic()
    _running[key := object()] = (what, usual_time, began)
    _start_reminding()
    try:
        yield
    finally:
        del _running[key]
    say(f"{what}: done after {time.monotonic() - began:.0f} s")


def log_tail(log: Path, lines: int = 15) -> str:
    """Return the last lines of a log, and its path, ready to be put into an error."""
    text = log.read_text(errors="replace").splitlines() if log.exists() else ["(no such log)"]
    return "\n".join([f"the last lines of {log}:", *(f"    {line[:400]}" for line in text[-lines:])])


@once
def _start_reminding() -> None:
    threading.Thread(target=_remind, name="progress", daemon=True).start()


def _remind() -> None:
    while True:
        time.sleep(_REMINDER_SECONDS)
        now = time.monotonic()
        waits = [f"{what} ({now - began:.0f} s, {usual})" for what, usual, began in list(_running.values())]
        if waits:
            say(f"still {'; '.join(waits)}")
