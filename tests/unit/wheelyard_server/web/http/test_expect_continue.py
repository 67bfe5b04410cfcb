"""`Expect: 100-continue`: no byte of a body is asked for before it is wanted."""

import asyncio
import base64
from contextlib import ExitStack
from pathlib import Path

import pytest

from support import distributions
from support.access import NOBODY, PUBLISHER
from support.conversation import converse, served
from support.http import Client, form
from support.serving import statuses
from wheelyard_server.settings import Limits
from wheelyard_server.web.context import ADMISSION


def head(
    token: str, length: int, *, expect: str = "100-continue", content_type: str = "multipart/form-data"
) -> bytes:
    login = base64.b64encode(f"__token__:{token}".encode()).decode()
    lines = [
        "POST /legacy/ HTTP/1.1",
        "Host: a",
        f"Authorization: Basic {login}",
        f"Content-Type: {content_type}",
        f"Content-Length: {length}",
        f"Expect: {expect}",
    ]
    return "\r\n".join([*lines, "", ""]).encode()


@pytest.mark.parametrize(
    ("request_head", "status"),
    [
        (head("wrong", 1000), 401),
        (head(NOBODY, 1000), 403),
        (head(PUBLISHER, 1000, content_type="text/plain"), 415),
        (head(PUBLISHER, 10**12), 413),
        (head(PUBLISHER, 1000, expect="a-miracle"), 417),
    ],
)
async def test_a_refused_upload_gets_no_100_continue(client: Client, request_head: bytes, status: int) -> None:
    answer = await converse(served(client), [request_head])
    assert statuses(answer) == [status]
    assert b"Connection: close" in answer


async def test_no_body_is_requested_while_there_is_no_space(client: Client) -> None:
    with ExitStack() as running:
        for _ in range(Limits().uploads):
            running.enter_context(client.server.app[ADMISSION].admit(1))  # type: ignore[attr-defined]
        answer = await converse(served(client), [head(PUBLISHER, 1000)])
    assert statuses(answer) == [503]
    assert b"Retry-After: " in answer


async def test_an_accepted_upload_gets_100_continue_and_then_its_answer(client: Client, tmp_path: Path) -> None:
    filled = form(distributions.wheel(tmp_path))()
    body = await filled.as_bytes()
    reader, writer = await asyncio.open_connection(client.server.host, client.server.port)
    writer.write(head(PUBLISHER, len(body), content_type=filled.content_type))
    assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
    writer.write(body)
    answer = await reader.readuntil(b"\r\n\r\n")
    assert statuses(answer) == [200]
    assert b"Connection: close" not in answer
    writer.close()
