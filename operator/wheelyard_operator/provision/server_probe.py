"""Asks index servers whether they use their files, which format they know, and about upstreams."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPConnection, HTTPException
from socket import SHUT_RDWR, socket
from threading import Timer
from typing import Any, NamedTuple, TypeVar

from wheelyard_operator.policy_states import EventsAnswer, FileState, PolicyAnswer
from wheelyard_operator.provision.policy_probe import parse_events, parse_file, parse_policy
from wheelyard_operator.resource import OLDEST_FORMAT, Manifest
from wheelyard_operator.upstream_states import UpstreamsAnswer, UpstreamState

_MAX_ANSWER_BYTES = 64_000
"""16 upstreams, each with 500 characters that JSON writes as six."""
_MAX_POLICY_BYTES = 4_000_000
"""1,000 used exceptions and 1,000 entries of the quarantine, each with a reason of 200 characters
that JSON writes as six."""
_MAX_UPSTREAMS = 16
_MAX_COUNT = 10**12
_MAX_TIME = 10**10
_CONNECT_SECONDS = 0.5
_ANSWER_SECONDS = 1.0
"""For the whole answer: anyone with the permission to create pods of an index controls its speed."""
_NEWEST = 1000
"""No release knows a newer format."""
_T = TypeVar("_T")


class Answer(NamedTuple):
    """The answer of an index server."""

    usable: bool
    """Whether it uses the access file that it has, and still watches it."""
    known_format: int
    """The newest format of the storage that it knows."""
    sessions: FileState | None = None
    """The sessions file that it uses, None for a server that does not know one."""


AskServer = Callable[[Manifest], Answer | None]
"""Returns the answer of a pod's server, None if there is none."""
AskUpstreams = Callable[[Manifest], UpstreamsAnswer | None]
"""Returns what a pod's server says about its upstreams, None without an answer."""
AskEvents = Callable[[Manifest], EventsAnswer | None]
"""Returns what a pod's server says about its events, None without an answer."""
AskPolicy = Callable[[Manifest], PolicyAnswer | None]
"""Returns what a pod's server says about its policy, None without an answer."""


class ServerProbe:
    """Asks pods, with short timeouts: a network policy may block the operator."""

    def __init__(self, port: int) -> None:
        self._port = port

    def ask(self, pod: Manifest) -> Answer | None:
        """Return the answer of a pod's server, None if there is none."""
        return self._get(pod, "/access", _parse)

    def ask_upstreams(self, pod: Manifest) -> UpstreamsAnswer | None:
        """Return what a pod's server says about its upstreams, None without an answer."""
        return self._get(pod, "/upstreams", _parse_upstreams)

    def ask_policy(self, pod: Manifest) -> PolicyAnswer | None:
        """Return what a pod's server says about its policy, None without an answer."""
        return self._get(pod, "/policy", parse_policy, _MAX_POLICY_BYTES)

    def ask_events(self, pod: Manifest) -> EventsAnswer | None:
        """Return what a pod's server says about its events, None without an answer."""
        return self._get(pod, "/events", parse_events)

    def _get(
        self, pod: Manifest, path: str, parse: Callable[[dict[str, Any]], _T], max_bytes: int = _MAX_ANSWER_BYTES
    ) -> _T | None:
        address = pod.get("status", {}).get("podIP", "")
        if not address:
            return None
        connection = HTTPConnection(address, self._port, timeout=_CONNECT_SECONDS)
        try:
            connection.connect()
            with _ended_in_time(connection.sock):
                connection.request("GET", path)
                with connection.getresponse() as response:
                    return parse(json.loads(response.read(max_bytes)))
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
    sessions = parse_file(body["sessions"]) if "sessions" in body else None
    return Answer(usable and not body.get("stuck"), known, sessions)


def _parse_upstreams(body: dict[str, Any]) -> UpstreamsAnswer:
    states = tuple(_parse_state(each) for each in body["upstreams"][:_MAX_UPSTREAMS])
    return UpstreamsAnswer(states, _count(body["unkept"]))


def _parse_state(body: dict[str, Any]) -> UpstreamState:
    name, reachable, since, reason = (body[key] for key in ("name", "reachable", "since", "reason"))
    is_typed = isinstance(name, str) and isinstance(reachable, bool) and isinstance(reason, str)
    if not is_typed or not 0 <= since <= _MAX_TIME:
        raise ValueError
    # It may quote the upstream, and people see it in a terminal.
    printable = "".join(each if each.isprintable() else " " for each in reason)
    return UpstreamState(
        name, reachable, float(since), printable, _count(body["conflicts"]), _count(body["ownersChanged"])
    )


def _count(value: Any) -> int:
    if type(value) is not int or not 0 <= value <= _MAX_COUNT:
        raise ValueError
    return value
