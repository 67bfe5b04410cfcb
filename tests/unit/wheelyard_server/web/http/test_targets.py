"""Paths that could mean one thing to the router and another to the storage; sent as they are, over a socket."""

from urllib.parse import urljoin

import pytest

from support.http import Client
from support.memory_storage import MemoryStorage
from support.serving import send_raw, statuses
from wheelyard_server.web.http.targets import NO_SUCH_PATH

ODD = [
    "/simple/%2e%2e/",
    "/simple/../simple/demo/",
    "/simple/./demo/",
    "/simple/..%2fdemo/",
    "/simple/demo%2F",
    "/simple/demo%252F",
    "/simple/demo%00/",
    "/simple/demo%0d%0aX:%20y/",
    "/simple/demo%5c..%5c/",
    "/simple/demo\\",
    "//simple/demo/",
    "//evil.example/simple/demo",
    "/simple//demo/",
    "/simple/demo//",
    "/%2e%2e/etc/passwd",
    "/files/demo/" + "0" * 64 + "/..%2f..%2fwheelyard.json",
    "/files/demo/" + "0" * 64 + "/%2e%2e",
    "/files/..%2F..%2Fprojects/x/y",
    "/pypi/demo%0d%0a/json",
    "/pypi/Demo%2f/json",
    "/api/v1/projects/demo%2ffiles",
    "/simple/d%C3%A9mo/",
    "/simple/%ff/",
    "/simple/demo;a=b/",
    "/simple/demo/%",
    "/simple/demo/%zz",
    "/mirror/pypi/a/../b-1.0.zip",
    "/mirror/pypi/a/%2e%2e/b-1.0.zip",
    "/mirror/pypi/./b-1.0.zip",
    "/mirror/pypi//b-1.0.zip",
    "/mirror/pypi/a%2fb-1.0.zip",
    "/mirror/pypi/a%252fb-1.0.zip",
    "/mirror/pypi/a%5cb-1.0.zip",
    "/mirror/pypi/b%00-1.0.zip",
    "/mirror/pypi/b%0d%0aX:%20y-1.0.zip",
    "/mirror/pypi/b%C2%85-1.0.zip",
    "/mirror/pypi/b%E2%80%AE-1.0.zip",
    "/mirror/pypi/b%ff-1.0.zip",
    "/mirror/..%2fsimple/b-1.0.zip",
    "/mirror/P%20Y/b-1.0.zip",
    "*",
]


@pytest.mark.parametrize("path", ODD)
@pytest.mark.parametrize("method", ["GET", "DELETE"])
async def test_an_odd_path_never_reaches_the_storage(
    client: Client, storage: MemoryStorage, method: str, path: str
) -> None:
    request = f"{method} {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode()
    answer = await send_raw(client.server, request)
    assert statuses(answer)[0] in {400, 404}
    assert b"\r\nLocation:" not in answer
    assert storage.calls == []


async def test_a_byte_that_is_no_utf8_is_no_path(client: Client) -> None:
    answer = await send_raw(client.server, b"GET /simple/\xff/ HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    assert statuses(answer)[0] in {400, 404}


@pytest.mark.parametrize(
    "path",
    [
        "/mirror/pypi/packages/demo-1.0%2Bcu124-py3-none-any.whl",
        "/mirror/pypi/_packaging/team@Local/a=b,c/demo-1.0.zip",
        "/mirror/a-b/a%20b/%C3%A9/demo-1.0.zip",
    ],
)
async def test_upstreams_may_have_any_printable_character_in_their_paths(client: Client, path: str) -> None:
    """T18: the path is kept as the upstream has it."""
    request = f"GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode()
    answer = await send_raw(client.server, request)
    assert statuses(answer) == [404]
    assert NO_SUCH_PATH.encode() not in answer


@pytest.mark.parametrize(
    "path", ["/simple/demo-1.0+a_b/", "/api/v1/projects/a/versions/1%212.0%2Blocal/x", "/-/healthz"]
)
async def test_paths_in_our_own_pages_are_accepted(client: Client, path: str) -> None:
    request = f"GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode()
    assert NO_SUCH_PATH.encode() not in await send_raw(client.server, request)


@pytest.mark.parametrize(
    "path",
    [
        *("/simple/De_Mo", "/simple/De.Mo/", "/De_Mo/", "/pypi/De_Mo/"),
        *("/pypi/De_Mo/json", "/pypi/De_Mo/1.0/json", "/De_Mo/json"),
    ],
)
@pytest.mark.parametrize("query", ["", "?next=//evil.example", "?a=%0d%0aSet-Cookie:%20b"])
async def test_redirects_stay_on_this_host(client: Client, path: str, query: str) -> None:
    request = f"GET {path}{query} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode()
    answer = await send_raw(client.server, request)
    assert statuses(answer) == [301]
    location = answer.split(b"\r\nLocation: ")[1].split(b"\r\n")[0].decode()
    for base in ("http://a", "http://a/team/pypi"):
        target = urljoin(f"{base}{path}", location)
        assert target.startswith((f"{base}/simple/de-mo/", f"{base}/pypi/de-mo/", f"{base}/de-mo/json"))
    assert b"evil" not in answer
    assert b"Set-Cookie" not in answer
