"""Every page for people, for everybody: its headers, and that no login of HTTP is asked for."""

from pathlib import Path

import msgspec
from aiohttp.test_utils import TestClient

from support.http import Client
from support.memory_storage import MemoryStorage
from support.routes import PAGES, answers, filled, publish_demo
from support.serving import LimitedServer
from wheelyard_server import app
from wheelyard_server.settings import Settings
from wheelyard_server.settings.web import WebSettings
from wheelyard_server.web.http.lifecycle import LIFECYCLE
from wheelyard_server.web.site.page_headers import page_headers

STRICT = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


async def test_every_answer_of_every_page_has_them(client: Client, storage: MemoryStorage, tmp_path: Path) -> None:
    await publish_demo(client, tmp_path)
    pages = 0
    async for answer in answers(client, storage, PAGES):
        headers = answer.headers
        assert "WWW-Authenticate" not in headers, answer.url
        assert headers["X-Content-Type-Options"] == "nosniff"
        if headers.get("Content-Type", "").startswith("text/html"):
            pages += 1
            assert headers["Content-Security-Policy"] == STRICT
            assert headers["Cache-Control"] == "private, no-cache"
            assert "Cookie" in headers["Vary"]
            assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
        else:
            assert "sandbox" in headers["Content-Security-Policy"] or answer.status == 304
    assert pages >= len(PAGES)


def test_only_images_of_other_sites_may_be_loaded_if_the_index_says_so() -> None:
    policy = page_headers(images=True)["Content-Security-Policy"]
    assert policy == STRICT.replace("img-src 'self'", "img-src 'self' https:")


async def test_an_index_without_pages_has_none(settings: Settings, storage: MemoryStorage) -> None:
    application = app.build(msgspec.structs.replace(settings, web=WebSettings(enabled=False)), storage)
    application[LIFECYCLE].started = True
    async with TestClient(LimitedServer(application, settings.limits)) as client:
        for _, path in PAGES:
            answer = await client.get(filled(path), headers={"Sec-Fetch-Mode": "navigate"}, allow_redirects=False)
            # Uploads may go to the root.
            assert answer.status in (404, 405) or "/simple/" in answer.headers["Location"]
        answer = await client.get("/demo/", headers={"Sec-Fetch-Mode": "navigate"}, allow_redirects=False)
        assert answer.headers["Location"] == "../simple/demo/"
