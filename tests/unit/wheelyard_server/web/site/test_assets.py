"""The stylesheet, the script and the icon."""

import re
from importlib.resources import files

from support.http import Client
from wheelyard_server.web.site.assets import ASSET_PATHS


async def test_a_page_links_to_assets_that_caches_may_keep(client: Client) -> None:
    page = await (await client.get("/")).text()
    linked = set(re.findall(r'(?:href|src)="(_/site/[^"]*)"', page))
    assert {f"/{each}" for each in linked} == {
        ASSET_PATHS["site.css"],
        ASSET_PATHS["site.js"],
        ASSET_PATHS["icon.svg"],
    }
    for each in linked:
        answer = await client.get(f"/{each}", headers={"Accept-Encoding": "gzip"})
        assert (answer.status, answer.headers["Content-Encoding"]) == (200, "gzip")
        assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        assert (await answer.read()) != b""


async def test_another_release_s_asset_is_missing(client: Client) -> None:
    answer = await client.get(f"/_/site/{'0' * 16}/site.css")
    assert answer.status == 404
    assert "immutable" not in answer.headers["Cache-Control"]


def test_the_script_is_tiny() -> None:
    assert len((files("wheelyard_server.web.site") / "static" / "site.js").read_bytes()) < 1024
