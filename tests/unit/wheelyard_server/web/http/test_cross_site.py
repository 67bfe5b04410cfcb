"""What a browser asks for on behalf of another site's page changes nothing, by any route."""

from pathlib import Path

import pytest

from support import distributions
from support.access import OWNER
from support.http import Client, auth, form
from support.memory_storage import MemoryStorage
from support.routes import PATHS, filled, publish_demo

CHANGING = [(method, path) for method, path in PATHS if method not in ("GET", "HEAD")]
ELSEWHERE = [
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "anything"},
    {"Sec-Fetch-Site": "Cross-Site", "Origin": "http://{host}"},
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Origin": "http://{host}.evil.example"},
    {"Origin": "http://["},
]
OWN = [
    {"Sec-Fetch-Site": "same-origin", "Origin": "https://behind-a-proxy.example"},
    {"Sec-Fetch-Site": "none"},
    {"Origin": "http://{host}"},
    {"Origin": "https://{host}"},
    {},
]


def test_there_is_something_to_change() -> None:
    assert {"POST", "PUT", "DELETE"} == {method for method, _ in CHANGING}


def said(client: Client, headers: dict[str, str]) -> dict[str, str]:
    host = f"{client.host}:{client.port}"
    return {name: value.format(host=host) for name, value in headers.items()} | auth(OWNER)


@pytest.mark.parametrize("headers", ELSEWHERE, ids=str)
async def test_from_elsewhere_every_route_refuses_it(
    client: Client, storage: MemoryStorage, tmp_path: Path, headers: dict[str, str]
) -> None:
    await publish_demo(client, tmp_path)
    before, wheel = dict(storage.objects), distributions.wheel(tmp_path, version="2.0")
    for method, path in CHANGING:
        body = form(wheel) if method == "POST" else None
        answer = await client.request(method, filled(path), headers=said(client, headers), data=body)
        assert answer.status == 403, (method, path)
        assert (answer.reason or "").startswith("This request comes from a page of another site")
    assert storage.objects == before


@pytest.mark.parametrize("headers", OWN, ids=str)
async def test_from_here_or_without_a_browser_it_is_taken(
    client: Client, tmp_path: Path, headers: dict[str, str]
) -> None:
    answer = await client.post("/legacy/", data=form(distributions.wheel(tmp_path)), headers=said(client, headers))
    assert answer.status == 200
    answer = await client.delete("/api/v1/projects/demo", headers=said(client, headers))
    assert answer.status == 200


async def test_safe_requests_may_be_linked_from_anywhere(client: Client, tmp_path: Path) -> None:
    await publish_demo(client, tmp_path)
    answer = await client.get("/simple/demo/", headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status == 200
