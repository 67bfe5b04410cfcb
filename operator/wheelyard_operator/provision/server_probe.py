"""What index servers say of themselves, asked at their metrics port."""

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPConnection, HTTPException
from socket import SHUT_RDWR, socket
from threading import Timer
from typing import Any, NamedTuple

from wheelyard_operator.resource import OLDEST_FORMAT, Manifest

_LONGEST_ANSWER = 10_000
_CONNECT_SECONDS = 0.5
_ANSWER_SECONDS = 1.0
"""For the whole answer: whoever may make pods of an index chooses what they say, and how slowly."""
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

    def ask(self, pod: Manifest) -> Answer | None:
        """Return the answer of a pod's server; None where there is none."""
        address = pod.get("status", {}).get("podIP", "")
        if not address:
            return None
        connection = HTTPConnection(address, self._port, timeout=_CONNECT_SECONDS)
        try:
            connection.connect()
            with _ended_in_time(connection.sock):
                connection.request("GET", "/access")
                with connection.getresponse() as response:
                    return _parse(json.loads(response.read(_LONGEST_ANSWER)))
        except (HTTPException, OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
            return None
        finally:
            connection.close()


@contextmanager
def _ended_in_time(connection: socket) -> Iterator[None]:
    """Hang up on who has not answered in time: timeouts of sockets begin anew with each byte."""
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


def _parse(told: dict[str, Any]) -> Answer:
    usable, known = told["usable"], told.get("knownFormat", OLDEST_FORMAT)
    if not isinstance(usable, bool) or type(known) is not int or not OLDEST_FORMAT <= known <= _NEWEST:
        raise ValueError
    return Answer(usable and not told.get("stuck"), known)
