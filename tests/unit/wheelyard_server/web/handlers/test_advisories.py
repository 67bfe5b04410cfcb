"""Advisories by the management API: loading, accepting, and the permission for both."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from support import osv
from support.access import ACCESS, NOBODY, OWNER, PUBLISHER, READER
from support.http import Client, auth
from support.memory_storage import MemoryStorage
from support.osv_feed import many
from wheelyard_server.access.access_file import AccessFile
from wheelyard_server.access.rules import Grant, Verb
from wheelyard_server.feed import exports
from wheelyard_server.settings import Settings
from wheelyard_server.web.handlers import advisories

ZIP = {"Content-Type": "application/zip"}


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Let only the user of OWNER manage the whole index, and that of PUBLISHER a part of it."""
    others = tuple(grant for grant in ACCESS.grants if Verb.MANAGE not in grant.verbs)
    team = Grant(subjects=("authenticated",), verbs=(Verb.MANAGE,), packages=("team-*",))
    whole = Grant(subjects=("user:team.owner",), verbs=(Verb.MANAGE,))
    file: AccessFile = msgspec.structs.replace(ACCESS, grants=(*others, team, whole))
    settings.access_file.write_bytes(msgspec.yaml.encode(file))
    return settings


async def load(client: Client, body: bytes, token: str = OWNER, query: str = "", **headers: str) -> tuple[int, Any]:
    sent = {**auth(token), **ZIP, **headers}
    answer = await client.put(f"/api/v1/advisories{query}", data=body, headers=sent)
    return answer.status, await answer.json(content_type=None)


async def test_an_export_is_loaded_and_shown(client: Client) -> None:
    status, state = await load(client, osv.export(osv.odd_records()))
    assert status == 200
    assert (state["state"], state["records"], state["malware"]) == ("InForce", 9, 5)
    assert state["source"].startswith("loaded by ")
    shown = await (await client.get("/api/v1/advisories", headers=auth(OWNER))).json()
    assert {**shown, "age": 0} == {**state, "age": 0}


async def test_an_export_that_lacks_much_waits_until_it_is_accepted(client: Client) -> None:
    records = list(many(50))
    await load(client, osv.export(records))
    _, state = await load(client, osv.export(records[:10]))
    assert state["waiting"]["reason"] == "it has 10 records, after 50"
    assert state["records"] == 50
    answer = await client.post("/api/v1/advisories/accept", headers=auth(OWNER))
    assert (await answer.json())["waiting"] is None
    _, state = await load(client, osv.export(records[:10]))
    assert (state["waiting"], state["records"]) == (None, 10)


async def test_a_person_may_load_what_lacks_much_at_once(client: Client) -> None:
    records = list(many(50))
    await load(client, osv.export(records))
    _, state = await load(client, osv.export(records[:10]), query="?accept=true")
    assert (state["waiting"], state["records"]) == (None, 10)


async def test_nothing_that_waits_cannot_be_accepted(client: Client) -> None:
    answer = await client.post("/api/v1/advisories/accept", headers=auth(OWNER))
    assert answer.status == 409
    assert (await answer.json(content_type=None))["detail"].startswith("Nothing waits")


@pytest.mark.parametrize("token", [NOBODY, READER, PUBLISHER])
async def test_only_a_manager_of_the_whole_index_may_change_or_see_them(client: Client, token: str) -> None:
    """A manager of some projects could otherwise block, or unblock, those of all others."""
    status, problem = await load(client, osv.export(osv.odd_records()), token)
    assert status == 403
    assert "no permission to manage all projects" in problem["detail"]
    assert (await client.get("/api/v1/advisories", headers=auth(token))).status == 403
    assert (await client.post("/api/v1/advisories/accept", headers=auth(token))).status == 403


async def test_an_anonymous_client_must_log_in(client: Client) -> None:
    assert (await client.put("/api/v1/advisories", data=b"x", headers=ZIP)).status == 401


async def test_what_is_no_export_is_refused_and_changes_nothing(client: Client, storage: MemoryStorage) -> None:
    status, problem = await load(client, b"<html>")
    assert status == 400
    assert problem["detail"].startswith("The archive has an export that is not a whole zip archive")
    assert not any(key.startswith("advisories/") for key in storage.objects)


@pytest.mark.parametrize("headers", [{"Content-Type": "text/plain"}, {"Content-Encoding": "gzip"}])
async def test_only_a_zip_archive_is_read(client: Client, headers: dict[str, str]) -> None:
    answer = await client.put("/api/v1/advisories", data=b"x", headers={**auth(OWNER), **ZIP, **headers})
    assert answer.status == 415


async def test_a_huge_archive_is_refused_before_and_while_it_is_read(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(advisories, "MAX_EXPORT_BYTES", 1000)
    assert (await load(client, b"x" * 1001))[0] == 413

    async def endless() -> Any:
        for _ in range(2000):
            yield b"x" * 100

    answer = await client.put("/api/v1/advisories", data=endless(), headers={**auth(OWNER), **ZIP})
    assert answer.status == 413
    assert exports.MAX_EXPORT_BYTES > 1000


async def test_an_archive_leaves_nothing_in_the_scratch_folder(client: Client, settings: Settings) -> None:
    await load(client, osv.export(osv.odd_records()))
    assert list(Path(settings.scratch_folder).iterdir()) == []
