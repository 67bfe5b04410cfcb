"""What index servers say of themselves, asked at their metrics port."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import urllib3

if TYPE_CHECKING:
    from wheelyard_operator.resource import Manifest

_LONGEST_ANSWER = 10_000


class Servers:
    """Asks pods, without waiting for long: a network policy may keep the operator away from them."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._pool = urllib3.PoolManager(timeout=urllib3.Timeout(connect=0.5, read=1), retries=False)

    def can_use_access_file(self, pod: Manifest) -> bool | None:
        """Return whether the pod's server understands the access file that it has, and still looks at it.

        None: it does not answer.
        """
        address = pod.get("status", {}).get("podIP", "")
        host = f"[{address}]" if ":" in address else address
        try:
            url = f"http://{host}:{self._port}/access"
            with self._pool.request("GET", url, redirect=False, preload_content=False) as response:
                answer = json.loads(response.read(_LONGEST_ANSWER))
                usable = answer["usable"] and not answer.get("stuck")
        except (urllib3.exceptions.HTTPError, ValueError, LookupError, TypeError, AttributeError):
            return None
        return usable if isinstance(answer["usable"], bool) else None
