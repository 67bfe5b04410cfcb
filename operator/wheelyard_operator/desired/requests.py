"""Requests for a rotation: values of the annotation `wheelyard.dev/rotate`, each honored once.

GitOps tools remove annotations of others, or restore the value in Git: neither requests another
rotation.
"""

import hashlib
from collections.abc import Mapping
from typing import Any

_MAX_ANSWERED = 8
"""Remembered values, the latest first."""


def is_asked(request: str, answered: tuple[str, ...]) -> bool:
    """Return whether this value requests a rotation; "" is no annotation."""
    return bool(request) and _digest(request) not in answered


def with_answer(request: str, answered: tuple[str, ...]) -> tuple[str, ...]:
    """Return the answered requests, including this one."""
    return (_digest(request), *answered)[:_MAX_ANSWERED] if is_asked(request, answered) else answered


def answered_in(state: Mapping[str, Any]) -> tuple[str, ...]:
    """Parse the answered requests from a Secret's state.

    Older operators wrote the last value itself.
    """
    previous, found = state.get("request"), state.get("answered")
    if isinstance(previous, str) and previous:
        return (_digest(previous),)
    return tuple(each for each in found if isinstance(each, str))[:_MAX_ANSWERED] if isinstance(found, list) else ()


def _digest(request: str) -> str:
    # A value may have 256 KiB.
    return hashlib.sha256(request.encode()).hexdigest()[:16]
