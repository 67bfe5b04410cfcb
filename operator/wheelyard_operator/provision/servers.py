"""What index servers say of themselves, asked at their metrics port."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

import urllib3

from wheelyard_operator.resource import OLDEST_FORMAT

if TYPE_CHECKING:
    from wheelyard_operator.resource import Manifest

_LONGEST_ANSWER = 10_000
_NEWEST = 1000
"""No release knows a format beyond that."""


class Answer(NamedTuple):
    """What a server says of itself."""

    usable: bool
    """It understands the access file that it has, and still looks at it."""
    known_format: int
    """The newest format of its storage that it knows."""


class Servers:
    """Asks pods, without waiting for long: a network policy may keep the operator away from them."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._pool = urllib3.PoolManager(timeout=urllib3.Timeout(connect=0.5, read=1), retries=False)

    def ask(self, pod: Manifest) -> Answer | None:
        """Return the answer of a pod's server; None where there is none."""
        address = pod.get("status", {}).get("podIP", "")
        host = f"[{address}]" if ":" in address else address
        try:
            url = f"http://{host}:{self._port}/access"
            with self._pool.request("GET", url, redirect=False, preload_content=False) as response:
                return _parse(json.loads(response.read(_LONGEST_ANSWER)))
        except (urllib3.exceptions.HTTPError, ValueError, LookupError, TypeError, AttributeError):
            return None


def _parse(told: dict[str, Any]) -> Answer:
    usable, known = told["usable"], told.get("knownFormat", OLDEST_FORMAT)
    if not isinstance(usable, bool) or type(known) is not int or not OLDEST_FORMAT <= known <= _NEWEST:
        raise ValueError
    return Answer(usable and not told.get("stuck"), known)
