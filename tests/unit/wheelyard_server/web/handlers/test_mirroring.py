"""What mirrors ask: serials on pages, and the calls of XML-RPC."""

import asyncio
import xmlrpc.client
from pathlib import Path
from typing import Any

import pytest

from support import distributions
from support.access import OWNER, PUBLISHER
from support.http import Client, auth, form
from support.memory_storage import MemoryStorage
from support.patience import HANG_SECONDS
from wheelyard_server.catalog import encoding, serials
from wheelyard_server.model import Project
from wheelyard_server.web.handlers.mirroring import MAX_BODY_BYTES, METHODS
from wheelyard_server.web.http.headers import SERIAL

JSON = {"Accept": "application/vnd.pypi.simple.v1+json"}
MUCH_LATER = 2**31 - 1


@pytest.fixture
async def index(client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Client:
    """Return an index with two projects, of which `secret-a` is not for everybody; all of it is settled."""
    for name in ("open_a", "secret_a"):
        answer = await client.post(
            "/legacy/", data=form(distributions.wheel(tmp_path, name)), headers=auth(PUBLISHER)
        )
        assert answer.status == 200
    monkeypatch.setattr("wheelyard_server.catalog.project_list.horizon", lambda _now: MUCH_LATER)
    return client


def project(storage: MemoryStorage, name: str) -> Project:
    return encoding.decode(storage.objects[f"projects/{name}.json"])


async def call(client: Client, method: str, *arguments: int, token: str = "", path: str = "/pypi") -> Any:
    body = xmlrpc.client.dumps(arguments, method)
    headers = {"Content-Type": "text/xml", **(auth(token) if token else {})}
    answer = await client.post(path, data=body, headers=headers)
    assert (answer.status, answer.content_type) == (200, "text/xml")
    (value,), _ = xmlrpc.client.loads(await answer.text())
    return value


@pytest.mark.parametrize("path", ["/simple/open-a/", "/pypi/open-a/json", "/pypi/open-a/1.0/json"])
@pytest.mark.parametrize("accept", ["text/html", "application/vnd.pypi.simple.v1+json"])
async def test_every_page_of_a_project_has_its_serial(
    index: Client, storage: MemoryStorage, path: str, accept: str
) -> None:
    answer = await index.get(path, headers={"Accept": accept})
    expected = serials.last_serial(project(storage, "open-a"))
    assert answer.headers[SERIAL] == str(expected)
    unchanged = await index.get(path, headers={"Accept": accept, "If-None-Match": answer.headers["ETag"]})
    assert (unchanged.status, unchanged.headers[SERIAL]) == (304, str(expected))
    if answer.content_type != "text/html":
        described = await answer.json(content_type=None)
        assert described.get("last_serial", described.get("meta", {}).get("_last-serial")) == expected


async def test_a_client_that_expects_100_continue_gets_it(index: Client) -> None:
    body = xmlrpc.client.dumps((), "changelog_last_serial")
    async with asyncio.timeout(HANG_SECONDS):
        answer = await index.post("/pypi", data=body, headers={"Content-Type": "text/xml"}, expect100=True)
    assert answer.status == 200
    assert b"methodResponse" in await answer.read()


async def test_every_change_of_a_project_raises_its_serial(index: Client, storage: MemoryStorage) -> None:
    before = project(storage, "open-a").serial
    for method, path, body in (
        ("PUT", "versions/1.0/yank", {}),
        ("DELETE", "versions/1.0/yank", None),
        ("PUT", "status", {"status": "deprecated"}),
    ):
        answer = await index.request(method, f"/api/v1/projects/open-a/{path}", json=body, headers=auth(OWNER))
        assert answer.status == 200
        after = project(storage, "open-a").serial
        assert after > before
        before = after
    assert (await index.get("/simple/open-a/")).headers[SERIAL] == str(before)


async def test_the_root_page_has_the_serials_of_readable_projects(index: Client, storage: MemoryStorage) -> None:
    answer = await index.get("/simple/", headers=JSON)
    serial = project(storage, "open-a").serial
    assert answer.headers[SERIAL] == str(serial)
    described = await answer.json(content_type=None)
    assert described["meta"]["_last-serial"] == serial
    assert described["projects"] == [{"name": "open-a", "_last-serial": serial}]


async def test_the_methods_about_serials_list_readable_projects(index: Client, storage: MemoryStorage) -> None:
    one, two = (project(storage, name).serial for name in ("open-a", "secret-a"))
    assert await call(index, "list_packages_with_serial") == {"open-a": one}
    everything = await call(index, "list_packages_with_serial", token=PUBLISHER, path="/pypi/")
    assert everything == {"open-a": one, "secret-a": two}
    assert await call(index, "changelog_last_serial", token=PUBLISHER) == max(one, two)
    moment = serials.moment_of(one)
    assert await call(index, "changelog_since_serial", one - 1) == [["open-a", "1.0", moment, "change", one]]
    assert await call(index, "changelog_since_serial", one) == []


async def test_a_change_that_is_not_settled_is_shown_with_the_highest_serial_that_is(
    index: Client, storage: MemoryStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    serial = project(storage, "open-a").serial
    monkeypatch.setattr("wheelyard_server.catalog.project_list.horizon", lambda _now: serial - 10)
    assert await call(index, "list_packages_with_serial") == {"open-a": serial - 10}
    ((_, _, _, _, shown),) = await call(index, "changelog_since_serial", serial - 10)
    assert shown == serial - 10


async def test_there_are_no_serials_while_older_servers_run(
    client: Client, storage: MemoryStorage, tmp_path: Path
) -> None:
    storage.objects["wheelyard.json"] = b'{"format":1,"index":null}'
    await client.post("/legacy/", data=form(distributions.wheel(tmp_path, "open_a")), headers=auth(PUBLISHER))
    assert await call(client, "list_packages_with_serial") == {}
    assert await call(client, "changelog_last_serial") == 0
    assert await (await client.get("/simple/", headers=JSON)).json(content_type=None) == {
        "meta": {"api-version": "1.4"},
        "projects": [{"name": "open-a"}],
    }
    storage.objects["wheelyard.json"] = b'{"format":2,"index":null}'
    assert await call(client, "list_packages_with_serial") != {}


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", -32700),
        (b"<methodCall/>", -32700),
        (b"\n" * MAX_BODY_BYTES * 2, -32700),
        (b"<!DOCTYPE a [<!ENTITY b 'c'>]><methodCall><methodName>&b;</methodName></methodCall>", -32700),
        (xmlrpc.client.dumps(("a",), "changelog_since_serial").encode(), -32700),
        (xmlrpc.client.dumps((1, 2), "changelog_since_serial").encode(), -32700),
        (xmlrpc.client.dumps((), "changelog_since_serial").encode(), -32602),
        (xmlrpc.client.dumps((1,), "list_packages_with_serial").encode(), -32602),
        (xmlrpc.client.dumps((), "search").encode(), -32601),
    ],
)
async def test_an_unsupported_call_is_a_fault(index: Client, body: bytes, code: int) -> None:
    answer = await index.post("/pypi", data=body, headers={"Content-Type": "text/xml"})
    assert answer.status == 200
    with pytest.raises(xmlrpc.client.Fault) as fault:
        xmlrpc.client.loads(await answer.text())
    assert fault.value.faultCode == code
    if code == -32601:
        assert all(method in fault.value.faultString for method in METHODS)


async def test_a_call_without_parameters_may_leave_them_out(index: Client) -> None:
    for parameters in ("", "<params/>", "<params></params>"):
        body = f"<methodCall><methodName>changelog_last_serial</methodName>{parameters}</methodCall>"
        answer = await index.post("/pypi", data=body, headers={"Content-Type": "text/xml"})
        assert xmlrpc.client.loads(await answer.text())[0] != (0,)


async def test_uploads_to_the_same_path_are_taken_as_ever(index: Client, tmp_path: Path) -> None:
    answer = await index.post("/pypi", data=form(distributions.wheel(tmp_path, "open_b")), headers=auth(PUBLISHER))
    assert answer.status == 200
