"""What can be counted: requests to the storage, and renderings. It is the same on every machine."""

import asyncio
import gzip
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec
import pytest
from aiohttp.test_utils import TestClient, TestServer

from support import distributions
from support.access import PUBLISHER
from support.attestations import attested
from support.conversation import has_a_request, served
from support.http import Client, auth, form
from support.memory_storage import MemoryStorage
from support.patience import let_tasks_run, until
from wheelyard_server import app, serving
from wheelyard_server.settings import Cache, Freshness, Settings
from wheelyard_server.storage import Document, ETag
from wheelyard_server.web.handlers import json_api
from wheelyard_server.web.http.lifecycle import LIFECYCLE
from wheelyard_server.web.pages import simple_pages
from wheelyard_server.web.pages.negotiation import MediaType
from wheelyard_server.web.pages.representation import Representation

DOCUMENT = "projects/demo.json"
GZIP = {"Accept-Encoding": "gzip"}


@pytest.fixture(params=[True, False], ids=["fast lane", "aiohttp"])
def settings(settings: Settings, request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    performance = msgspec.structs.replace(settings.performance, fast_lane=request.param)
    return msgspec.structs.replace(settings, performance=performance, cache=Cache(folder=tmp_path / "cache"))


@pytest.fixture
def question(settings: Settings) -> str:
    """Return the call by which the storage is asked whether a document has changed."""
    return f"is_unchanged {DOCUMENT}" if settings.performance.fast_lane else f"read {DOCUMENT}"


@pytest.fixture
async def file(client: Client, tmp_path: Path) -> str:
    """Publish a file, and ask for all there is of it twice; return its path."""
    path = distributions.wheel(tmp_path)
    await client.post("/legacy/", data=form(path), headers=auth(PUBLISHER))
    page = await (await client.get("/simple/demo/", headers={"Accept": MediaType.JSON_V1})).json(content_type=None)
    url = f"/files/demo/{page['files'][0]['hashes']['sha256']}/{path.name}"
    for each in ("/simple/demo/", url, f"{url}.metadata") * 2:
        await (await client.get(each, headers=GZIP)).read()
    return url


async def calls_of(client: Client, storage: MemoryStorage, path: str) -> list[str]:
    storage.calls.clear()
    assert (await client.get(path, headers=GZIP)).status == 200
    return list(storage.calls)


@pytest.mark.usefixtures("file")
async def test_however_many_wait_for_a_page_they_cost_one_question(
    client: Client, storage: MemoryStorage, question: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    may_answer, read, is_unchanged = asyncio.Event(), storage.read, storage.is_unchanged
    waiting: list[str] = []

    async def read_slowly(key: str, *, if_none_match: ETag | None = None) -> Document:
        waiting.append(key)
        await may_answer.wait()
        return await read(key, if_none_match=if_none_match)

    async def hold_slowly(key: str, if_none_match: ETag) -> bool:
        waiting.append(key)
        await may_answer.wait()
        return await is_unchanged(key, if_none_match)

    monkeypatch.setattr(storage, "read", read_slowly)
    monkeypatch.setattr(storage, "is_unchanged", hold_slowly)
    storage.calls.clear()
    first = asyncio.create_task(client.get("/simple/demo/", headers=GZIP))
    await until(lambda: waiting)
    others = [asyncio.create_task(client.get("/simple/demo/", headers=GZIP)) for _ in range(50)]
    await until(lambda: len([each for each in served(client).connections if has_a_request(each)]) == 51)
    await let_tasks_run()
    may_answer.set()
    assert {answer.status for answer in await asyncio.gather(first, *others)} == {200}
    # One that was under way, which may be older than the others, and one for all of those.
    assert storage.calls == [question] * 2


async def test_a_file_that_is_here_costs_the_one_question_whether_it_is_still_offered(
    client: Client, file: str, storage: MemoryStorage, question: str
) -> None:
    for path in ("/simple/demo/", file, f"{file}.metadata"):
        assert await calls_of(client, storage, path) == [question]


class TestWithFreshness:
    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return msgspec.structs.replace(settings, freshness=Freshness(fresh_seconds=60))

    async def test_hot_pages_and_files_cost_no_request_at_all(
        self, client: Client, file: str, storage: MemoryStorage
    ) -> None:
        for path in ("/simple/demo/", file, f"{file}.metadata"):
            assert await calls_of(client, storage, path) == []


@pytest.mark.usefixtures("file")
async def test_a_client_with_the_page_costs_no_rendering_and_no_compressing(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    etag = (await client.get("/simple/demo/", headers=GZIP)).headers["ETag"]

    def fail(*_arguments: object, **_named: object) -> None:
        raise AssertionError

    monkeypatch.setattr(simple_pages, "project_page", fail)
    monkeypatch.setattr(Representation, "body_in", fail)
    assert (await client.get("/simple/demo/", headers={**GZIP, "If-None-Match": etag})).status == 304


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Note what is rendered."""
    made: list[str] = []

    def note(module: ModuleType, name: str) -> None:
        render = getattr(module, name)

        def noted(*arguments: Any, **named: Any) -> Any:
            made.append(name)
            return render(*arguments, **named)

        monkeypatch.setattr(module, name, noted)

    note(simple_pages, "project_page")
    note(simple_pages, "filenames_page")
    note(json_api, "_body")
    return made


@pytest.mark.usefixtures("file")
@pytest.mark.parametrize("path", ["/pypi/demo/json", "/pypi/demo/1.0/json", "/legacy/+simple/demo/"])
async def test_a_description_is_made_once_for_each_revision(
    client: Client, tmp_path: Path, made: list[str], path: str
) -> None:
    for host in ("a.example", "b.example", "a.example"):
        answers = [await client.get(path, headers={**GZIP, "Host": host}) for _ in range(3)]
        assert {answer.status for answer in answers} == {200}
        bodies = {gzip.decompress(await answer.read()) for answer in answers}
        assert len(bodies) == 1
        assert (f"http://{host}/".encode() in next(iter(bodies))) is path.startswith("/pypi/")
    assert len(made) == 1
    etag = answers[0].headers["ETag"]
    await client.post("/legacy/", data=form(distributions.sdist(tmp_path)), headers=auth(PUBLISHER))
    assert (await client.get(path, headers={**GZIP, "If-None-Match": etag, "Host": "a.example"})).status == 200
    assert len(made) == 2


@pytest.mark.usefixtures("file")
@pytest.mark.parametrize("path", ["/pypi/demo/json", "/pypi/demo/1.0/json"])
async def test_a_replica_answers_304_without_rendering_the_page(
    client: Client, settings: Settings, storage: MemoryStorage, made: list[str], path: str
) -> None:
    headers = {**GZIP, "Host": "a.example"}
    etag = (await client.get(path, headers=headers)).headers["ETag"]
    made.clear()
    replica = app.build(settings, storage)
    replica[LIFECYCLE].started = True
    async with TestClient(TestServer(replica)) as other:
        assert (await other.get(path, headers={**headers, "If-None-Match": etag})).status == 304
        assert made == []
        assert (await other.get(path, headers={**GZIP, "Host": "b.example", "If-None-Match": etag})).status == 200


async def test_pages_with_provenance_are_made_once_whatever_origin_clients_say(
    client: Client, tmp_path: Path, made: list[str]
) -> None:
    path = distributions.wheel(tmp_path)
    await client.post("/legacy/", data=form(path, attestations=attested(path)), headers=auth(PUBLISHER))
    for number in range(20):
        headers = {**GZIP, "Host": f"{number}.example", "Accept": MediaType.JSON_V1}
        page = await (await client.get("/simple/demo/", headers=headers)).read()
        assert f"http://{number}.example/files/demo/".encode() in gzip.decompress(page)
    assert made == ["project_page"]


async def test_a_start_lists_nothing_and_reads_no_document(settings: Settings, storage: MemoryStorage) -> None:
    application = app.build(settings, storage)
    await serving._started_or_stopped(application, storage, "packages/main", serving._Stop())
    assert application[LIFECYCLE].started
    assert not [call for call in storage.calls if call.startswith("list") or "projects/" in call]
