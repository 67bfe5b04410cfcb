"""Retries calls, so that long commands survive a restart of the API server."""

from collections.abc import Callable
from typing import TypeVar

from wheelyard_operator.kube import ApiError

_MAX_TRIES = 60
_Result = TypeVar("_Result")


def is_transient(error: ApiError) -> bool:
    """Return whether the same request may succeed a moment later."""
    return error.status in {0, 429} or error.status >= 500


def with_retries(call: Callable[[], _Result], wait: Callable[[], None]) -> _Result:
    """Return the result of a call, which is retried while the API server does not answer."""
    for _ in range(_MAX_TRIES):
        try:
            return call()
        except ApiError as error:
            if not is_transient(error):
                raise
        wait()
    return call()
