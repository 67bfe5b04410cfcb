"""The management API; every answer is held against the OpenAPI document that the server itself sends."""

import asyncio
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import jsonschema
import openapi_spec_validator
import pytest

from support import distributions
from support.access import NOBODY, OWNER, PUBLISHER, READER
from support.http import Client, auth, form
from support.memory_storage import MemoryStorage
from wheelyard_server.access.guard import GuardedCatalog
from wheelyard_server.catalog import encoding
from wheelyard_server.catalog.event_loop_turns import ITEMS_AT_ONCE
from wheelyard_server.catalog.projects import ProjectEntry, Projects
from wheelyard_server.web.handlers import management
from wheelyard_server.web.handlers.management import OPERATIONS
from wheelyard_server.web.handlers.openapi import document
from wheelyard_server.web.handlers.operations import Call
from wheelyard_server.web.routes import ROUTES

WHEEL, SDIST = "demo-1.0-py3-none-any.whl", "demo-1.0.tar.gz"
REQUEST_ID = "the-request"
JSON = {"Accept": "application/vnd.pypi.simple.v1+json"}


@pytest.fixture
async def client(client: Client, tmp_path: Path) -> Client:
    """Return an index that holds demo 1.0 (wheel, sdist) and 2.0, open-a and secret-a."""
    paths = [
        distributions.wheel(tmp_path, extra="Summary: Shows things\n"),
        distributions.sdist(tmp_path),
        distributions.wheel(tmp_path, version="2.0", extra="Summary: Shows more things\n"),
        distributions.wheel(tmp_path, "open_a"),
        distributions.wheel(tmp_path, "secret_a"),
    ]
    for path in paths:
        answer = await client.post("/legacy/", data=form(path), headers=auth(PUBLISHER))
        assert answer.status == 200, await answer.text()
    return client


async def call(client: Client, method: str, path: str, body: Any = None, *, token: str = OWNER) -> tuple[int, Any]:
    """Call an operation; return the status and the answer, which is as the server's own description says."""
    headers = {"X-Request-ID": REQUEST_ID, **(auth(token) if token else {})}
    answer = await client.request(method, f"/api/v1{path}", json=body, headers=headers)
    content = await answer.json(content_type=None)
    described = _described(method, f"/api/v1{path}")["responses"]["200" if answer.status == 200 else "default"]
    ((media_type, schema),) = described["content"].items()
    assert answer.content_type == media_type
    jsonschema.validate(content, {**schema["schema"], "components": document()["components"]})
    return answer.status, content


def _described(method: str, path: str) -> Any:
    for template, operations in document()["paths"].items():
        if method.lower() in operations and re.fullmatch(
            re.sub(r"{\w+}", "[^/]+", template), path.partition("?")[0]
        ):
            return operations[method.lower()]
    raise AssertionError(f"{method} {path} is not described")


async def page(client: Client, project: str = "demo") -> dict[str, Any]:
    answer = await client.get(f"/simple/{project}/", headers={**JSON, **auth(PUBLISHER)})
    content: dict[str, Any] = await answer.json(content_type=None)
    return content


async def yanked(client: Client) -> dict[str, bool | str]:
    return {file["filename"]: file["yanked"] for file in (await page(client))["files"]}


def test_the_description_is_valid_and_of_all_routes() -> None:
    openapi_spec_validator.validate(document())
    routes = {(route.method, route.path) for route in ROUTES if route.path.startswith("/api/")}
    described = {(each.method, each.path) for each in OPERATIONS}
    assert routes == described | {("GET", "/api/v1/openapi.json")}
    ids = [operation["operationId"] for path in document()["paths"].values() for operation in path.values()]
    assert len(ids) == len(set(ids)) == len(OPERATIONS)


async def test_the_description_is_served_to_every_client(client: Client) -> None:
    answer = await client.get("/api/v1/openapi.json")
    assert answer.status == 200
    assert await answer.json() == document()


@pytest.mark.parametrize(
    ("token", "expected"),
    [
        ("", {"user": None, "groups": [], "verbs": ["read"]}),
        (READER, {"user": "web.reader", "groups": [], "verbs": ["read"]}),
        (
            OWNER,
            {"user": "team.owner", "groups": ["owners"], "verbs": ["read", "publish", "yank", "delete", "manage"]},
        ),
    ],
)
async def test_whoami(client: Client, token: str, expected: dict[str, Any]) -> None:
    assert await call(client, "GET", "/whoami", token=token) == (200, expected)


