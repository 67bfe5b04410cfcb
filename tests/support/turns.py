"""How much is done in one turn of the event loop, counted: it is the same on every machine."""

import gzip
import hashlib
import sys
import threading
from asyncio.events import Handle
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import Any

import msgspec
import pytest
import zstandard


@dataclass
class Work:
    """The most that one callback of the event loop has done."""

    calls: int = 0
    """Calls of functions, in Python and C; a step of a generator is one."""
    bytes: int = 0
    """Bytes of one text that was encoded, hashed or compressed."""


@contextmanager
def counted(monkeypatch: pytest.MonkeyPatch) -> Iterator[Work]:
    """Count the work of the event loop of this thread."""
    work, calls = Work(), 0

    def profile(frame: FrameType, event: str, _argument: object) -> None:
        nonlocal calls
        if event == "call" and frame.f_code is Handle._run.__code__:
            work.calls, calls = max(work.calls, calls), 0
        elif event in ("call", "c_call"):
            calls += 1

    def sized(function: Callable[..., Any], size: Callable[[Any, Any], int]) -> Callable[..., Any]:
        def noted(*arguments: Any, **named: Any) -> Any:
            result = function(*arguments, **named)
            if threading.current_thread() is threading.main_thread():
                work.bytes = max(work.bytes, size(arguments, result))
            return result

        return noted

    def of_argument(arguments: Any, _result: Any) -> int:
        return len(arguments[0]) if arguments else 0

    with monkeypatch.context() as patched:
        for module, name in ((gzip, "compress"), (zstandard, "compress"), (hashlib, "sha256")):
            patched.setattr(module, name, sized(getattr(module, name), of_argument))
        patched.setattr(msgspec.json, "encode", sized(msgspec.json.encode, lambda _, result: len(result)))
        sys.setprofile(profile)
        try:
            yield work
        finally:
            sys.setprofile(None)
            work.calls = max(work.calls, calls)
