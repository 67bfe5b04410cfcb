"""Which requests have a line in the audit log, and what it says."""

import asyncio
import hashlib
import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import aiohttp
import jwt
import pytest
from aiohttp import web

from support import distributions
from support.access import NOBODY, OWNER, PUBLISHER, token_of
from support.conversation import converse, served
from support.http import Client, auth, form
from support.issuers import TestIssuer
from support.logs import audit_lines, collected
from support.memory_storage import MemoryStorage
from support.patience import until
from support.sessions import FROM_HERE, session_of
from wheelyard_server.access.audit import AuditVerb
from wheelyard_server.app import CATALOG
from wheelyard_server.settings import Listener
from wheelyard_server.web.routes import ROUTES, UPLOAD_PATHS
from wheelyard_server.web.telemetry.logs import JsonFormatter

WHEEL = "demo-1.0-py3-none-any.whl"
API = "/api/v1/projects"
CHANGES_NOTHING = {("POST", "/api/v1/policy/plan")}
WRITES = sorted(
    {(each.method, each.path) for each in ROUTES if isinstance(each, web.RouteDef) and each.method != "GET"}
    - CHANGES_NOTHING
)


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    with collected(JsonFormatter()) as lines:
        yield lines


async def publish(client: Client, folder: Path, token: str = PUBLISHER, **changed: Any) -> int:
    path = distributions.wheel(folder)
    answer = await client.post("/legacy/", data=form(path, **changed), headers=auth(token))
    return answer.status


def only(log: io.StringIO) -> dict[str, Any]:
    """Return the one line, without what differs from run to run."""
    (line,) = audit_lines(log.getvalue())
    return {key: line[key] for key in line if key not in ("time", "requestId", "level", "logger")}


def expected(verb: str, outcome: str, status: int, **others: Any) -> dict[str, Any]:
    who = {"user": "ci.publisher", "method": "token", "client": "127.0.0.1", "listener": "cluster"}
    return {"message": f"{verb} {outcome}", "verb": verb, "outcome": outcome, "status": status, **who, **others}


async def test_a_published_file_has_a_line_with_its_digest(
    client: Client, log: io.StringIO, tmp_path: Path
) -> None:
    assert await publish(client, tmp_path) == 200
    sha256 = hashlib.sha256((tmp_path / WHEEL).read_bytes()).hexdigest()
    assert only(log) == expected("publish", "done", 200, project="demo", files=[WHEEL], sha256=sha256)


async def test_an_upload_that_is_not_taken_has_failed(client: Client, log: io.StringIO, tmp_path: Path) -> None:
    assert await publish(client, tmp_path, filetype="sdist") == 400
    assert only(log) == expected(
        "publish", "failed", 400, reason="The filetype of demo-1.0-py3-none-any.whl must be bdist_wheel"
    )


async def test_a_write_in_an_outage_has_failed(
    client: Client, storage: MemoryStorage, log: io.StringIO, tmp_path: Path
) -> None:
    storage.before_call = lambda *_: storage.fail_at(0, storage._fault)
    assert await publish(client, tmp_path) == 503
    line = only(log)
    assert (line["verb"], line["outcome"], line["status"], line["files"]) == ("publish", "failed", 503, [WHEEL])


async def test_what_a_selection_meant_is_said_by_name(client: Client, log: io.StringIO, tmp_path: Path) -> None:
    await publish(client, tmp_path)
    log.seek(0)
    log.truncate()
    await client.delete(f"{API}/demo/versions/1", headers=auth(OWNER))
    assert only(log) == expected("delete", "done", 200, user="team.owner", project="demo", files=[WHEEL])


async def test_allowed_reads_and_missing_files_have_no_audit_line(client: Client, log: io.StringIO) -> None:
    for path in ("/", "/simple/", "/simple/open-x/", "/simple/Open_X/", "/nothing", "/api/v1/whoami"):
        await client.get(path, headers=auth(PUBLISHER))
    assert audit_lines(log.getvalue()) == []


@pytest.mark.parametrize("path", ["/simple/secret-x/", "/pypi/secret-x/json", f"{API}/secret-x"])
async def test_a_project_that_is_hidden_from_a_user_is_a_refusal(
    client: Client, log: io.StringIO, path: str
) -> None:
    answer = await client.get(path, headers=auth(NOBODY))
    assert answer.status == 404
    reason = "No such project in this index"
    assert only(log) == expected("read", "refused", 404, user="web.nobody", project="secret-x", reason=reason)


async def test_a_file_that_is_hidden_is_named(client: Client, log: io.StringIO) -> None:
    await client.get(f"/files/secret-x/{'0' * 64}/secret_x-1.tar.gz.metadata", headers=auth(NOBODY))
    assert only(log)["files"] == ["secret_x-1.tar.gz"]


async def test_anonymous_is_refused_as_such(client: Client, log: io.StringIO) -> None:
    await client.get("/simple/secret-x/")
    reason = "Log in to read the project secret-x"
    assert only(log) == expected(
        "read", "refused", 401, user="anonymous", method="none", project="secret-x", reason=reason
    )


