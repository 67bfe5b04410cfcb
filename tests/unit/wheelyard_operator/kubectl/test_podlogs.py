from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from kubernetes.client.exceptions import ApiException
from urllib3.exceptions import ProtocolError

from wheelyard_operator.kube import ApiError
from wheelyard_operator.kubectl.podlogs import Line, LogOptions, RealPodLogs, follow


class Client:
    """Replaces the official client: yields these chunks, then raises the error."""

    def __init__(self, *chunks: bytes | Exception) -> None:
        self.chunks = chunks
        self.query: dict[str, str] = {}
        self.path = ""

    def call_api(self, path: str, _method: str, *, query_params: list[tuple[str, str]], **_: Any) -> Any:
        self.path, self.query = path, dict(query_params)
        if self.chunks and isinstance(self.chunks[0], ApiException):
            raise self.chunks[0]
        return SimpleNamespace(stream=self._stream, close=lambda: None)

    def _stream(self) -> Iterator[bytes]:
        for each in self.chunks:
            if isinstance(each, Exception):
                raise each
            yield each


def read(*chunks: bytes | Exception, options: LogOptions = LogOptions()) -> list[Line]:  # noqa: B008 - frozen
    return list(RealPodLogs(Client(*chunks))("packages", "pod", "index", options))


def test_lines_are_put_together_from_chunks() -> None:
    assert read(b"T1 a b\nT2", b" c\nT3 ", b"d") == [Line("T1", "a b"), Line("T2", "c"), Line("T3", "d")]


def test_a_line_cut_off_by_a_broken_connection_is_dropped() -> None:
    assert read(b"T1 a\nT2 b", ProtocolError("reset")) == [Line("T1", "a")]


def test_only_the_requested_part_of_a_log_is_read() -> None:
    client = Client()
    list(RealPodLogs(client)("packages", "a/b", "index", LogOptions(follow=True, since_seconds=60, tail=0)))
    assert client.path == "/api/v1/namespaces/packages/pods/a%2Fb/log"
    assert client.query == {
        "container": "index",
        "timestamps": "true",
        "follow": "true",
        "sinceSeconds": "60",
        "tailLines": "0",
    }


def test_a_refusal_keeps_its_status() -> None:
    with pytest.raises(ApiError) as caught:
        read(ApiException(status=403, reason="Forbidden"))
    assert caught.value.status == 403


def test_each_line_is_yielded_once_however_often_the_connection_ends() -> None:
    readings = iter([[Line("T1", "a"), Line("T2", "b")], [Line("T2", "b"), Line("T3", "c")], [Line("T3", "c")]])
    ended = iter([False, False, True])
    asked: list[LogOptions] = []

    def reading(options: LogOptions) -> Iterator[Line]:
        asked.append(options)
        return iter(next(readings))

    assert [each.text for each in follow(reading, lambda: next(ended), lambda: None)] == ["a", "b", "c"]
    assert [each.since_time for each in asked] == ["", "T2", "T3"]