async def test_projects_are_listed_and_searched_as_far_as_they_may_be_read(client: Client) -> None:
    async def found(query: str, token: str) -> list[str]:
        _, answer = await call(client, "GET", f"/projects?q={query}", token=token)
        return [each["name"] for each in answer["projects"]]

    assert await found("", "") == ["demo", "open-a"]
    assert await found("", PUBLISHER) == ["demo", "open-a", "secret-a"]
    assert await found("things MORE", "") == ["demo"]
    assert await found("secret", "") == []
    _, answer = await call(client, "GET", "/projects?q=demo")
    assert answer["projects"] == [
        {
            "name": "demo",
            "version": "2.0",
            "summary": "Shows more things",
            "status": "active",
            "files": 3,
            "upstream": None,
        }
    ]


async def pages_of(client: Client, path: str, rows: str, limit: int) -> list[list[Any]]:
    """Follow `next` to the end; return the rows of each page."""
    pages: list[list[Any]] = []
    after: str | None = ""
    while after is not None:
        status, page = await call(client, "GET", f"{path}limit={limit}&after={after}")
        assert status == 200
        pages.append(page[rows])
        after = page["next"]
    return pages


@pytest.mark.parametrize("limit", [1, 2, 3, 1000])
async def test_lists_come_in_pages(client: Client, limit: int) -> None:
    for path, rows, name in (
        ("/projects?", "projects", "name"),
        ("/projects?q=a&", "projects", "name"),
        ("/projects/demo?", "files", "filename"),
    ):
        (whole,) = await pages_of(client, path, rows, 1000)
        pages = await pages_of(client, path, rows, limit)
        assert [row for page in pages for row in page] == whole
        assert [len(page) for page in pages[:-1]] == [limit] * (len(pages) - 1)
        assert 0 < len(pages[-1]) <= limit
        assert [row[name] for row in whole] == sorted(row[name] for row in whole)


async def test_paging_goes_on_after_a_name_that_was_deleted(client: Client) -> None:
    _, answer = await call(client, "GET", "/projects?after=eggs")
    assert [each["name"] for each in answer["projects"]] == ["open-a"]
    _, answer = await call(client, "GET", f"/projects/demo?after={WHEEL}.gone")
    assert [each["filename"] for each in answer["files"]] == [SDIST, "demo-2.0-py3-none-any.whl"]


@pytest.mark.parametrize(
    "query",
    [
        *(f"limit={limit}" for limit in ("0", "1001", "-1", "1e3", "", "x", "%C2%B2", "1" * 5000)),
        "q=" + "a" * 201,
        "q=" + "+".join("abcdefghijk"),
    ],
)
async def test_a_query_that_would_cost_too_much_is_refused_with_the_bound(client: Client, query: str) -> None:
    status, problem = await call(client, "GET", f"/projects?{query}")
    assert status == 400
    assert re.search("at most 10 words and 200|from 1 to 1000", problem["detail"])


async def test_a_search_lets_others_have_their_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    turns, looked = [], 0
    entries = [ProjectEntry(name=f"p{number:05}", listing_etag="x", files=1) for number in range(10_000)]

    async def projects() -> Projects:
        return Projects(entries)

    async def turn(_seconds: float) -> None:
        turns.append(looked)

    def look(*_: Any) -> bool:
        nonlocal looked
        looked += 1
        return False

    monkeypatch.setattr(asyncio, "sleep", turn)
    monkeypatch.setattr(management, "_matches", look)
    catalog = cast("GuardedCatalog", SimpleNamespace(projects=projects))
    answer = await management.list_projects(Call(catalog, {}, {"q": " ".join("abcdefghij")}, None))
    assert (answer.projects, answer.next) == ((), None)
    assert turns == list(range(ITEMS_AT_ONCE, 10_001, ITEMS_AT_ONCE))


