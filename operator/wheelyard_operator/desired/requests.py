"""Requests for a rotation: values of the annotation `wheelyard.dev/rotate`, each of which is honored once.

GitOps tools remove annotations that others set, or put the value of Git back: neither asks for another rotation.
"""

import hashlib
from collections.abc import Mapping
from typing import Any

_KEPT = 8
"""So many values are remembered, the latest first."""


def is_asked(request: str, answered: tuple[str, ...]) -> bool:
    """Return whether this value asks for a rotation; "" is no annotation."""
    return bool(request) and _digest(request) not in answered


def with_answer(request: str, answered: tuple[str, ...]) -> tuple[str, ...]:
    """Return the answered requests with this one among them."""
    return (_digest(request), *answered)[:_KEPT] if is_asked(request, answered) else answered


def answered_in(state: Mapping[str, Any]) -> tuple[str, ...]:
    """Take the answered requests from what a Secret remembers; operators of before wrote the last value itself."""
    before, found = state.get("request"), state.get("answered")
    if isinstance(before, str) and before:
        return (_digest(before),)
    return tuple(each for each in found if isinstance(each, str))[:_KEPT] if isinstance(found, list) else ()


def _digest(request: str) -> str:
    # A value may have 256 KiB.
    return hashlib.sha256(request.encode()).hexdigest()[:16]
