"""Findings: files with harmless faults are accepted and marked; an index may refuse them."""

import zipfile
from pathlib import Path

import msgspec
import pytest

from support import distributions
from support.access import OWNER, PUBLISHER
from support.http import Client, auth, form
from support.memory_storage import MemoryStorage
from support.zip_writer import zip_file
from wheelyard_server.maintenance.events import Event, Finding, Marked
from wheelyard_server.maintenance.verify import StorageVerifier
from wheelyard_server.settings import Accept, Settings, Uploads

NAME = "demo-1.0-py3-none-any.whl"
JSON = {"Accept": "application/vnd.pypi.simple.v1+json"}
MESSAGE = (
    "The tags of the filename and of the WHEEL file differ in 'py2-none-any':"
    " build the wheel again, or rename it with 'wheel tags'"
)
FOUND = [{"rule": "wheel-tags", "message": MESSAGE}]


def renamed(folder: Path) -> Path:
    """Make a wheel whose WHEEL file has the tags of another."""
    path = folder / NAME
    path.write_bytes(zip_file(distributions.with_record(distributions.wheel_files(tag="py2.py3-none-any"))))
    return path


async def test_findings_are_in_document_api_and_pages(
    client: Client, storage: MemoryStorage, tmp_path: Path
) -> None:
    answer = await client.post("/legacy/", data=form(renamed(tmp_path)), headers=auth(PUBLISHER))
    assert answer.status == 200
    document = msgspec.json.decode(storage.objects["projects/demo.json"])
    assert document["files"][0]["findings"] == FOUND
    api = await (await client.get("/api/v1/projects/demo", headers=auth(OWNER))).json()
    assert api["files"][0]["findings"] == FOUND
    page = await (await client.get("/simple/demo/", headers=JSON)).json(content_type=None)
    assert page["files"][0]["_findings"] == FOUND
    text = await (await client.get("/simple/demo/")).text()
    assert "</a> <small>wheel-tags: The tags of the filename" in text
    assert "&#39;py2-none-any&#39;" in text


async def test_a_well_formed_file_has_no_findings(client: Client, tmp_path: Path) -> None:
    made = distributions.wheel(tmp_path)
    assert (await client.post("/legacy/", data=form(made), headers=auth(PUBLISHER))).status == 200
    api = await (await client.get("/api/v1/projects/demo", headers=auth(OWNER))).json()
    assert api["files"][0]["findings"] == []
    page = await (await client.get("/simple/demo/", headers=JSON)).json(content_type=None)
    assert "_findings" not in page["files"][0]
    assert "<small>" not in await (await client.get("/simple/demo/")).text()


async def test_verify_names_findings_which_are_no_problem(
    client: Client, storage: MemoryStorage, tmp_path: Path
) -> None:
    await client.post("/legacy/", data=form(renamed(tmp_path)), headers=auth(PUBLISHER))
    events: list[Event] = []
    await StorageVerifier(storage, events.append).run()
    (marked,) = [each for each in events if isinstance(each, Marked)]
    assert marked.key.endswith(NAME)
    assert marked.text == f"{marked.key}: wheel-tags: {MESSAGE}"
    assert not [each for each in events if isinstance(each, Finding) and each.key != "wheelyard.json"]
    assert not marked.is_problem


class TestWellFormed:
    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return msgspec.structs.replace(settings, uploads=Uploads(accept=Accept.WELL_FORMED))

    async def test_an_index_for_well_formed_files_refuses_others_with_the_reason(
        self, client: Client, storage: MemoryStorage, tmp_path: Path
    ) -> None:
        answer = await client.post("/legacy/", data=form(renamed(tmp_path)), headers=auth(PUBLISHER))
        assert answer.status == 400
        assert answer.reason == f"{MESSAGE} (wheel-tags; this index accepts only well-formed files)"
        assert not storage.objects


async def test_deceptive_files_are_refused_in_any_case(client: Client, tmp_path: Path) -> None:
    path = distributions.wheel(tmp_path)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("../climbing.py", "")
    answer = await client.post("/legacy/", data=form(path), headers=auth(PUBLISHER))
    assert answer.status == 400
    assert "leads out" in str(answer.reason)


async def test_findings_are_refused_while_an_older_server_would_lose_them(
    client: Client, storage: MemoryStorage, tmp_path: Path
) -> None:
    storage.objects["wheelyard.json"] = b'{"format":1,"index":null}'
    refused = await client.post("/legacy/", data=form(renamed(tmp_path)), headers=auth(PUBLISHER))
    assert refused.status == 400
    assert "the WHEEL file differ" in await refused.text()
    assert "once all servers of this index have been upgraded" in await refused.text()
    assert "projects/demo.json" not in storage.objects
    storage.objects["wheelyard.json"] = b'{"format":2,"index":null}'
    taken = await client.post("/legacy/", data=form(renamed(tmp_path)), headers=auth(PUBLISHER))
    assert taken.status == 200
