from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from support import distributions
from support.access import NOBODY, PUBLISHER, READER
from support.conversation import served
from support.http import Client, auth, form
from support.memory_storage import Fault, MemoryStorage
from support.patience import until
from wheelyard_server.access.access_file import AccessFile
from wheelyard_server.access.reloading import access_of
from wheelyard_server.app import ACCESS
from wheelyard_server.web.handlers import forms


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
    assert answer.reason == "The project demo has 5 files, which is the maximum"


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
