import asyncio
import hashlib
import logging
from collections.abc import AsyncIterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp.test_utils import make_mocked_request

from support import distributions
from support.access import NOBODY, PUBLISHER, READER
from support.conversation import served
from support.http import Client, auth, form
from support.memory_storage import Fault, MemoryStorage
from support.patience import until
from wheelyard_server.access.access_file import AccessFile
from wheelyard_server.access.reloading import access_of
from wheelyard_server.app import ACCESS
from wheelyard_server.catalog.scratch import Scratch
from wheelyard_server.errors import InvalidUploadError
from wheelyard_server.web.handlers import forms
from wheelyard_server.web.handlers.upload import FIELDS


@pytest.mark.parametrize("path", ["/legacy/", "/legacy", "/", "/simple/", "/simple", "/pypi/", "/pypi"])
async def test_every_upload_url_takes_a_file(client: Client, tmp_path: Path, path: str) -> None:
    for made in (distributions.wheel(tmp_path), distributions.sdist(tmp_path)):
        answer = await client.post(path, data=form(made), headers=auth(PUBLISHER))
        assert answer.status == 200
    page = await (await client.get("/simple/demo/")).text()
    assert "demo-1.0.tar.gz" in page


async def test_the_same_bytes_again_are_200_and_others_409(client: Client, tmp_path: Path) -> None:
    for _ in range(2):
        data = form(distributions.wheel(tmp_path))
        assert (await client.post("/legacy/", data=data, headers=auth(PUBLISHER))).status == 200
    data = form(distributions.wheel(tmp_path, module="x = 1"))
    answer = await client.post("/legacy/", data=data, headers=auth(PUBLISHER))
    assert answer.status == 409
    assert answer.reason is not None
    assert answer.reason.startswith("File already exists")


@pytest.mark.parametrize(
    ("name", "token", "status"),
    [
        ("demo", None, 401),
        ("demo", NOBODY, 403),
        ("demo", READER, 403),
        ("other", PUBLISHER, 403),
        ("secret_b", PUBLISHER, 200),
    ],
)
async def test_publish_grants_decide_about_an_upload(
    client: Client, tmp_path: Path, name: str, token: str | None, status: int, storage: MemoryStorage
) -> None:
    data = form(distributions.wheel(tmp_path, name))
    answer = await client.post("/legacy/", data=data, headers=auth(token) if token else {})
    assert answer.status == status
    assert bool(storage.objects) == (status == 200)


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({":action": "doc_upload"}, "file_upload"),
        *(({field: None}, f"no field `{field}`") for field in (":action", "name", "version", "filetype")),
        ({"filetype": ""}, "no field `filetype`"),
        ({"name": "other"}, "not the project"),
        ({"version": "2.0"}, "version"),
        ({"filetype": "sdist"}, "bdist_wheel"),
        ({"sha256_digest": "0" * 64}, "sha256"),
        ({"md5_digest": "0" * 32}, "md5"),
        ({"blake2_256_digest": "0" * 64}, "blake2_256"),
        ({"blake2_256_digest": "0" * 128}, "blake2_512"),
    ],
)
async def test_a_form_that_disagrees_with_its_file_is_refused_with_the_reason(
    client: Client, tmp_path: Path, storage: MemoryStorage, changed: dict[str, Any], reason: str
) -> None:
    data = form(distributions.wheel(tmp_path), **changed)
    answer = await client.post("/legacy/", data=data, headers=auth(PUBLISHER))
    assert answer.status == 400
    assert reason in (answer.reason or "")
    assert storage.objects == {}


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


async def test_a_file_beyond_the_limit_is_413(client: Client, tmp_path: Path) -> None:
    path = tmp_path / "demo-1.0.tar.gz"
    path.write_bytes(bytes(200_001))
    answer = await client.post("/legacy/", data=form(path), headers=auth(PUBLISHER))
    assert answer.status == 413
    assert "200000" in (answer.reason or "")


