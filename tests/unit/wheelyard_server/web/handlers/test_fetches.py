"""Questions to the fetch log over HTTP: for whom, of what, and what the answers cannot know."""

from pathlib import Path
from typing import Any

import jsonschema
import pytest

from support import distributions
from support.access import NOBODY, OWNER, PUBLISHER, READER
from support.http import Client, auth, form
from wheelyard_server.app import CATALOG
from wheelyard_server.catalog.fetches.rows import Login
from wheelyard_server.web.handlers.openapi import document

PIP = {"User-Agent": "pip/26.1 {}"}
ROBOT = Login("ci.publisher", "serviceaccount", "system:serviceaccount:ci:robot")


@pytest.fixture
async def client(client: Client, tmp_path: Path) -> Client:
    """Return an index whose users have fetched demo and secret-a."""
    for name in ("demo", "secret_a"):
        path = distributions.wheel(tmp_path, name)
        assert (await client.post("/legacy/", data=form(path), headers=auth(PUBLISHER))).status == 200
    for project, token in (("demo", PUBLISHER), ("demo", PUBLISHER), ("demo", ""), ("secret-a", READER)):
        await (
            await client.get(await url_of(client, project), headers={**PIP, **(auth(token) if token else {})})
        ).read()
    return client


async def url_of(client: Client, project: str) -> str:
    page = await client.get(
        f"/simple/{project}/", headers={"Accept": "application/vnd.pypi.simple.v1+json", **auth(PUBLISHER)}
    )
    (file,) = (await page.json(content_type=None))["files"]
    return f"/simple/{project}/{file['url']}".replace(f"/simple/{project}/../..", "")


async def digest_of(client: Client, project: str) -> str:
    return (await url_of(client, project)).split("/")[3]


async def ask(client: Client, path: str, token: str = OWNER) -> tuple[int, Any]:
    """Return the status and the answer, which is as the server's own description says."""
    answer = await client.get(f"/api/v1{path}", headers=auth(token) if token else {})
    content = await answer.json(content_type=None)
    template = "/api/v1/fetches" if path.startswith("/fetches") else "/api/v1/projects/{project}/statistics"
    described = document()["paths"][template]["get"]["responses"]["200" if answer.status == 200 else "default"]
    ((_, schema),) = described["content"].items()
    jsonschema.validate(content, {**schema["schema"], "components": document()["components"]})
    return answer.status, content


async def test_a_manager_sees_who_fetched_a_project_a_version_and_a_digest(client: Client) -> None:
    digest = await digest_of(client, "demo")
    for query in (
        "project=demo",
        "project=Demo&version=1.0.0",
        f"sha256={digest}",
        f"sha256={digest.upper()}&days=2",
    ):
        status, answer = await ask(client, f"/fetches?{query}")
        assert status == 200
        rows = {(each["user"], each["method"], each["client"], each["fetches"]) for each in answer["fetches"]}
        assert rows == {("ci.publisher", "token", "pip", 2), (None, "none", "pip", 1)}
        (first, _) = answer["fetches"]
        assert (first["project"], first["version"], first["sha256"]) == ("demo", "1.0", digest)
        assert first["address"] == "127.0.0.1"
        assert first["first"] <= first["last"]
    assert (await ask(client, "/fetches?project=demo&version=9"))[1]["fetches"] == []


async def test_a_service_account_is_shown_with_its_namespace(client: Client) -> None:
    counter = client.server.app[CATALOG].fetches.counter  # type: ignore[attr-defined]
    counter.count(("demo", "demo-2.0.tar.gz", "a" * 64, "2.0"), ROBOT, "10.0.0.1", "uv")
    (row,) = (await ask(client, f"/fetches?sha256={'a' * 64}"))[1]["fetches"]
    assert (row["user"], row["method"], row["workload"]) == ROBOT


async def test_only_managers_of_a_project_may_ask_and_a_digest_shows_only_their_projects(client: Client) -> None:
    secret = await digest_of(client, "secret-a")
    for token, status in (("", 401), (NOBODY, 403), (READER, 403), (PUBLISHER, 403)):
        assert (await ask(client, "/fetches?project=demo", token))[0] == status
        assert (await ask(client, f"/fetches?sha256={secret}", token))[0] == status
    assert (await ask(client, "/fetches?project=secret-a"))[0] == 403
    assert (await ask(client, f"/fetches?sha256={secret}"))[1]["fetches"] == []


async def test_readers_see_statistics_without_fetchers(client: Client) -> None:
    status, answer = await ask(client, "/projects/demo/statistics", "")
    assert status == 200
    assert answer["fetches"] == 0, "the last minute is not written yet"
    await client.server.app[CATALOG].fetches.flush()  # type: ignore[attr-defined]
    status, answer = await ask(client, "/projects/demo/statistics?days=7", "")
    assert (answer["name"], answer["fetches"]) == ("demo", 3)
    assert [(each["version"], each["fetches"]) for each in answer["versions"]] == [("1.0", 3)]
    assert answer["clients"] == [{"client": "pip", "fetches": 3}]
    assert [(each["version"], each["client"], each["fetches"]) for each in answer["days"]] == [("1.0", "pip", 3)]
    assert "127.0.0.1" not in str(answer)
    assert "publisher" not in str(answer)
    assert (await ask(client, "/projects/secret-a/statistics", ""))[0] == 401
    assert (await ask(client, "/projects/secret-a/statistics", NOBODY))[0] == 404


async def test_an_answer_says_what_it_is_based_on_and_what_it_cannot_know(client: Client) -> None:
    coverage = (await ask(client, "/fetches?project=demo&days=5"))[1]["coverage"]
    assert (coverage["days"], coverage["keptDays"], coverage["killedServers"], coverage["omitted"]) == (5, 90, 0, 0)
    assert coverage["since"] is not None
    assert len(coverage["notes"]) == 3


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("", "`sha256`, or for `project`"),
        ("version=1.0", "`sha256`, or for `project`"),
        ("project=demo&sha256=" + "a" * 64, "`sha256`, or for `project`"),
        ("sha256=abc", "64 hexadecimal digits"),
        ("project=demo&days=0", "from 1 to 3661"),
        ("project=demo&days=3662", "from 1 to 3661"),
        ("project=demo&days=-1", "from 1 to 3661"),
        ("project=demo&days=%D9%A3", "from 1 to 3661"),
    ],
)
async def test_a_question_that_cannot_be_answered_says_what_to_ask(client: Client, query: str, says: str) -> None:
    status, answer = await ask(client, f"/fetches?{query}")
    assert status == 400
    assert says in answer["detail"]