async def test_a_project_is_shown_with_its_files(client: Client) -> None:
    status, project = await call(client, "GET", "/projects/Demo")
    assert status == 200
    assert (project["name"], project["versions"]) == ("demo", ["1.0", "2.0"])
    assert [file["filename"] for file in project["files"]] == [WHEEL, SDIST, "demo-2.0-py3-none-any.whl"]
    assert {file["uploader"] for file in project["files"]} == {"ci.publisher"}
    assert (await call(client, "GET", "/projects/nothing"))[0] == 404


async def test_a_version_is_yanked_and_unyanked(client: Client) -> None:
    path = "/projects/demo/versions/3.0/yank"
    assert await call(client, "PUT", path, {"reason": "broken & bad"}) == (
        404,
        _problem(404, "No such file in this project"),
    )
    path = "/projects/demo/versions/1.0.0/yank"
    for _ in range(2):
        assert await call(client, "PUT", path, {"reason": "broken & bad"}) == (200, {"files": [WHEEL, SDIST]})
    assert await yanked(client) == {
        WHEEL: "broken & bad",
        SDIST: "broken & bad",
        "demo-2.0-py3-none-any.whl": False,
    }
    html = await (await client.get("/simple/demo/")).text()
    assert html.count('data-yanked="broken &amp; bad"') == 2
    await call(client, "DELETE", path)
    assert set((await yanked(client)).values()) == {False}


async def test_a_file_is_yanked_without_a_reason(client: Client) -> None:
    await call(client, "PUT", f"/projects/demo/files/{SDIST}/yank", {})
    assert await yanked(client) == {WHEEL: False, SDIST: True, "demo-2.0-py3-none-any.whl": False}
    assert (await (await client.get("/simple/demo/")).text()).count('data-yanked=""') == 1


async def test_a_yanked_file_is_still_served_to_clients_that_pin_it(client: Client) -> None:
    await call(client, "PUT", "/projects/demo/versions/1.0/yank", {})
    url = (await page(client))["files"][0]["url"].removeprefix("../..")
    assert (await client.get(url)).status == 200


@pytest.mark.parametrize(
    ("path", "gone"),
    [
        (f"/projects/demo/files/{SDIST}", [SDIST]),
        ("/projects/demo/versions/1.0", [WHEEL, SDIST]),
        ("/projects/demo", [WHEEL, SDIST, "demo-2.0-py3-none-any.whl"]),
    ],
)
async def test_a_deleted_file_is_gone_and_its_name_stays_taken(
    client: Client, tmp_path: Path, path: str, gone: list[str]
) -> None:
    urls = {file["filename"]: file["url"].removeprefix("../..") for file in (await page(client))["files"]}
    assert await call(client, "DELETE", path) == (200, {"files": gone})
    for filename, url in urls.items():
        assert (await client.get(url)).status == (404 if filename in gone else 200)
    assert (await call(client, "DELETE", path))[0] == 404
    other = distributions.sdist(tmp_path, pkg_info=distributions.metadata("demo", "1.0", "Summary: other\n"))
    answer = await client.post("/legacy/", data=form(other), headers=auth(PUBLISHER))
    assert (answer.status, answer.reason) == (
        400,
        f"A deleted file had this name and other content, raise the version: {SDIST}",
    )


async def test_a_quarantined_project_offers_no_files(client: Client) -> None:
    url = (await page(client))["files"][0]["url"].removeprefix("../..")
    body = {"status": "quarantined", "reason": "under investigation"}
    status, project = await call(client, "PUT", "/projects/demo/status", body)
    assert (status, project["status"], project["statusReason"]) == (200, "quarantined", "under investigation")
    shown = await page(client)
    assert shown["files"] == []
    assert shown["project-status"] == {"status": "quarantined", "reason": "under investigation"}
    html = await (await client.get("/simple/demo/")).text()
    assert '<meta name="pypi:project-status" content="quarantined">' in html
    assert '<meta name="pypi:project-status-reason" content="under investigation">' in html
    assert "<a " not in html
    refused = await client.get(url)
    assert (refused.status, refused.reason) == (
        403,
        "The project is quarantined: its files are not offered (under investigation)",
    )
    assert (await client.get(f"{url}.metadata")).status == 403
    assert (await client.get("/pypi/demo/json")).reason == refused.reason
    await call(client, "PUT", "/projects/demo/status", {"status": "active"})
    assert (await client.get(url)).status == 200


