"""The records of an upstream's requests."""

from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import UTC, datetime

from wheelyard_server.errors import (
    UpstreamAnswerError,
    UpstreamCredentialsError,
    UpstreamError,
    UpstreamFileMissingError,
    UpstreamUnavailableError,
)
from wheelyard_server.names import NormalizedName, parse_project_name
from wheelyard_server.upstream import WHOLE, Absent, FileStream, Health, Page, Unchanged, WantedPart
from wheelyard_server.upstream.measured import MeasuredUpstream, UpstreamRequest

DEMO = parse_project_name("demo")


class Scripted:
    """An upstream that answers what it was given."""

    name, url = "pypi", "https://packages.example.com/simple/"
    is_closed = False

    def __init__(self, *answers: object) -> None:
        self._answers = list(answers)

    def _next(self) -> object:
        answer = self._answers.pop(0)
        if isinstance(answer, UpstreamError):
            raise answer
        return answer

    async def page(self, project: NormalizedName, etag: str = "") -> Page | Unchanged | Absent:  # noqa: ARG002
        answer = self._next()
        assert isinstance(answer, Page | Unchanged | Absent)
        return answer

    async def open(
        self,
        url: str,  # noqa: ARG002
        part: WantedPart = WHOLE,  # noqa: ARG002
        *,
        is_retry: bool = False,  # noqa: ARG002
        is_verified: bool = False,  # noqa: ARG002
    ) -> FileStream:
        answer = self._next()
        assert isinstance(answer, tuple)
        return FileStream(self._chunks(answer), 0, None, "")

    async def _chunks(self, parts: tuple[object, ...]) -> AsyncIterator[bytes]:
        try:
            for part in parts:
                if isinstance(part, UpstreamError):
                    raise part
                assert isinstance(part, bytes)
                yield part
        finally:
            self.is_closed = True

    async def read(self, url: str, max_bytes: int) -> bytes:  # noqa: ARG002
        answer = self._next()
        assert isinstance(answer, bytes)
        return answer

    def health(self) -> Health:
        return Health(self.name, True, datetime(2026, 1, 1, tzinfo=UTC), "")

    async def close(self) -> None:
        self.is_closed = True


def recorded(*answers: object) -> tuple[MeasuredUpstream, list[UpstreamRequest], Scripted]:
    requests: list[UpstreamRequest] = []
    upstream = Scripted(*answers)
    return MeasuredUpstream(upstream, requests.append), requests, upstream


def short(requests: list[UpstreamRequest]) -> list[tuple[str, str, int]]:
    assert all(each.seconds >= 0 and each.upstream == "pypi" for each in requests)
    return [(each.kind, each.result, each.received) for each in requests]


async def test_every_answer_to_a_page_has_a_result() -> None:
    measured, requests, _ = recorded(
        Page(files=()),
        Unchanged(),
        Absent(),
        UpstreamUnavailableError("pypi", "does not answer"),
        UpstreamAnswerError("pypi", "sent no page"),
        UpstreamCredentialsError("pypi", "refuses the credentials"),
    )
    for _ in range(6):
        with suppress(UpstreamError):
            await measured.page(DEMO)
    assert [result for _, result, _ in short(requests)] == [
        *("done", "unchanged", "absent", "unavailable", "unusable", "refused")
    ]


async def test_a_file_is_recorded_when_its_stream_ends_with_its_bytes() -> None:
    measured, requests, upstream = recorded((b"abc", b"de"), UpstreamFileMissingError("pypi", "has no such file"))
    stream = await measured.open("https://packages.example.com/a")
    assert requests == []
    assert [chunk async for chunk in stream.chunks] == [b"abc", b"de"]
    with suppress(UpstreamError):
        await measured.open("https://packages.example.com/b")
    assert short(requests) == [("file", "done", 5), ("file", "absent", 0)]
    assert upstream.is_closed


async def test_a_stream_that_breaks_and_one_that_is_closed_count_once_each() -> None:
    broken = UpstreamUnavailableError("pypi", "ended the file early")
    measured, requests, upstream = recorded((b"abc", broken), (b"abc", b"de"))
    with suppress(UpstreamError):
        assert [chunk async for chunk in (await measured.open("https://packages.example.com/a")).chunks] == []
    upstream.is_closed = False
    stream = await measured.open("https://packages.example.com/b")
    assert await anext(stream.chunks) == b"abc"
    await stream.chunks.aclose()  # type: ignore[attr-defined]
    assert short(requests) == [("file", "unavailable", 3), ("file", "canceled", 3)]
    assert upstream.is_closed


async def test_small_objects_health_and_the_end_are_passed_on() -> None:
    measured, requests, upstream = recorded(b"METADATA")
    assert await measured.read("https://packages.example.com/a.metadata", 100) == b"METADATA"
    assert short(requests) == [("metadata", "done", 8)]
    assert (measured.name, measured.url, measured.health()) == (upstream.name, upstream.url, upstream.health())
    await measured.close()
    assert upstream.is_closed
