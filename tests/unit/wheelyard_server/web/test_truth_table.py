"""Who may do what, on which listener, by which route: the whole table, against what is written here by hand.

`MAY` was filled in by reading the access file below as a person would, not by any code that decides
it.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiohttp.test_utils import TestClient

from support import distributions, osv
from support.access import token_of
from support.attestations import attested
from support.http import Client, auth, form
from support.memory_storage import MemoryStorage
from support.mirrored_projects import mirror, never_asked
from support.serving import LimitedServer
from support.sessions import FROM_HERE, session_of
from wheelyard_server import app
from wheelyard_server.access import tokens
from wheelyard_server.access.access_file import AccessFile, User
from wheelyard_server.access.rules import Grant, Verb
from wheelyard_server.app import CATALOG
from wheelyard_server.settings import Listener, Settings
from wheelyard_server.web.context import CATALOG_ACCESS
from wheelyard_server.web.http.lifecycle import LIFECYCLE
from wheelyard_server.web.routes import ROUTES, UPLOAD_PATHS

SUBJECTS = ("anonymous", "guest", "dev", "limited", "boss")
PROJECTS = ("open-lib", "team-app", "other")
ACCESS = AccessFile(
    users=tuple(
        User(
            name=f"x.{name}",
            groups={"dev": ("devs",), "boss": ("devs",)}.get(name, ()),
            token_digests=(tokens.digest(token_of(name)),),
        )
        for name in SUBJECTS[1:]
    ),
    grants=(
        Grant(subjects=("anonymous",), packages=("open-*",), verbs=(Verb.READ,)),
        Grant(subjects=("authenticated",), packages=("team-*",), verbs=(Verb.READ,)),
        Grant(subjects=("group:devs",), packages=("team-*", "open-*"), verbs=(Verb.PUBLISH, Verb.YANK)),
        Grant(subjects=("user:x.limited",), packages=("*",), within=("team-*",), verbs=(Verb.READ, Verb.DELETE)),
        Grant(subjects=("user:x.boss",), packages=("*",), verbs=tuple(Verb)),
    ),
    external_grants=(Grant(subjects=("authenticated",), packages=("other",), verbs=(Verb.READ,)),),
)
NOTHING = ("", "", "")
MAY = {
    # on the cluster listener, for open-lib, team-app and other:
    # with r for read, p for publish, y for yank, d for delete and m for manage
    ("anonymous", "cluster"): ("r", "", ""),
    ("guest", "cluster"): ("r", "r", ""),
    ("dev", "cluster"): ("rpy", "rpy", ""),
    ("limited", "cluster"): ("r", "rd", ""),
    ("boss", "cluster"): ("rpydm", "rpydm", "rpydm"),
    # on the external listener, grants to anonymous do not count, and every user may read `other`
    ("anonymous", "external"): NOTHING,
    ("guest", "external"): ("", "r", "r"),
    ("dev", "external"): ("py", "rpy", "r"),
    ("limited", "external"): ("", "rd", "r"),
    ("boss", "external"): ("rpydm", "rpydm", "rpydm"),
}
WHEEL = "{module}-1.0-py3-none-any.whl"
ROUTES_BY_VERB = {
    "r": [
        ("GET", "/simple/{project}/"),
        ("GET", "/simple/{project}"),
        ("GET", "/files/{project}/{sha256}/{wheel}"),
        ("GET", "/files/{project}/{sha256}/{wheel}.metadata"),
        ("GET", "/packages/{project}/{sha256}/{wheel}"),
        ("GET", "/files/{project}/{sha256}/{wheel}.provenance"),
        ("GET", "/integrity/{project}/1.0/{wheel}/provenance"),
        *(("GET", f"{path}+simple/{{project}}/") for path in UPLOAD_PATHS if path.endswith("/")),
        ("GET", "/pypi/{project}/json"),
        ("GET", "/pypi/{project}/1.0/json"),
        ("GET", "/{project}/json"),
        ("GET", "/api/v1/projects/{project}"),
        ("GET", "/api/v1/projects/{project}/decisions"),
        ("GET", "/api/v1/projects/{project}/statistics"),
    ],
    "p": [*(("POST", path) for path in UPLOAD_PATHS), ("POST", "/api/v1/projects/{project}/refresh")],
    "y": [
        ("PUT", "/api/v1/projects/{project}/versions/1.0/yank"),
        ("DELETE", "/api/v1/projects/{project}/versions/1.0/yank"),
        ("PUT", "/api/v1/projects/{project}/files/{wheel}/yank"),
        ("DELETE", "/api/v1/projects/{project}/files/{wheel}/yank"),
    ],
    "d": [
        ("DELETE", "/api/v1/projects/{project}"),
        ("DELETE", "/api/v1/projects/{project}/versions/1.0"),
        ("DELETE", "/api/v1/projects/{project}/files/{wheel}"),
    ],
    "m": [
        ("PUT", "/api/v1/projects/{project}/status"),
        ("POST", "/api/v1/projects/{project}/claim"),
        ("GET", "/api/v1/projects/{project}/shadows"),
        ("GET", "/api/v1/fetches?project={project}"),
        ("POST", "/api/v1/projects/{project}/release"),
        *(
            (method, f"/api/v1/quarantine/projects/{{project}}{version}")
            for version in ("", "/versions/1.0")
            for method in ("PUT", "DELETE")
        ),
    ],
}
MIRRORED = ("open-up", "team-up")
"""Projects of an upstream, for which subjects have the same rights as for the first two of `PROJECTS`."""
ROUTES_OF_MIRRORED = [
    ("GET", "/mirror/pypi/packages/{wheel}"),
    ("GET", "/mirror/pypi/packages/{wheel}.metadata"),
    ("GET", "/mirror/pypi/packages/{wheel}.provenance"),
    *(route for route in ROUTES_BY_VERB["r"] if not route[1].startswith(("/files", "/packages", "/integrity"))),
    ("GET", "/integrity/{project}/1.0/{wheel}/provenance"),
]
ROUTES_OF_THE_WHOLE_INDEX = {
    ("GET", "/api/v1/advisories"): 200,
    ("PUT", "/api/v1/advisories"): 200,
    # Nothing waits.
    ("POST", "/api/v1/advisories/accept"): 409,
    ("PUT", "/api/v1/quarantine/files/{sha256}"): 200,
    ("DELETE", "/api/v1/quarantine/files/{sha256}"): 200,
    # Users with fewer rights see the entries of their projects; here, only the boss manages any.
    ("GET", "/api/v1/quarantine"): 200,
}
"""The answer to a user who may manage all projects by one grant: the boss, on both listeners."""
BODIES = {"projects": {"status": "active"}, "quarantine": {"reason": "alert"}}
REFUSED_TO_EVERYONE = {
    # A name is only given back if it has no files of its own.
    "/api/v1/projects/{project}/release": 409,
}
"""Answers to those who may ask, if it is not 200."""
LISTINGS = ("/simple/", "/api/v1/projects")
PAGES_OF_LISTS = {("GET", "/projects/")}
"""Pages with lists, tested by their links."""
FOR_SOME_PROJECTS = {("POST", "/api/v1/policy/plan"), ("GET", "/api/v1/vulnerabilities")}
"""For users with a permission on any project, tested with their handlers."""
MANAGE = "/project/{project}/manage/"
FORMS_BY_VERB = {
    "y": (("yank/", {"version": "1.0"}), ("unyank/", {"version": "1.0"})),
    "d": (("delete/", {"version": "1.0", "typed": "1.0"}),),
    "m": (("status/", {"status": "active"}),),
}
"""The forms of pages for people, by the verb that they need."""
PAGES_BY_VERBS = {
    "/project/{project}/": "r",
    "/project/{project}/1.0/": "r",
    "/project/{project}/files/": "r",
    "/project/{project}/1.0/files/": "r",
    "/project/{project}/versions/": "r",
    "/project/{project}/history/": "r",
    "/project/{project}/policy/": "r",
    "/project/{project}/statistics/": "r",
    "/project/{project}/download/{sha256}/{wheel}": "r",
    MANAGE: "ydm",
    f"{MANAGE}delete/?version=1.0": "d",
}
"""Pages for people who may read a project and have one of these verbs."""
PAGES_OF_THE_WHOLE_INDEX = ("/upstreams/", "/advisories/")
"""Pages for people who may manage all projects."""
FOR_EVERYBODY = {
    ("GET", "/"),
    ("GET", "/access/"),
    ("GET", "/_/site/{sha256}/{filename}"),
    # Redirects, which look nothing up, or tell nothing of what may not be read.
    ("GET", "/access"),
    ("GET", "/projects"),
    ("GET", "/simple"),
    ("GET", "/legacy"),
    ("GET", "/legacy/"),
    ("GET", "/pypi"),
    ("GET", "/pypi/"),
    ("GET", "/pypi/{project}/"),
    ("GET", "/{project}/"),
    ("GET", "/api/v1/whoami"),
    ("GET", "/api/v1/openapi.json"),
    ("GET", "/-/healthz"),
    ("GET", "/-/readyz"),
    ("GET", "/login"),
    ("GET", "/login/"),
    ("POST", "/login/"),
    ("POST", "/logout/"),
    ("GET", "/login/oidc"),
    ("GET", "/login/oidc/"),
    ("GET", "/login/oidc/callback"),
    ("GET", "/login/oidc/callback/"),
    ("GET", "/_/oidc/audience"),
    ("POST", "/_/oidc/mint-token"),
}


@pytest.fixture(params=Listener)
def listener(request: pytest.FixtureRequest) -> Listener:
    """Let all requests come in at one of the listeners."""
    chosen: Listener = request.param
    return chosen


@pytest.fixture
async def client(
    settings: Settings,
    storage: MemoryStorage,
    tmp_path: Path,
    listener: Listener,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[Client]:
    """Return an index with version 1.0 of each project, published by the boss."""
    settings.access_file.write_bytes(msgspec.yaml.encode(ACCESS))
    application = app.build(msgspec.structs.replace(settings, upstreams=(never_asked(*MIRRORED),)), storage)
    for project in MIRRORED:
        await mirror(storage, project, distributions.wheel(tmp_path, project.replace("-", "_")))
    application[LIFECYCLE].started = True
    monkeypatch.setattr(application[CATALOG].quarantine, "_sleep", partial(asyncio.sleep, 0))
    async with TestClient(LimitedServer(application, settings.limits, listener=listener)) as test_client:
        for project in PROJECTS:
            path = distributions.wheel(tmp_path, project.replace("-", "_"))
            data = form(path, attestations=attested(path))
            answer = await test_client.post("/legacy/", data=data, headers=auth(token_of("boss")))
            assert answer.status == 200, await answer.text()
        yield test_client


@pytest.mark.parametrize("subject", SUBJECTS)
async def test_the_whole_table(
    client: Client, storage: MemoryStorage, listener: Listener, subject: str, tmp_path: Path
) -> None:
    before = dict(storage.objects)
    headers = {} if subject == "anonymous" else auth(token_of(subject))
    wrong = []
    for (project, allowed), verb in product(zip(PROJECTS, MAY[subject, listener], strict=True), "rpydm"):
        digest = json.loads(before[f"projects/{project}.json"])["files"][0]["sha256"]
        wheel = WHEEL.format(module=project.replace("-", "_"))
        for method, template in ROUTES_BY_VERB[verb]:
            path = template.format(project=project, sha256=digest, wheel=wheel)
            body: dict[str, Any] = {"data": form(tmp_path / wheel)} if template in UPLOAD_PATHS else {}
            if method == "PUT":
                body = {"json": BODIES.get(template.split("/")[3], {}) if verb == "m" else {}}
            answer = await client.request(method, path, headers=headers, **body)
            storage.objects.clear()
            storage.objects.update(before)
            granted = REFUSED_TO_EVERYONE.get(template, 200)
            expected = granted if verb in allowed else _refusal(subject, verb)
            if answer.status != expected:
                wrong.append(f"{subject} {method} {path} on {listener}: {answer.status}, not {expected}")
    assert wrong == []


@pytest.mark.parametrize("subject", SUBJECTS)
async def test_only_a_manager_of_all_projects_may_do_what_concerns_all(client: Client, subject: str) -> None:
    headers = {} if subject == "anonymous" else auth(token_of(subject))
    export = osv.export(osv.odd_records())
    for (method, path), granted in ROUTES_OF_THE_WHOLE_INDEX.items():
        body: dict[str, Any] = {"data": export} if method == "PUT" else {}
        sent = {**headers, "Content-Type": "application/zip"} if method == "PUT" else headers
        if "quarantine" in path and method == "PUT":
            body, sent = {"json": BODIES["quarantine"]}, headers
        answer = await client.request(method, path.format(sha256="a" * 64), headers=sent, **body)
        assert answer.status == (granted if subject == "boss" else _refusal(subject, "m")), (method, path)


@pytest.mark.parametrize("subject", SUBJECTS)
async def test_the_projects_of_an_upstream_have_the_same_rights(
    client: Client, listener: Listener, subject: str
) -> None:
    """T44: rights are those of the project that lists the path, whatever the client asks for it by."""
    headers = {} if subject == "anonymous" else auth(token_of(subject))
    wrong = []
    for (project, allowed), (method, template) in product(
        zip(MIRRORED, MAY[subject, listener][:2], strict=True), ROUTES_OF_MIRRORED
    ):
        path = template.format(project=project, wheel=WHEEL.format(module=project.replace("-", "_")))
        answer = await client.request(method, path, headers=headers)
        expected = 200 if "r" in allowed else _refusal(subject, "r")
        if answer.status != expected:
            wrong.append(f"{subject} {method} {path} on {listener}: {answer.status}, not {expected}")
    assert wrong == []


@pytest.mark.parametrize("subject", SUBJECTS)
async def test_no_path_but_pages_reads_the_session(
    client: Client, storage: MemoryStorage, listener: Listener, subject: str, tmp_path: Path
) -> None:
    before, session = dict(storage.objects), await _session(client, subject)
    wrong = []
    for (project, allowed), verb in product(zip(PROJECTS, MAY["anonymous", listener], strict=True), "rpydm"):
        digest = json.loads(before[f"projects/{project}.json"])["files"][0]["sha256"]
        wheel = WHEEL.format(module=project.replace("-", "_"))
        for method, template in ROUTES_BY_VERB[verb]:
            path = template.format(project=project, sha256=digest, wheel=wheel)
            body: dict[str, Any] = {"data": form(tmp_path / wheel)} if template in UPLOAD_PATHS else {}
            if method == "PUT":
                body = {"json": BODIES.get(template.split("/")[3], {}) if verb == "m" else {}}
            answer = await client.request(method, path, headers=session, **body)
            if answer.status != (200 if verb in allowed else 401):
                wrong.append(f"{subject} {method} {path} on {listener}: {answer.status}")
    for method, path in ROUTES_OF_THE_WHOLE_INDEX:
        body = {"json": BODIES["quarantine"]} if "quarantine" in path and method == "PUT" else {}
        answer = await client.request(method, path.format(sha256="a" * 64), headers=session, **body)
        if answer.status != 401:
            wrong.append(f"{subject} {method} {path} on {listener}: {answer.status}")
    whoami = await (await client.get("/api/v1/whoami", headers=session)).json()
    assert (wrong, whoami["user"]) == ([], None)


@pytest.mark.parametrize("subject", SUBJECTS)
async def test_pages_have_the_rights_of_the_session(
    client: Client, storage: MemoryStorage, listener: Listener, subject: str
) -> None:
    before, session = dict(storage.objects), await _session(client, subject)
    wrong = []
    for project, allowed in zip(PROJECTS, MAY[subject, listener], strict=True):
        for template, verbs in PAGES_BY_VERBS.items():
            digest = json.loads(before[f"projects/{project}.json"])["files"][0]["sha256"]
            wheel = WHEEL.format(module=project.replace("-", "_"))
            path = template.format(project=project, sha256=digest, wheel=wheel)
            answer = await client.get(path, headers=session, allow_redirects=False)
            may = "r" in allowed and not set(verbs).isdisjoint(allowed)
            expected = 200 if may else 303 if subject == "anonymous" else 403 if "r" in allowed else 404
            if answer.status != expected:
                wrong.append(f"{subject} GET {path} on {listener}: {answer.status}, not {expected}")
        for verb, (action, fields) in ((verb, each) for verb, forms in FORMS_BY_VERB.items() for each in forms):
            path = MANAGE.format(project=project)
            sent = {**fields, "form-token": _form_token(client, session, path)}
            headers = FROM_HERE | session
            answer = await client.post(path + action, data=sent, headers=headers, allow_redirects=False)
            changed = {key for key in before if key.startswith("projects/") and before[key] != storage.objects[key]}
            storage.objects.clear()
            storage.objects.update(before)
            done = verb in allowed
            is_done = answer.status == 303 and "login" not in answer.headers["Location"]
            if is_done != done or (changed and not done) or (verb == "d" and bool(changed) != done):
                wrong.append(f"{subject} POST {path}{action} on {listener}: {answer.status}, {changed}")
    assert wrong == []


@pytest.mark.parametrize("subject", SUBJECTS)
@pytest.mark.parametrize("path", PAGES_OF_THE_WHOLE_INDEX)
async def test_pages_of_the_whole_index_are_for_managers_of_all_projects(
    client: Client, subject: str, path: str
) -> None:
    expected = {"anonymous": 303, "boss": 200}.get(subject, 403)
    answer = await client.get(path, headers=await _session(client, subject), allow_redirects=False)
    assert answer.status == expected
    basic = {} if subject == "anonymous" else auth(token_of(subject))
    assert (await client.get(path, headers=basic, allow_redirects=False)).status == 303


async def _session(client: Client, subject: str) -> dict[str, str]:
    return {} if subject == "anonymous" else await session_of(client, token_of(subject))


def _form_token(client: Client, session: dict[str, str], path: str) -> str:
    assert client.app is not None
    return client.app[CATALOG_ACCESS].sessions.form_token(session.get("Cookie", "=").partition("=")[2], path)


def _refusal(subject: str, verb: str) -> int:
    if subject == "anonymous":
        return 401
    return 404 if verb == "r" else 403


@pytest.mark.parametrize("subject", SUBJECTS)
@pytest.mark.parametrize("path", LISTINGS)
async def test_lists_have_readable_projects_and_no_others(
    client: Client, listener: Listener, subject: str, path: str
) -> None:
    headers = {"Accept": "application/vnd.pypi.simple.v1+json, application/json"}
    headers |= {} if subject == "anonymous" else auth(token_of(subject))
    answer = await client.get(path, headers=headers)
    readable = {project for project, verbs in zip(PROJECTS, MAY[subject, listener], strict=True) if "r" in verbs}
    if not readable:
        assert answer.status == 401
        return
    assert {each["name"] for each in json.loads(await answer.read())["projects"]} == readable


@pytest.mark.parametrize(("method", "path"), sorted(PAGES_OF_LISTS))
async def test_pages_without_a_session_list_what_anonymous_may_read(
    client: Client, listener: Listener, method: str, path: str
) -> None:
    headers = auth(token_of("boss"))  # Pages never read it.
    answer = await client.request(method, path, headers=headers, allow_redirects=False)
    readable = {
        project for project, verbs in zip(PROJECTS, MAY["anonymous", listener], strict=True) if "r" in verbs
    }
    assert answer.status == (200 if readable else 303)
    text = await answer.text()
    assert {project for project in PROJECTS if f"/project/{project}/" in text} == readable


def test_no_route_is_left_out() -> None:
    tested = {(method, _generic(path)) for routes in ROUTES_BY_VERB.values() for method, path in routes}
    listings = {("GET", path) for path in LISTINGS}
    routes = {(each.method, _generic(each.path)) for each in ROUTES}
    of_all = set(ROUTES_OF_THE_WHOLE_INDEX) | FOR_SOME_PROJECTS
    pages = {("GET", _generic(path)) for path in (*PAGES_BY_VERBS, *PAGES_OF_THE_WHOLE_INDEX)}
    pages |= {("GET", path.removesuffix("/")) for _, path in pages}
    pages |= {("POST", f"{MANAGE}{action}") for forms in FORMS_BY_VERB.values() for action, _ in forms}
    assert routes - FOR_EVERYBODY == tested | listings | PAGES_OF_LISTS | of_all | pages | {
        ("GET", "/mirror/{upstream}/{path:.+}")
    }


def _generic(path: str) -> str:
    named = (
        path.partition("?")[0]
        .replace("{wheel}.metadata", "{wheel}")
        .replace("{wheel}.provenance", "{wheel}")
        .replace("{wheel}", "{filename}")
    )
    return named.replace("/1.0", "/{version}")
