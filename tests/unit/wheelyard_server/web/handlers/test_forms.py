import asyncio
import hashlib
import logging
from collections.abc import AsyncIterator
from contextlib import ExitStack
from pathlib import Path

import aiohttp
import pytest
from aiohttp.test_utils import make_mocked_request

from support import distributions
from support.access import PUBLISHER
from support.http import Client, auth, form
from wheelyard_server.catalog.scratch import Scratch
from wheelyard_server.errors import InvalidUploadError
from wheelyard_server.web.handlers import forms
from wheelyard_server.web.handlers.upload import FIELDS


@pytest.mark.parametrize("algorithm", ["md5", "sha256", "blake2_256", "blake2_512"])
async def test_a_digest_that_comes_after_the_file_counts_as_well(
    client: Client, tmp_path: Path, algorithm: str
) -> None:
    path = distributions.wheel(tmp_path)
    body = path.read_bytes()
    digests = {
        "md5": hashlib.md5(body, usedforsecurity=False).hexdigest(),
        "sha256": hashlib.sha256(body).hexdigest(),
        "blake2_256": hashlib.blake2b(body, digest_size=32).hexdigest(),
        "blake2_512": hashlib.blake2b(body).hexdigest(),
    }
    field = algorithm.replace("512", "256")  # distutils has no other.
    for digest, status in ((digests[algorithm][::-1], 400), (digests[algorithm], 200)):
        data = form(path, sha256_digest=None)
        data.add_field(f"{field}_digest", digest)
        answer = await client.post("/legacy/", data=data, headers=auth(PUBLISHER))
        assert answer.status == status
        assert status == 200 or algorithm in (answer.reason or "")


async def test_digests_in_capitals_are_the_same_digests(client: Client, tmp_path: Path) -> None:
    path = distributions.wheel(tmp_path)
    upper = hashlib.sha256(path.read_bytes()).hexdigest().upper()
    answer = await client.post("/legacy/", data=form(path, sha256_digest=upper), headers=auth(PUBLISHER))
    assert answer.status == 200


async def test_malformed_forms_are_refused(client: Client) -> None:
    for data, status in ((b"x", 415), ({"a": "b"}, 415)):
        assert (await client.post("/legacy/", data=data, headers=auth(PUBLISHER))).status == status
    without_file = aiohttp.FormData({":action": "file_upload"}, default_to_multipart=True)
    answer = await client.post("/legacy/", data=without_file, headers=auth(PUBLISHER))
    assert (answer.status, answer.reason) == (400, "The form has no file in a field `content`")


async def test_other_fields_of_a_form_are_counted_and_not_kept(client: Client, tmp_path: Path) -> None:
    data = form(distributions.wheel(tmp_path))
    for number in range(2200):
        data.add_field(f"field-{number}-{'x' * 4000}", "")
    answer = await client.post("/legacy/", data=data, headers=auth(PUBLISHER))
    assert (answer.status, answer.reason) == (400, "The form's fields are larger than 8388608 bytes together")


@pytest.mark.filterwarnings("ignore:Sending a large body")
@pytest.mark.parametrize("field", sorted(FIELDS))
async def test_a_field_of_a_form_is_bounded_and_not_echoed(
    client: Client, tmp_path: Path, field: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    size = FIELDS[field] + 1
    data = form(distributions.wheel(tmp_path), **{field: "x" * size})
    answer = await client.post("/legacy/", data=data, headers=auth(PUBLISHER))
    assert (answer.status, answer.reason) == (400, f"The form's field {field} is larger than {size - 1} bytes")
    assert max(len(record.getMessage()) for record in caplog.records) < 1000


@pytest.mark.filterwarnings("ignore:Sending a large body")
@pytest.mark.parametrize("field", sorted(FIELDS))
async def test_a_refusal_quotes_only_the_beginning_of_a_field(
    client: Client, tmp_path: Path, field: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    data = form(distributions.wheel(tmp_path), **{field: "\u00e9" * (FIELDS[field] // 2)})
    answer = await client.post("/legacy/", data=data, headers=auth(PUBLISHER))
    assert answer.status == 400
    assert len(await answer.text()) <= 301
    assert max(len(record.getMessage()) for record in caplog.records) < 1000


class _Body:
    """Bytes that came all at once."""

    def __init__(self, body: bytes) -> None:
        self.total_bytes = len(body)
        self._body = body

    async def iter_any(self) -> AsyncIterator[bytes]:
        yield self._body


async def test_a_form_of_many_parts_lets_others_have_their_turn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    turns: list[float] = []

    async def turn(seconds: float) -> None:
        turns.append(seconds)

    monkeypatch.setattr(asyncio, "sleep", turn)
    part = b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n\r\n'
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    request = make_mocked_request("POST", "/", headers, payload=_Body(part * 1000 + b"--x--\r\n"))  # type: ignore[arg-type]
    with ExitStack() as stack, pytest.raises(InvalidUploadError, match="no file"):
        await forms.receive(request, FIELDS, Scratch(tmp_path / "scratch", 1000), stack)
    assert len(turns) == 1000 // forms.PARTS_AT_ONCE


@pytest.mark.parametrize("ending", [b"\r\n", b"\n"], ids=["twine", "setup.py"])
async def test_a_registration_is_not_needed(client: Client, ending: bytes) -> None:
    fields = {":action": "submit", "name": "demo", "version": "1.0"}
    parts = (
        b'--b%bContent-Disposition: form-data; name="%b"%b%b' % (ending, name.encode(), ending * 2, value.encode())
        for name, value in fields.items()
    )
    body = (b"" if ending == b"\r\n" else ending) + ending.join(parts) + ending + b"--b--" + ending
    headers = {"Content-Type": "multipart/form-data; boundary=b", **auth(PUBLISHER)}
    answer = await client.post("/legacy/", data=body, headers=headers)
    assert (answer.status, answer.reason) == (
        410,
        "Registration is not needed: the first upload creates the project",
    )
