"""Reads the logs of pods, line by line, and follows them until the container ends."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import quote

from kubernetes.client.exceptions import ApiException
from urllib3.exceptions import HTTPError, ReadTimeoutError

from wheelyard_operator.kube import ApiError, reason_of

_CONNECT_SECONDS = 5
_SILENCE_SECONDS = 60
"""After this much silence the connection is opened again: it may be dead."""


@dataclass(frozen=True)
class LogOptions:
    """Which part of a log to read (PodLogOptions)."""

    follow: bool = False
    since_seconds: int | None = None
    since_time: str = ""
    """RFC 3339."""
    tail: int | None = None
    """Maximum number of lines to begin with, None for all."""


@dataclass(frozen=True)
class Line:
    """A line, and the time when the container wrote it."""

    time: str
    """RFC 3339 with nanoseconds, as the kubelet gives it."""
    text: str


class PodLogs(Protocol):
    """Reads the log of a container; raises ApiError."""

    def __call__(self, namespace: str, pod: str, container: str, options: LogOptions) -> Iterator[Line]:
        """Yield the lines until the log or the connection ends."""


def follow(
    read: Callable[[LogOptions], Iterator[Line]],
    ended: Callable[[], bool],
    wait: Callable[[], None],
    last: str = "",
) -> Iterator[Line]:
    """Yield each line after the time `last` once, until the container ends.

    Lost connections are opened again.
    """
    while True:
        # Checked before reading: the log then has everything that was written until the end.
        is_last = ended()
        for line in read(LogOptions(follow=True, since_time=last)):
            if line.time > last:
                last = line.time
                yield line
        if is_last:
            return
        wait()


class RealPodLogs:
    """Reads the logs of a cluster with the official client."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def __call__(self, namespace: str, pod: str, container: str, options: LogOptions) -> Iterator[Line]:
        """Yield the lines until the log or the connection ends."""
        answer = self._open(namespace, pod, container, options)
        rest = b""
        try:
            for chunk in answer.stream():
                *whole, rest = (rest + chunk).split(b"\n")
                yield from map(_line, whole)
        except ReadTimeoutError:
            return
        except HTTPError:
            # The connection was cut: the incomplete last line will be read again.
            return
        finally:
            answer.close()
        if rest:
            yield _line(rest)

    def _open(self, namespace: str, pod: str, container: str, options: LogOptions) -> Any:
        path = f"/api/v1/namespaces/{quote(namespace, safe='')}/pods/{quote(pod, safe='')}/log"
        query = {
            "container": container,
            "timestamps": "true",
            "follow": "true" if options.follow else "",
            "sinceSeconds": str(options.since_seconds or ""),
            "sinceTime": options.since_time,
            "tailLines": "" if options.tail is None else str(options.tail),
        }
        try:
            return self._client.call_api(
                path,
                "GET",
                query_params=[(key, value) for key, value in query.items() if value],
                header_params={"Accept": "*/*"},
                auth_settings=["BearerToken"],
                _preload_content=False,
                _request_timeout=(_CONNECT_SECONDS, _SILENCE_SECONDS),
            )
        except ApiException as error:
            raise ApiError(error.status or 0, f"GET {path}: {reason_of(error)}") from error
        except (HTTPError, OSError) as error:
            raise ApiError(0, f"GET {path}: {type(error).__name__}") from error


def _line(raw: bytes) -> Line:
    time, _, text = raw.decode(errors="replace").partition(" ")
    return Line(time, text)
