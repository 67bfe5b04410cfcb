"""No secret and no made-up line in the log, wherever a client puts it. The log is what `wheelyard serve` writes."""

import base64
import io
from collections.abc import Iterator

import pytest

from support.access import PUBLISHER
from support.http import Client
from support.logs import collected
from support.serving import send_raw, statuses
from wheelyard_server.web.telemetry.logs import LineFormatter

BASIC = base64.b64encode(f"__token__:{PUBLISHER}".encode()).decode()
INJECTED = "INFO wheelyard_server.app: injected"


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    with collected(LineFormatter()) as lines:
        yield lines


def request(line: str, *headers: str, body: str = "") -> bytes:
    length = [f"Content-Length: {len(body.encode())}"] if body else []
    return "\r\n".join([f"{line} HTTP/1.1", "Host: a", *headers, *length, "Connection: close", "", body]).encode()


def form(name: str, filename: str) -> bytes:
    fields = {":action": "file_upload", "name": name, "version": name, "filetype": name}
    parts = [
        f'--b\r\nContent-Disposition: form-data; name="{key}"\r\n\r\n{value}\r\n' for key, value in fields.items()
    ]
    file = f'--b\r\nContent-Disposition: form-data; name="content"; filename="{filename}"\r\n\r\nabc\r\n--b--\r\n'
    login = f"Authorization: Basic {BASIC}"
    return request(
        "POST /legacy/", login, "Content-Type: multipart/form-data; boundary=b", body="".join([*parts, file])
    )


PLACES = {
    "basic": request("GET /simple/", f"Authorization: Basic {BASIC}"),
    "bearer": request("GET /simple/", f"Authorization: Bearer {PUBLISHER}"),
    "bearer where basic is said": request("GET /simple/", f"Authorization: Basic {PUBLISHER}"),
    "an unknown scheme": request("GET /simple/", f"Authorization: {PUBLISHER}"),
    "another header": request("GET /simple/", f"X-Token: {PUBLISHER}", f"Referer: http://a/{PUBLISHER}"),
    "the user of the URL": request(f"GET http://__token__:{PUBLISHER}@a/simple/demo/"),
    "the query": request(f"GET /simple/?token={PUBLISHER}"),
    "the path": request(f"GET /simple/{PUBLISHER}/"),
    "the path, as a file": request(f"GET /files/demo/{PUBLISHER}/{PUBLISHER}"),
    "an odd path": request(f"GET /simple/..%2f{PUBLISHER}"),
    "a path of the API": request(f"DELETE /api/v1/projects/{PUBLISHER}"),
    "the host": request("GET /simple/").replace(b"Host: a", f"Host: {PUBLISHER}@a".encode()),
    "the method": request(f"{PUBLISHER} /simple/"),
    "a header without a colon": request("GET /simple/", f"Authorization {PUBLISHER}"),
    "a header with a NUL": request("GET /simple/", f"Authorization: Bearer {PUBLISHER}\x00"),
    "a folded header": request("GET /simple/", "Authorization: Bearer", f" {PUBLISHER}"),
    "a header twice": request("GET /simple/", f"Host: {PUBLISHER}"),
    "a field of the form": form(PUBLISHER, "demo-1.0-py3-none-any.whl"),
    "the name of the file": form("demo", PUBLISHER),
    "the name of a form's part": form("demo", f'x"; {PUBLISHER}="'),
    "the body of a call": request(
        "PUT /api/v1/projects/demo/status",
        "Content-Type: application/json",
        f"Authorization: Basic {BASIC}",
        body=f'{{"status": "{PUBLISHER}"}}',
    ),
}


@pytest.mark.parametrize("sent", PLACES.values(), ids=PLACES.keys())
async def test_a_token_is_never_in_the_log(client: Client, log: io.StringIO, sent: bytes) -> None:
    assert PUBLISHER.encode() in sent or BASIC.encode() in sent
    answer = await send_raw(client.server, sent)
    assert statuses(answer)[0] < 500
    assert "aiohttp.access" in log.getvalue()
    for secret in (PUBLISHER, PUBLISHER[-20:], BASIC):
        assert secret not in log.getvalue()


async def test_the_access_log_has_no_query(client: Client, log: io.StringIO) -> None:
    await send_raw(client.server, request("GET /simple/?password=hunter2"))
    assert '"GET /simple/" ' in log.getvalue()
    assert "hunter2" not in log.getvalue()


@pytest.mark.parametrize(
    "sent",
    [
        request(f"GET /simple/a%0d%0a2026-01-01%20{INJECTED.replace(' ', '%20')}/"),
        request(f"GET /simple/a%e2%80%a8{INJECTED.replace(' ', '%20')}/"),
        request("GET /simple/%1b%5b2J/"),
        request("GET /simple/%e2%80%aex/"),
        form(f"demo\r\n{INJECTED}", f"demo\x1b[2J\r\n{INJECTED}.whl"),
        form(f"demo\n{INJECTED}\x1b[2J", "demo-1.0-py3-none-any.whl"),
    ],
)
async def test_no_client_can_write_a_log_line(client: Client, log: io.StringIO, sent: bytes) -> None:
    await send_raw(client.server, sent)
    lines = log.getvalue().splitlines()
    assert lines
    assert all(line[:2] == "20" and line.isprintable() for line in lines)
