"""How much a browser loads on its first visit."""

import re
from pathlib import Path

import pytest
from yarl import URL

from support.http import Client
from support.routes import publish_demo

MAX_BYTES = 14 * 1024
"""About what a server may send before the first acknowledgment: ten packets (RFC 6928)."""


@pytest.mark.parametrize("path", ["/", "/projects/", "/access/", "/projects/?page=x", "/project/demo/"])
async def test_a_page_and_all_it_loads_are_one_round_trip(client: Client, tmp_path: Path, path: str) -> None:
    await publish_demo(client, tmp_path)
    page = await client.get(path, headers={"Accept-Encoding": "identity"})
    text = await page.text()
    loaded = set(re.findall(r'(?:src|rel="(?:icon|stylesheet)" href)="([^"]+)"', text))
    assert len(loaded) >= 3
    total = 0
    for url in (page.url, *(page.url.join(URL(each)) for each in loaded)):
        answer = await client.get(url.path_qs, headers={"Accept-Encoding": "gzip"})
        assert answer.headers["Content-Encoding"] == "gzip"
        total += len(await answer.read())
    assert total <= MAX_BYTES