@pytest.mark.parametrize(
    ("secret", "method"),
    [
        (token_of("unknown"), "token"),
        ("hunter2-long", "password"),
        (TestIssuer("https://nobody.example").sign(), "serviceaccount"),
        (jwt.encode({"sub": "me"}, "k" * 43, headers={"typ": "wheelyard+jwt"}), "trusted-publisher"),
    ],
    ids=["token", "password", "serviceaccount", "trusted-publisher"],
)
async def test_a_login_that_is_not_valid_is_refused_without_its_secret(
    client: Client, log: io.StringIO, secret: str, method: str
) -> None:
    login = {"Authorization": aiohttp.encode_basic_auth("web.reader", secret)}
    await client.get("/simple/demo/", headers=login)
    line = only(log)
    assert (line["outcome"], line["status"], line["user"], line["method"]) == ("refused", 401, "anonymous", method)
    assert line["claimed"] == "web.reader"
    assert secret not in log.getvalue()


async def test_a_client_that_disconnects_is_not_logged_as_a_full_disk(client: Client, log: io.StringIO) -> None:
    head = f"POST /legacy/ HTTP/1.1\r\nHost: a\r\nAuthorization: {auth(PUBLISHER)['Authorization']}\r\n"
    kind = "Content-Type: multipart/form-data; boundary=b\r\nContent-Length: 100000\r\n\r\n"
    part = '--b\r\nContent-Disposition: form-data; name="content"; filename="demo-1.0-py3-none-any.whl"\r\n\r\n'
    await converse(served(client), [(head + kind + part + "x" * 50_000).encode()])
    await until(log.getvalue)
    line = only(log)
    assert (line["outcome"], line["reason"]) == (
        "failed",
        "The client closed the connection before the whole form had arrived",
    )


async def test_too_many_guesses_are_refused(client: Client, log: io.StringIO) -> None:
    async def guess(password: str) -> aiohttp.ClientResponse:
        login = {"Authorization": aiohttp.encode_basic_auth("web.reader", password)}
        return await client.get("/simple/demo/", headers=login)

    answers = await asyncio.gather(*(guess(f"wrong {number}") for number in range(10)))
    assert {answer.status for answer in answers} == {401}
    refused = await guess("wrong again")
    assert refused.status == 429
    assert 0 < int(refused.headers["Retry-After"]) <= 301
    line = audit_lines(log.getvalue())[-1]
    assert (line["outcome"], line["method"], line["claimed"]) == ("refused", "password", "web.reader")
    assert (await client.get("/simple/demo/", headers=auth(PUBLISHER))).status != 429, "a token works at any time"


@pytest.mark.parametrize("login", [{}, auth(PUBLISHER), {"Authorization": "Basic !"}], ids=["none", "good", "bad"])
@pytest.mark.parametrize(("method", "path"), WRITES)
async def test_every_route_that_writes_has_its_verb_even_for_a_request_that_means_nothing(
    client: Client, log: io.StringIO, method: str, path: str, login: dict[str, str]
) -> None:
    filled = path.format(project="demo", version="1.0", filename=WHEEL, sha256="a" * 64)
    answer = await client.request(method, filled, headers=login)
    line = only(log)
    assert line["verb"] != AuditVerb.READ
    assert (line["verb"] == AuditVerb.PUBLISH) is (path in UPLOAD_PATHS)
    assert line["status"] == answer.status
    assert line["outcome"] == ("refused" if answer.status in (401, 403) else "failed")


async def test_a_refused_login_to_pages_has_the_name_that_was_claimed(client: Client, log: io.StringIO) -> None:
    await client.post("/login/", data={"user": "web.reader", "secret": "x"}, headers=FROM_HERE)
    line = only(log)
    assert (line["verb"], line["outcome"], line["user"]) == ("login", "refused", "anonymous")
    assert (line["method"], line["claimed"]) == ("password", "web.reader")
    assert line["reason"] == "Wrong user name or password, or not a valid token"


async def test_a_login_to_pages_has_its_user(client: Client, log: io.StringIO) -> None:
    await session_of(client, PUBLISHER)
    line = only(log)
    assert (line["verb"], line["outcome"]) == ("login", "done")
    assert (line["user"], line["method"]) == ("ci.publisher", "token")


@pytest.mark.parametrize("listener", [Listener.EXTERNAL])
async def test_the_listener_is_that_of_the_socket(client: Client, log: io.StringIO) -> None:
    await client.get("/simple/demo/")
    assert only(log)["listener"] == "external"


async def test_a_line_has_the_id_of_its_request(client: Client, log: io.StringIO) -> None:
    await client.get("/simple/secret-x/", headers={"X-Request-ID": "mine"})
    (line,) = audit_lines(log.getvalue())
    assert (line["requestId"], line["logger"], line["level"]) == ("mine", "audit", "INFO")


async def test_a_write_that_a_bug_stops_has_failed(client: Client, log: io.StringIO) -> None:
    with stopping(client, ZeroDivisionError("bug")):
        assert (await client.delete(f"{API}/demo", headers=auth(OWNER))).status == 500
    assert only(log) == expected("delete", "failed", 500, user="team.owner", project="demo", reason="bug")


async def test_a_write_that_the_end_of_the_process_stops_has_failed(client: Client, log: io.StringIO) -> None:
    with stopping(client, asyncio.CancelledError()), pytest.raises(aiohttp.ServerDisconnectedError):
        await client.delete(f"{API}/demo", headers=auth(OWNER))
    assert (only(log)["outcome"], only(log)["reason"]) == ("failed", "CancelledError")


@contextmanager
def stopping(client: Client, error: BaseException) -> Iterator[None]:
    """Let nothing be deleted but by this error."""

    async def stopped(*_: object) -> None:
        raise error

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(client.server.app[CATALOG], "delete", stopped)  # type: ignore[attr-defined]
        yield
