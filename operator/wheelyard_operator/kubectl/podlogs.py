"""The logs of pods, line by line, for as long as a container runs."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import quote

from kubernetes.client.exceptions import ApiException
from urllib3.exceptions import HTTPError, ReadTimeoutError

from wheelyard_operator.kube import ApiError, reason_of

_CONNECT_SECONDS = 5
_SILENCE_SECONDS = 60
"""After so much silence the connection is made anew: one that died says nothing either."""


@dataclass(frozen=True)
class Extent:
    """Which part of a log."""

    follow: bool = False
    since_seconds: int | None = None
    since_time: str = ""
    """RFC 3339."""
    tail: int | None = None
    """How many lines at most to begin with, None for all."""


@dataclass(frozen=True)
class Line:
    """A line, and when the container wrote it."""

    time: str
    """RFC 3339 with nanoseconds, as the kubelet gives it."""
    text: str


class PodLogs(Protocol):
    """Reads the log of one container; raises ApiError."""

    def __call__(self, namespace: str, pod: str, container: str, extent: Extent) -> Iterator[Line]:
        """Return the lines until the log ends or the connection does."""


def followed(
    read: Callable[[Extent], Iterator[Line]],
    ended: Callable[[], bool],
    wait: Callable[[], None],
    last: str = "",
) -> Iterator[Line]:
    """Yield each line after `last` once, until the container ends. Lost connections are opened again."""
    while True:
        # Asked before the log is read: what is written up to the end is then in it.
        is_last = ended()
        for line in read(Extent(follow=True, since_time=last)):
            if line.time > last:
                last = line.time
                yield line
        if is_last:
            return
        wait()


class RealPodLogs:
    """The logs of a cluster, by the official client."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def __call__(self, namespace: str, pod: str, container: str, extent: Extent) -> Iterator[Line]:
        """Return the lines until the log ends or the connection does."""
        answer = self._open(namespace, pod, container, extent)
        rest = b""
        try:
            for chunk in answer.stream():
                *whole, rest = (rest + chunk).split(b"\n")
                yield from map(_line, whole)
        except ReadTimeoutError:
            return
        except HTTPError:
            # Cut off: what came of the last line comes again.
            return
        finally:
            answer.close()
        if rest:
            yield _line(rest)

    def _open(self, namespace: str, pod: str, container: str, extent: Extent) -> Any:
        path = f"/api/v1/namespaces/{quote(namespace, safe='')}/pods/{quote(pod, safe='')}/log"
        query = {
            "container": container,
            "timestamps": "true",
            "follow": "true" if extent.follow else "",
            "sinceSeconds": str(extent.since_seconds or ""),
            "sinceTime": extent.since_time,
            "tailLines": "" if extent.tail is None else str(extent.tail),
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