async def test_an_archived_project_takes_no_uploads(client: Client, tmp_path: Path) -> None:
    await call(client, "PUT", "/projects/demo/status", {"status": "archived"})
    newer = form(distributions.wheel(tmp_path, version="3.0"))
    answer = await client.post("/legacy/", data=newer, headers=auth(PUBLISHER))
    assert (answer.status, answer.reason) == (403, "The project demo is archived and accepts no uploads")
    assert len((await page(client))["files"]) == 3


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PUT", "/projects/demo/versions/1.0/yank", {}),
        ("DELETE", "/projects/demo/versions/1.0/yank", None),
        ("DELETE", "/projects/demo", None),
        ("DELETE", "/projects/none", None),
        ("PUT", "/projects/demo/status", {"status": "archived"}),
    ],
)
async def test_every_user_needs_the_right(client: Client, method: str, path: str, body: Any) -> None:
    assert (await call(client, method, path, body, token=""))[0] == 401
    for token in (NOBODY, PUBLISHER):
        assert (await call(client, method, path, body, token=token))[0] == 403
    assert len((await page(client))["files"]) == 3
    assert set((await yanked(client)).values()) == {False}


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        ({"status": "gone"}, "Invalid enum value 'gone' - at `$.status`"),
        ({}, "missing required field `status`"),
        ({"status": "active", "because": "x"}, "unknown field `because`"),
        ({"status": "active", "reason": "x" * 1001}, "<= 1000"),
        ({"status": "active", "reason": "x" * 70_000}, "larger than 65536 bytes"),
    ],
)
async def test_a_body_that_is_not_as_described_is_refused_by_name(client: Client, body: Any, detail: str) -> None:
    status, problem = await call(client, "PUT", "/projects/demo/status", body)
    assert status == 400
    assert detail in problem["detail"]


async def test_no_form_of_another_site_is_taken(client: Client) -> None:
    answer = await client.put("/api/v1/projects/demo/status", data={"status": "archived"}, headers=auth(OWNER))
    assert (answer.status, answer.content_type) == (415, "application/problem+json")
    assert (await page(client))["project-status"] == {"status": "active"}


async def test_an_unknown_operation_is_a_problem_too(client: Client) -> None:
    answer = await client.get("/api/v1/nothing")
    assert (answer.status, answer.content_type) == (404, "application/problem+json")
    answer = await client.post("/api/v1/whoami")
    assert (answer.status, answer.content_type, answer.headers["Allow"]) == (
        405,
        "application/problem+json",
        "GET,HEAD",
    )


def _problem(status: int, detail: str) -> dict[str, Any]:
    return {"status": status, "title": {404: "Not Found"}[status], "detail": detail, "requestId": REQUEST_ID}


async def test_changes_are_logged_with_time_and_user(client: Client) -> None:
    status, before = await call(client, "GET", "/projects/demo")
    assert (status, before["statusChanged"]) == (200, None)
    assert {each["added"] == each["uploadTime"] and each["yankChanged"] for each in before["files"]} == {None}
    await call(client, "PUT", f"/projects/demo/files/{WHEEL}/yank", {"reason": "broken"})
    await call(client, "PUT", "/projects/demo/status", {"status": "deprecated"})
    _, after = await call(client, "GET", "/projects/demo")
    changes = {each["filename"]: each["yankChanged"] for each in after["files"]}
    assert changes[WHEEL]["by"] == after["statusChanged"]["by"] == "team.owner"
    assert changes[WHEEL]["at"] <= after["statusChanged"]["at"]
    assert changes[SDIST] is None
    await call(client, "DELETE", f"/projects/demo/files/{WHEEL}/yank")
    _, unyanked = await call(client, "GET", "/projects/demo")
    assert unyanked["files"][0]["yankChanged"]["at"] >= changes[WHEEL]["at"]


async def test_a_deleted_file_says_by_whom(client: Client, storage: MemoryStorage) -> None:
    await call(client, "DELETE", f"/projects/demo/files/{WHEEL}")
    (deleted,) = encoding.decode(storage.objects["projects/demo.json"]).deleted
    assert (deleted.filename, deleted.deleted_by) == (WHEEL, "team.owner")