async def test_metadata_beyond_the_limit_is_refused(client: Client, tmp_path: Path) -> None:
    path = distributions.wheel(tmp_path, extra=f"Summary: s\n\n{'long ' * 5000}\n")
    answer = await client.post("/legacy/", data=form(path), headers=auth(PUBLISHER))
    assert (answer.status, "METADATA" in (answer.reason or "")) == (400, True)


async def test_the_number_of_files_per_project_is_limited(client: Client, tmp_path: Path) -> None:
    for number in range(6):
        path = distributions.wheel(tmp_path, version=f"1.{number}")
        answer = await client.post("/legacy/", data=form(path), headers=auth(PUBLISHER))
        assert answer.status == (200 if number < 5 else 400), answer.reason
    assert answer.reason == "The project demo has 5 files, more are not taken"


async def test_malformed_forms_are_refused(client: Client) -> None:
    for data, status in ((b"x", 415), ({"a": "b"}, 415)):
        assert (await client.post("/legacy/", data=data, headers=auth(PUBLISHER))).status == status
    without_file = aiohttp.FormData({":action": "file_upload"}, default_to_multipart=True)
    answer = await client.post("/legacy/", data=without_file, headers=auth(PUBLISHER))
    assert (answer.status, answer.reason) == (400, "The form has no file in a field `content`")


async def test_scratch_space_is_empty_after_every_upload(
    client: Client, tmp_path: Path, storage: MemoryStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forms, "CHUNK_BYTES", 100)
    wheel = distributions.wheel(tmp_path)
    received: list[list[Path]] = []
    storage.before_call = lambda *_call: received.append(list((tmp_path / "scratch").iterdir()))
    assert (await client.post("/legacy/", data=form(wheel), headers=auth(PUBLISHER))).status == 200
    assert (await client.post("/legacy/", data=form(wheel, name="x"), headers=auth(PUBLISHER))).status == 400
    assert {len(files) for files in received} == {1}
    assert list((tmp_path / "scratch").iterdir()) == []


async def test_an_outage_is_503_and_the_retry_succeeds(
    client: Client, tmp_path: Path, storage: MemoryStorage
) -> None:
    storage.fail_at(2, Fault.LOST_REQUEST)
    path = distributions.wheel(tmp_path)
    assert (await client.post("/legacy/", data=form(path), headers=auth(PUBLISHER))).status == 503
    assert (await client.post("/legacy/", data=form(path), headers=auth(PUBLISHER))).status == 200


async def test_what_is_not_looked_at_in_a_form_is_not_kept_but_counted(client: Client, tmp_path: Path) -> None:
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
async def test_what_a_form_says_is_shown_in_short(
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


async def test_a_right_lost_during_an_upload_prevents_its_publication(client: Client, tmp_path: Path) -> None:
    assert client.app is not None
    rules = client.app[ACCESS]
    before = rules.access
    path = distributions.wheel(tmp_path)
    fields = {":action": "file_upload", "name": "demo", "version": "1.0", "filetype": "bdist_wheel"}
    head = "".join(
        f'--b\r\nContent-Disposition: form-data; name="{key}"\r\n\r\n{value}\r\n' for key, value in fields.items()
    )
    head += f'--b\r\nContent-Disposition: form-data; name="content"; filename="{path.name}"\r\n\r\n'

    async def slowly(revoke: bool) -> AsyncIterator[bytes]:  # noqa: FBT001
        yield head.encode() + path.read_bytes()
        await until(lambda: any(each.is_receiving_body for each in served(client).connections))
        if revoke:
            rules.access = access_of(AccessFile())
        yield b"\r\n--b--\r\n"

    headers = {**auth(PUBLISHER), "Content-Type": "multipart/form-data; boundary=b"}
    for revoke, status in ((True, 401), (False, 200)):
        assert (await client.post("/legacy/", data=slowly(revoke), headers=headers)).status == status
        rules.access = before
        assert (await client.get("/simple/demo/")).status == (404 if revoke else 200)


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
        "Nothing has to be registered: the first upload makes a project",
    )
