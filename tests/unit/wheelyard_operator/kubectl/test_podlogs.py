from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from kubernetes.client.exceptions import ApiException
from urllib3.exceptions import ProtocolError

from wheelyard_operator.kube import ApiError
from wheelyard_operator.kubectl.podlogs import Extent, Line, RealPodLogs, followed


class Client:
    """Stands in for the official client: gives these chunks, then the error."""

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


def read(*chunks: bytes | Exception, extent: Extent = Extent()) -> list[Line]:  # noqa: B008 - frozen
    return list(RealPodLogs(Client(*chunks))("packages", "pod", "index", extent))


def test_lines_are_put_together_from_chunks() -> None:
    assert read(b"T1 a b\nT2", b" c\nT3 ", b"d") == [Line("T1", "a b"), Line("T2", "c"), Line("T3", "d")]


def test_a_line_cut_off_by_a_broken_connection_is_dropped() -> None:
    assert read(b"T1 a\nT2 b", ProtocolError("reset")) == [Line("T1", "a")]


def test_only_the_requested_part_of_a_log_is_read() -> None:
    client = Client()
    list(RealPodLogs(client)("packages", "a/b", "index", Extent(follow=True, since_seconds=60, tail=0)))
    assert client.path == "/api/v1/namespaces/packages/pods/a%2Fb/log"
    assert client.query == {
        "container": "index",
        "timestamps": "true",
        "follow": "true",
        "sinceSeconds": "60",
        "tailLines": "0",
    }


def test_a_refusal_has_its_status() -> None:
    with pytest.raises(ApiError) as caught:
        read(ApiException(status=403, reason="Forbidden"))
    assert caught.value.status == 403


def test_each_line_comes_once_however_often_the_connection_ends() -> None:
    readings = iter([[Line("T1", "a"), Line("T2", "b")], [Line("T2", "b"), Line("T3", "c")], [Line("T3", "c")]])
    ended = iter([False, False, True])
    extents: list[Extent] = []

    def reading(extent: Extent) -> Iterator[Line]:
        extents.append(extent)
        return iter(next(readings))

    assert [each.text for each in followed(reading, lambda: next(ended), lambda: None)] == ["a", "b", "c"]
    assert [each.since_time for each in extents] == ["", "T2", "T3"]
