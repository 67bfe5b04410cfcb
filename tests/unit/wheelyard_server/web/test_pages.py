"""Root pages: large ones are made once, however many ask, and never on the event loop."""

import asyncio
import threading
from collections.abc import Sequence

import pytest

from wheelyard_server.catalog.project_list import ProjectEntry, Projects
from wheelyard_server.web import pages
from wheelyard_server.web.negotiation import Encoding, MediaType
from wheelyard_server.web.pages import RootPages, root_page
from wheelyard_server.web.representation import Representation

PROJECTS = Projects(ProjectEntry(name=f"p{number}", tag="1", files=1) for number in range(200))


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[MediaType]:
    """Note which pages are made, which must not happen where requests wait for each other."""
    made: list[MediaType] = []

    def noted(names: Sequence[str], media_type: MediaType) -> Representation:
        assert threading.current_thread() is not threading.main_thread()
        made.append(media_type)
        return root_page(names, media_type)

    monkeypatch.setattr(pages, "root_page", noted)
    return made


async def test_a_page_is_made_once_for_all_who_ask_and_each_representation(made: list[MediaType]) -> None:
    here = RootPages()
    for _ in range(2):
        asked = (here.page(PROJECTS, MediaType.TEXT_HTML, Encoding.GZIP) for _ in range(20))
        assert len({id(page) for page in await asyncio.gather(*asked)}) == 1
    page = await here.page(PROJECTS, MediaType.TEXT_HTML, Encoding.ZSTD)
    assert page.is_ready(Encoding.GZIP)
    await here.page(PROJECTS, MediaType.JSON_V1, Encoding.IDENTITY)
    assert made == [MediaType.TEXT_HTML, MediaType.JSON_V1]


async def test_another_list_has_another_page(made: list[MediaType]) -> None:
    here = RootPages()
    first = await here.page(PROJECTS, MediaType.TEXT_HTML, Encoding.IDENTITY)
    other = await here.page(Projects(PROJECTS.entries[:150]), MediaType.TEXT_HTML, Encoding.IDENTITY)
    assert (b'href="p199/"' in first.body, b'href="p199/"' in other.body) == (True, False)
    assert len(made) == 2


async def test_whoever_goes_away_takes_the_page_from_nobody(made: list[MediaType]) -> None:
    here = RootPages()
    first = asyncio.create_task(here.page(PROJECTS, MediaType.TEXT_HTML, Encoding.IDENTITY))
    await asyncio.sleep(0)
    second = asyncio.create_task(here.page(PROJECTS, MediaType.TEXT_HTML, Encoding.IDENTITY))
    await asyncio.sleep(0)
    first.cancel()
    assert b'href="p0/"' in (await second).body
    assert made == [MediaType.TEXT_HTML]
