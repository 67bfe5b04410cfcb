import os
from collections.abc import AsyncIterator
from io import FileIO
from pathlib import Path

import pytest
from aiohttp import ClientError, web
from aiohttp.test_utils import TestClient, TestServer

from support.http import Client
from wheelyard_server.errors import (
    Refusal,
    RefusedFileError,
    StorageUnavailableError,
    UpstreamAnswerError,
    WheelyardError,
)
from wheelyard_server.web.error_statuses import errors_as_responses
from wheelyard_server.web.http.sending import MAX_SMALL_BYTES, Body, send


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[Client]:
    """Serve `/<size>/<end>`: a file of zeros of this size, up to `end`."""
    opened: list[FileIO] = []

    async def serve(request: web.Request) -> web.StreamResponse:
        path = tmp_path / "file"
        path.touch()
        os.truncate(path, int(request.match_info["size"]))
        opened.append(FileIO(path))
        body = Body(opened[-1], 0, int(request.match_info["end"]), lambda: None)
        return await send(request, web.StreamResponse(), body)

    app = web.Application(middlewares=[errors_as_responses])
    app.router.add_get("/{size}/{end}", serve)
    async with TestClient(TestServer(app)) as client:
        yield client
    assert all(file.closed for file in opened)


@pytest.mark.parametrize("size", [0, 1, MAX_SMALL_BYTES, MAX_SMALL_BYTES + 1, 10 * MAX_SMALL_BYTES])
async def test_a_file_arrives_whole_and_the_connection_serves_the_next(client: Client, size: int) -> None:
    for _ in range(3):
        answer = await client.get(f"/{size}/{size}")
        assert (answer.status, await answer.read()) == (200, bytes(size))


async def test_a_small_file_that_became_shorter_is_an_error(client: Client) -> None:
    assert (await client.get("/10/11")).status == 503


async def test_a_large_file_that_became_shorter_is_cut_off(client: Client) -> None:
    answer = await client.get(f"/{2 * MAX_SMALL_BYTES}/{2 * MAX_SMALL_BYTES + 1}")
    with pytest.raises(ClientError):
        await answer.read()


async def test_a_client_that_goes_away_is_no_error(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    size = 50_000_000
    answer = await client.get(f"/{size}/{size}")
    await answer.content.readexactly(1000)
    answer.close()
    assert (await client.get("/1/1")).status == 200
    assert not [record for record in caplog.records if record.levelname in ("WARNING", "ERROR")]


@pytest.mark.parametrize(
    "error",
    [
        UpstreamAnswerError("pypi", "sent other bytes"),
        RefusedFileError("demo is denied", Refusal("demo", "deny")),
        StorageUnavailableError("key", "is slow"),
    ],
)
async def test_a_stream_that_fails_or_is_refused_at_its_end_is_cut_off(error: WheelyardError) -> None:
    """The answer to the error must not follow in the place of the last bytes."""

    async def chunks() -> AsyncIterator[bytes]:
        yield bytes(1000)
        raise error

    async def serve(request: web.Request) -> web.StreamResponse:
        return await send(request, web.StreamResponse(), Body(chunks(), 0, 2000, lambda: None))

    app = web.Application(middlewares=[errors_as_responses])
    app.router.add_get("/", serve)
    async with TestClient(TestServer(app)) as client:
        answer = await client.get("/")
        with pytest.raises(ClientError):
            await answer.read()
