"""Requests that two parsers could read as two different ones, byte by byte over a socket."""

import pytest

from support.http import Client
from support.memory_storage import MemoryStorage
from support.serving import send_raw, statuses

SMUGGLED = b"GET /simple/smuggled/ HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"
AMBIGUOUS = {
    "content-length and transfer-encoding": b"Content-Length: 5\r\n" + CHUNKED,
    "transfer-encoding and content-length": CHUNKED + b"Content-Length: 5\r\n",
    "two lengths": b"Content-Length: 5\r\nContent-Length: 6\r\n",
    "the same length twice": b"Content-Length: 5\r\nContent-Length: 5\r\n",
    "a list of lengths": b"Content-Length: 5, 5\r\n",
    "a signed length": b"Content-Length: +5\r\n",
    "a length with an underscore": b"Content-Length: 1_0\r\n",
    "a length in hexadecimal": b"Content-Length: 0x5\r\n",
    "a length in other digits": "Content-Length: \u0665\r\n".encode(),
    "an empty length": b"Content-Length: \r\n",
    "an unknown transfer coding": b"Transfer-Encoding: xchunked\r\n",
    "chunked twice": CHUNKED + CHUNKED,
    "chunked but not last": b"Transfer-Encoding: chunked, gzip\r\n",
    "chunked with a control character": b"Transfer-Encoding: \x0bchunked\r\n",
    "a space before the colon": b"Transfer-Encoding : chunked\r\n",
    "a space before the name": b" Transfer-Encoding: chunked\r\n",
    "a folded line": b"X-A: b\r\n Transfer-Encoding: chunked\r\n",
    "a line that ends in LF": b"X-A: b\nTransfer-Encoding: chunked\r\n",
    "a line that ends in CR": b"X-A: b\rTransfer-Encoding: chunked\r\n",
    "a NUL": b"X-A: b\x00c\r\n",
    "a name with a NUL": b"X-\x00A: b\r\n",
    "no colon": b"X-A\r\n",
    "an empty name": b": b\r\n",
    "two hosts": b"Host: b\r\n",
}


@pytest.mark.parametrize("headers", AMBIGUOUS.values(), ids=AMBIGUOUS.keys())
async def test_an_ambiguous_request_is_the_last_of_its_connection(
    client: Client, storage: MemoryStorage, headers: bytes
) -> None:
    request = b"POST /legacy/ HTTP/1.1\r\nHost: a\r\n" + headers + b"\r\n0\r\n\r\n" + SMUGGLED
    assert statuses(await send_raw(client.server, request)) == [400]
    assert storage.calls == []


@pytest.mark.parametrize(
    "body",
    [
        b"5\nabcde\r\n0\r\n\r\n",
        b"5\r\nabcde\n0\r\n\r\n",
        b"5;a\nb\r\nabcde\r\n0\r\n\r\n",
        b"-5\r\nabcde\r\n0\r\n\r\n",
        b"0x5\r\nabcde\r\n0\r\n\r\n",
        b"5 \r\nabcde\r\n0\r\n\r\n",
        b"ffffffffffffffff1\r\nabcde\r\n0\r\n\r\n",
        b"5\r\nabcdefg\r\n0\r\n\r\n",
    ],
)
async def test_malformed_chunks_end_the_connection(client: Client, storage: MemoryStorage, body: bytes) -> None:
    request = b"POST /legacy/ HTTP/1.1\r\nHost: a\r\n" + CHUNKED + b"\r\n" + body + SMUGGLED
    assert set(statuses(await send_raw(client.server, request))) <= {400, 401}
    assert storage.calls == []


@pytest.mark.parametrize(
    "line",
    [
        b"GET\t/simple/ HTTP/1.1",
        b"GET /simple/ HTTP/1.1 ",
        b"GET /simple/ HTTP/2.0",
        b"GET /simple/ HTTP/0.9",
        b"GET /simple/",
        b"GET /simple/ HTTP/1.1 HTTP/1.1",
        b"G\x00T /simple/ HTTP/1.1",
        b"GET simple/ HTTP/1.1",
        b"get /simple/ HTTP/1.1",
    ],
)
async def test_a_request_line_has_one_form(client: Client, storage: MemoryStorage, line: bytes) -> None:
    assert statuses(await send_raw(client.server, line + b"\r\nHost: a\r\n\r\n" + SMUGGLED)) == [400]
    assert storage.calls == []


@pytest.mark.parametrize(
    "host", ["", "a b", "a/b", 'a"><script>', "a@b", "a:b", "a:123456", "[::1", "a,b", "\u00e4"]
)
async def test_a_host_has_one_form(client: Client, host: str) -> None:
    request = f"GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode()
    assert statuses(await send_raw(client.server, request)) == [400]


async def test_a_request_names_its_host(client: Client) -> None:
    for version in (b"1.0", b"1.1"):
        answer = await send_raw(client.server, b"GET / HTTP/" + version + b"\r\nConnection: close\r\n\r\n")
        assert statuses(answer) == [400]


async def test_after_a_declined_upgrade_a_new_request_begins(client: Client) -> None:
    upgrade = b"Upgrade: websocket\r\nConnection: Upgrade\r\n"
    request = b"POST /legacy/ HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n" + upgrade + b"\r\nabc"
    answers = await send_raw(
        client.server, request + b"GET /-/healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
    )
    assert statuses(answers) == [401, 200]
