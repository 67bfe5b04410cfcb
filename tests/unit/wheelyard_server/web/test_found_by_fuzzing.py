"""Requests that `python -m fuzz.requests` found: each was a 500 once, or a line past the log."""

import pytest

from support.access import PUBLISHER
from support.http import Client, auth
from support.serving import send_raw, statuses

FORM = {"Content-Type": "multipart/form-data; boundary=b", **auth(PUBLISHER)}


@pytest.mark.parametrize("credentials", [b"Basic \x94", b"Basic \xc3\xa4", b"Bearer \xff", b"\xff"])
async def test_credentials_that_are_no_ascii_are_not_valid(client: Client, credentials: bytes) -> None:
    request = (
        b"GET /simple/ HTTP/1.1\r\nHost: a\r\nConnection: close\r\nAuthorization: " + credentials + b"\r\n\r\n"
    )
    assert statuses(await send_raw(client.server, request)) == [401]


@pytest.mark.parametrize(
    "part",
    [
        b'Content-Disposition: form-data; name="a\x02"',
        b'Content-Disposition: form-data; name"content"',
        b'Content-Disposition: \xc2form-data; name="version"',
        b"Content-Disposition: form-data; name=a; name=b",
        b'Content-Disposition: form-data; name="content"; filename*=x',
        b"X: " + b"a" * 100_000,
        b"no colon",
    ],
)
async def test_a_part_whose_headers_are_damaged_is_refused_with_a_reason(client: Client, part: bytes) -> None:
    body = b"--b\r\n" + part + b"\r\n\r\nx\r\n--b--\r\n"
    answer = await client.post("/legacy/", data=body, headers=FORM)
    assert answer.status == 400
    assert (answer.reason or "").startswith(("The form ", "The filename "))


async def test_json_that_is_no_utf8_is_not_as_described(client: Client) -> None:
    headers = {"Content-Type": "application/json", **auth(PUBLISHER)}
    answer = await client.put("/api/v1/projects/demo/status", data=b'{"sta\xdeus": 1}', headers=headers)
    assert answer.status == 400
    assert "does not match its schema" in (await answer.json())["detail"]
