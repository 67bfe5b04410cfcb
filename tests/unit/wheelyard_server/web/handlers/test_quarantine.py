"""Quarantine by hand over HTTP: rights, what each user sees, and the audit log."""

import asyncio
import json
import logging
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest

from support import distributions
from support.access import ACCESS, OWNER, PUBLISHER, READER
from support.http import Client, auth, form
from support.memory_storage import MemoryStorage
from wheelyard_server.access.rules import Grant, Verb
from wheelyard_server.app import CATALOG, METRICS
from wheelyard_server.settings import Settings

EVERYTHING = Grant(subjects=("user:web.reader",), packages=("*",), verbs=(Verb.READ, Verb.MANAGE))
DEMO, DIGEST = "/projects/demo", f"/files/{'a' * 64}"


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Let the reader manage everything, and the owner demo and open-*."""
    access = msgspec.structs.replace(ACCESS, grants=(*ACCESS.grants, EVERYTHING))
    settings.access_file.write_bytes(msgspec.yaml.encode(access))
    return settings


@pytest.fixture
async def client(client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Client:
    """Return an index with demo 1.0, whose changes do not wait."""
    assert client.app is not None
    monkeypatch.setattr(client.app[CATALOG].quarantine, "_sleep", partial(asyncio.sleep, 0))
    await client.post("/legacy/", data=form(distributions.wheel(tmp_path)), headers=auth(PUBLISHER))
    return client


async def call(
    client: Client, method: str, path: str, *, token: str = READER, reason: str | None = None
) -> tuple[int, Any]:
    body: dict[str, Any] = {} if reason is None else {"json": {"reason": reason}}
    answer = await client.request(method, f"/api/v1/quarantine{path}", headers=auth(token), **body)
    return answer.status, await answer.json(content_type=None)


def counted(client: Client) -> float | None:
    assert client.app is not None
    return client.app[METRICS].registry.get_sample_value("wheelyard_quarantine_entries")


async def test_a_quarantined_project_has_no_page_and_no_file_until_it_is_lifted(client: Client) -> None:
    headers = {"Accept": "application/vnd.pypi.simple.v1+json"}
    (file,) = json.loads(await (await client.get("/simple/demo/", headers=headers)).read())["files"]
    url = file["url"].removeprefix("../..")
    for path, page in ((f"{DEMO}/versions/1.0", 200), (DEMO, 403)):
        status, answer = await call(client, "PUT", path, reason="alert 7")
        assert status == 200
        (entry,) = answer["entries"]
        assert (entry["by"], entry["reason"], entry["sha256"]) == ("web.reader", "alert 7", None)
        assert counted(client) == 1
        shown = await client.get("/simple/demo/", headers=headers)
        assert shown.status == page
        for each in (url, f"{url}.metadata"):
            refused = await client.get(each)
            assert refused.status == 403
            assert "quarantined since" in (refused.reason or "")
            assert refused.reason is not None
            assert ": alert 7" in refused.reason
            assert "web.reader" not in refused.reason
        assert (await call(client, "DELETE", path)) == (200, {"entries": []})
        assert (await client.get(url)).status == 200
        assert counted(client) == 0


async def test_an_upload_into_a_quarantined_version_is_refused(client: Client, tmp_path: Path) -> None:
    await call(client, "PUT", f"{DEMO}/versions/2.0", reason="leaked key")
    answer = await client.post(
        "/legacy/", data=form(distributions.wheel(tmp_path, version="2.0")), headers=auth(PUBLISHER)
    )
    assert (answer.status, "demo 2.0 is quarantined" in (answer.reason or "")) == (403, True)


async def test_a_digest_needs_the_right_to_manage_everything(client: Client) -> None:
    """The same bytes may be in another team's project: it must not lose them."""
    status, answer = await call(client, "PUT", DIGEST, token=OWNER, reason="x")
    assert (status, "manage all projects" in answer["detail"]) == (403, True)
    assert (await call(client, "PUT", DIGEST, reason="leaked"))[0] == 200


async def test_each_manager_sees_the_entries_of_the_projects_that_it_manages(client: Client) -> None:
    for path in (DEMO, "/projects/secret-x", DIGEST):
        assert (await call(client, "PUT", path, reason="alert"))[0] == 200
    _, everything = await call(client, "GET", "")
    assert len(everything["entries"]) == 3
    _, of_owner = await call(client, "GET", "", token=OWNER)
    assert [each["project"] for each in of_owner["entries"]] == ["demo"]
    assert (await call(client, "GET", "", token=PUBLISHER))[0] == 403
    status, answer = await call(client, "PUT", "/projects/secret-x", token=OWNER, reason="x")
    assert (status, "secret-x" in answer["detail"]) == (403, True)


@pytest.mark.parametrize(
    ("path", "reason", "says"),
    [
        ("/files/abc", "x", "64 hexadecimal digits"),
        ("/projects/demo", "", "reason"),
        ("/projects/demo", "x" * 201, "reason"),
    ],
)
async def test_what_is_wrong_is_said(client: Client, path: str, reason: str, says: str) -> None:
    status, answer = await call(client, "PUT", path, reason=reason)
    assert (status, says in answer["detail"]) == (400, True)


async def test_what_is_not_quarantined_cannot_be_lifted(client: Client, storage: MemoryStorage) -> None:
    status, answer = await call(client, "DELETE", DEMO)
    assert (status, "--list" in answer["detail"]) == (404, True)
    assert not any(key.startswith("policy/") for key in storage.objects)


async def test_both_are_in_the_audit_log(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "audit")
    await call(client, "PUT", DEMO, reason="alert")
    await call(client, "PUT", DIGEST, token=OWNER, reason="alert")
    await call(client, "DELETE", DEMO)
    found = [record.fields for record in caplog.records if record.name == "audit"]  # type: ignore[attr-defined]
    assert [(each["verb"], each["outcome"]) for each in found] == [
        ("quarantine", "done"),
        ("quarantine", "refused"),
        ("lift", "done"),
    ]
    assert (found[0]["project"], found[1]["sha256"]) == ("demo", "a" * 64)
