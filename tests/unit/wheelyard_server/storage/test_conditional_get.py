import asyncio
import logging
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest

from support.patience import HANG_SECONDS, until
from wheelyard_server.errors import StorageUnavailableError
from wheelyard_server.storage import ETag, conditional_get
from wheelyard_server.storage.conditional_get import ConditionalGets

KNOWN = ETag('"0123"')
NOT_MODIFIED = b"HTTP/1.1 304 Not Modified\r\nServer: test\r\n\r\n"


@dataclass
class Bucket:
    """A server that answers each request with the next of its answers, of which the last stands for all others."""

    answers: list[bytes] = field(default_factory=lambda: [NOT_MODIFIED])
    requests: list[bytes] = field(default_factory=list)
    connections: list[asyncio.StreamWriter] = field(default_factory=list)
    signatures: int = 0
    port: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections.append(writer)
        try:
            while True:
                self.requests.append(await reader.readuntil(b"\r\n\r\n"))
                answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
                # An empty one closes the connection.
                if not answer:
                    return
                writer.write(answer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def sign(self, key: str) -> str:
        self.signatures += 1
        return f"http://127.0.0.1:{self.port}/bucket/{key}?X-Amz-Signature={self.signatures}"


@pytest.fixture
async def bucket() -> AsyncIterator[Bucket]:
    made = Bucket()
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    made.port = server.sockets[0].getsockname()[1]
    yield made
    for each in made.connections:
        each.close()
    server.close()
    await server.wait_closed()
    await asyncio.sleep(0.01)


@pytest.fixture
async def asked(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[ConditionalGets]:
    monkeypatch.setattr(conditional_get, "ANSWER_SECONDS", HANG_SECONDS)
    made = ConditionalGets(bucket.sign)
    yield made
    made.close()
    await asyncio.sleep(0.01)


async def test_one_signature_and_one_connection_serve_again(bucket: Bucket, asked: ConditionalGets) -> None:
    assert [await asked.is_unchanged("a", KNOWN) for _ in range(5)] == [True] * 5
    assert (bucket.signatures, len(bucket.connections), len(bucket.requests)) == (1, 1, 5)
    assert set(bucket.requests) == {
        b"GET /bucket/a?X-Amz-Signature=1 HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUser-Agent: wheelyard\r\n"
        b'Cache-Control: no-cache\r\nIf-None-Match: "0123"\r\n\r\n' % bucket.port
    }


async def test_each_object_has_its_signature_and_each_version_its_condition(
    bucket: Bucket, asked: ConditionalGets
) -> None:
    for key, known in (("a", '"1"'), ("b", '"1"'), ("a", '"2"')):
        assert await asked.is_unchanged(key, ETag(known))
    told = [(request.split()[1], request.split()[-1]) for request in bucket.requests]
    a, b = b"/bucket/a?X-Amz-Signature=1", b"/bucket/b?X-Amz-Signature=2"
    assert told == [(a, b'"1"'), (b, b'"1"'), (a, b'"2"')]


async def test_an_answer_may_come_in_pieces(bucket: Bucket, asked: ConditionalGets) -> None:
    bucket.answers = [NOT_MODIFIED[:11]]
    asking = asyncio.create_task(asked.is_unchanged("a", KNOWN))
    await until(lambda: bucket.requests)
    await asyncio.sleep(0.01)
    bucket.connections[0].write(NOT_MODIFIED[11:-1])
    await asyncio.sleep(0.01)
    assert not asking.done()
    bucket.connections[0].write(NOT_MODIFIED[-1:])
    assert await asking


@pytest.mark.parametrize("answer", [b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", b"HTTP/1.1 404 No\r\n\r\n"])
async def test_a_changed_or_missing_object_is_left_to_a_read(
    bucket: Bucket, asked: ConditionalGets, answer: bytes
) -> None:
    bucket.answers = [answer, NOT_MODIFIED]
    assert not await asked.is_unchanged("a", KNOWN)
    # Further bytes of that answer arrive on a connection that is no longer used.
    assert await asked.is_unchanged("b", KNOWN)
    assert len(bucket.connections) == 2


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 304 Not Modified\r\nConnection: close\r\n\r\n",
        b"HTTP/1.1 304 Not Modified\r\nconnection: Keep-Alive, Close\r\n\r\n",
        b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n",
        b"HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n",
        NOT_MODIFIED + b"HTTP/1.1 200 OK\r\n\r\n",
        NOT_MODIFIED + b"?",
    ],
)
async def test_a_connection_with_possible_further_bytes_is_not_reused(
    bucket: Bucket, asked: ConditionalGets, answer: bytes
) -> None:
    bucket.answers = [answer, NOT_MODIFIED]
    assert await asked.is_unchanged("a", KNOWN)
    assert await asked.is_unchanged("a", KNOWN)
    assert len(bucket.connections) == 2


async def test_an_unsolicited_response_closes_the_connection(bucket: Bucket, asked: ConditionalGets) -> None:
    assert await asked.is_unchanged("a", KNOWN)
    bucket.answers = [b"HTTP/1.1 200 OK\r\n\r\n"]
    bucket.connections[0].write(NOT_MODIFIED)
    await until(lambda: not asked._open)
    assert not await asked.is_unchanged("a", KNOWN)
    assert len(bucket.connections) == 2


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 403 Forbidden\r\n\r\n",
        b"HTTP/1.1 307 Temporary Redirect\r\nLocation: /\r\n\r\n",
        b"HTTP/1.1 503 Slow Down\r\n\r\n",
        b"HTTP/1.0 304 Not Modified\r\n\r\n",
        b"HTTP/1.1 3040 Not Modified\r\n\r\n",
        b"SSH-2.0 304\r\n\r\n",
    ],
)
async def test_a_server_that_refuses_is_left_alone_for_a_while(
    bucket: Bucket, asked: ConditionalGets, answer: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket.answers = [answer, NOT_MODIFIED]
    assert [await asked.is_unchanged("a", KNOWN) for _ in range(3)] == [False] * 3
    assert len(bucket.requests) == 1
    loop = asyncio.get_running_loop()
    monkeypatch.setattr(loop, "time", lambda: time.monotonic() + conditional_get.PAUSE_SECONDS)
    assert await asked.is_unchanged("a", KNOWN)
    # The credentials may be others by now.
    assert bucket.signatures == 2


async def test_no_url_is_in_the_log(
    bucket: Bucket, asked: ConditionalGets, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    bucket.answers = [b"HTTP/1.1 403 Forbidden\r\n\r\n"]
    assert not await asked.is_unchanged("a", KNOWN)
    assert "HTTP 403" in caplog.text
    assert "Signature" not in caplog.text


async def test_endless_headers_are_not_an_answer(bucket: Bucket, asked: ConditionalGets) -> None:
    bucket.answers = [b"HTTP/1.1 304 Not Modified\r\nX: " + b"x" * 20_000]
    assert not await asked.is_unchanged("a", KNOWN)


async def test_a_persistent_connection_may_be_closed_at_any_moment(bucket: Bucket, asked: ConditionalGets) -> None:
    assert await asked.is_unchanged("a", KNOWN)
    bucket.connections[0].close()
    await until(lambda: not asked._open)
    assert await asked.is_unchanged("a", KNOWN)
    # Or just when it is used: then a read decides, and the next question finds a new one.
    bucket.answers = [b"", NOT_MODIFIED]
    assert [await asked.is_unchanged("a", KNOWN) for _ in range(2)] == [False, True]
    assert len(bucket.connections) == 3


async def test_a_connection_idle_for_long_is_not_reused(
    bucket: Bucket, asked: ConditionalGets, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conditional_get, "IDLE_SECONDS", -1)
    assert [await asked.is_unchanged("a", KNOWN) for _ in range(2)] == [True] * 2
    assert len(bucket.connections) == 2


async def test_a_signature_is_renewed(
    bucket: Bucket, asked: ConditionalGets, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conditional_get, "SIGNED_SECONDS", -1)
    assert [await asked.is_unchanged("a", KNOWN) for _ in range(2)] == [True] * 2
    assert bucket.signatures == 2


async def test_the_number_of_signatures_is_bounded(
    bucket: Bucket, asked: ConditionalGets, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conditional_get, "_SIGNATURES", 2)
    for key in "abca":
        assert await asked.is_unchanged(key, KNOWN)
    assert bucket.signatures == 4


async def test_a_server_that_hangs_is_not_waited_for(
    bucket: Bucket, asked: ConditionalGets, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conditional_get, "ANSWER_SECONDS", 0.1)
    bucket.answers = [b"HTTP/1.1 304 Not Modif"]
    assert not await asked.is_unchanged("a", KNOWN)
    # Its answer, if it arrives, is dropped.
    await bucket.connections[0].wait_closed()
    assert not await asked.is_unchanged("a", KNOWN)
    assert len(bucket.requests) == 1


async def test_a_canceled_request_closes_its_connection(bucket: Bucket, asked: ConditionalGets) -> None:
    bucket.answers = [b"HTTP/1.1", NOT_MODIFIED]
    asking = asyncio.create_task(asked.is_unchanged("a", KNOWN))
    await until(lambda: bucket.requests)
    asking.cancel()
    await asyncio.wait([asking])
    assert await asked.is_unchanged("a", KNOWN)
    assert len(bucket.connections) == 2


async def test_simultaneous_requests_have_a_connection_each_up_to_a_bound(
    bucket: Bucket, asked: ConditionalGets, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conditional_get, "_CONNECTIONS", 2)
    for _ in range(2):
        assert sum(await asyncio.gather(*(asked.is_unchanged(key, KNOWN) for key in "abc"))) == 2
    assert len(bucket.connections) == 2


async def test_an_unreachable_server_or_a_failing_signer_is_not_an_error(bucket: Bucket) -> None:
    bucket.port = 1
    assert not await ConditionalGets(bucket.sign).is_unchanged("a", KNOWN)

    async def no_credentials(key: str) -> str:
        raise StorageUnavailableError(key, "no credentials")

    assert not await ConditionalGets(no_credentials).is_unchanged("a", KNOWN)


@pytest.mark.parametrize("known", ['"a"\r\nX: y', '"\u00e4"', '" "', ""])
async def test_an_etag_that_would_not_be_one_header_is_not_sent(
    bucket: Bucket, asked: ConditionalGets, known: str
) -> None:
    assert not await asked.is_unchanged("a", ETag(known))
    assert not bucket.requests


@pytest.mark.parametrize(
    "url", ["ftp://h/a?b", "http:///a?b", "http://h/a b?c", "http://h/a?\u00e4", "http://h:x/a"]
)
async def test_only_a_plain_url_of_http_is_requested(url: str) -> None:
    async def sign(_key: str) -> str:
        return url

    assert not await ConditionalGets(sign).is_unchanged("a", KNOWN)
