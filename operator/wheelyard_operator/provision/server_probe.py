"""Asks index servers whether they use their access file, and which format they know."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPConnection, HTTPException
from socket import SHUT_RDWR, socket
from threading import Timer
from typing import Any, NamedTuple

from wheelyard_operator.resource import OLDEST_FORMAT, Manifest

_MAX_ANSWER_BYTES = 10_000
_CONNECT_SECONDS = 0.5
_ANSWER_SECONDS = 1.0
"""For the whole answer: anyone with the permission to create pods of an index controls its speed."""
_NEWEST = 1000
"""No release knows a newer format."""


class Answer(NamedTuple):
    """The answer of an index server."""

    usable: bool
    """Whether it uses the access file that it has, and still watches it."""
    known_format: int
    """The newest format of the storage that it knows."""


AskServer = Callable[[Manifest], Answer | None]
"""Returns the answer of a pod's server, None if there is none."""


class ServerProbe:
    """Asks pods, with short timeouts: a network policy may block the operator."""

    def __init__(self, port: int) -> None:
        self._port = port

    def ask(self, pod: Manifest) -> Answer | None:
        """Return the answer of a pod's server, None if there is none."""
        address = pod.get("status", {}).get("podIP", "")
        if not address:
            return None
        connection = HTTPConnection(address, self._port, timeout=_CONNECT_SECONDS)
        try:
            connection.connect()
            with _ended_in_time(connection.sock):
                connection.request("GET", "/access")
                with connection.getresponse() as response:
                    return _parse(json.loads(response.read(_MAX_ANSWER_BYTES)))
        except (HTTPException, OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
            return None
        finally:
            connection.close()


@contextmanager
def _ended_in_time(connection: socket) -> Iterator[None]:
    """Disconnect from a server that has not answered in time.

    Socket timeouts restart with each byte.
    """
    connection.settimeout(_ANSWER_SECONDS)
    end = Timer(_ANSWER_SECONDS, _hang_up, [connection])
    end.start()
    try:
        yield
    finally:
        end.cancel()


def _hang_up(connection: socket) -> None:
    with suppress(OSError):
        connection.shutdown(SHUT_RDWR)


def _parse(body: dict[str, Any]) -> Answer:
    usable, known = body["usable"], body.get("knownFormat", OLDEST_FORMAT)
    if not isinstance(usable, bool) or type(known) is not int or not OLDEST_FORMAT <= known <= _NEWEST:
        raise ValueError
    return Answer(usable and not body.get("stuck"), known)
