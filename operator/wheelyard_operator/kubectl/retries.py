"""What takes minutes outlives a restart of the API server."""

from collections.abc import Callable
from typing import TypeVar

from wheelyard_operator.kube import ApiError

_TRIES = 60
_Answer = TypeVar("_Answer")


def passes(error: ApiError) -> bool:
    """Return whether the same request may go through a moment later."""
    return error.status in {0, 429} or error.status >= 500


def patiently(call: Callable[[], _Answer], wait: Callable[[], None]) -> _Answer:
    """Call it again, some dozens of times, while the API server does not answer."""
    for _ in range(_TRIES):
        try:
            return call()
        except ApiError as error:
            if not passes(error):
                raise
        wait()
    return call()
