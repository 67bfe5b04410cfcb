"""Root pages: large ones are made once, however many ask, and never on the event loop."""

import asyncio
import threading
from collections.abc import Sequence

import msgspec
import pytest

from wheelyard_server.catalog.projects import ProjectEntry, Projects, SerialListing
from wheelyard_server.web.pages import simple_pages
from wheelyard_server.web.pages.negotiation import Encoding, MediaType
from wheelyard_server.web.pages.representation import Representation
from wheelyard_server.web.pages.simple_pages import RootPages, root_page

PROJECTS = Projects(ProjectEntry(name=f"p{number}", listing_etag="1", files=1) for number in range(200))
LISTING = SerialListing(PROJECTS, 0)


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[MediaType]:
    """Note which pages are made, which must not happen where requests wait for each other."""
    made: list[MediaType] = []

    def noted(names: Sequence[str], media_type: MediaType, serials: Sequence[int]) -> Representation:
        assert threading.current_thread() is not threading.main_thread()
        made.append(media_type)
        return root_page(names, media_type, serials)

    monkeypatch.setattr(simple_pages, "root_page", noted)
    return made


async def test_a_page_is_rendered_once_per_representation_however_many_clients_ask(made: list[MediaType]) -> None:
    here = RootPages()
    for _ in range(2):
        asked = (here.page(LISTING, MediaType.TEXT_HTML, Encoding.GZIP) for _ in range(20))
        assert len({id(page) for page in await asyncio.gather(*asked)}) == 1
    page = await here.page(LISTING, MediaType.TEXT_HTML, Encoding.ZSTD)
    assert (Encoding.GZIP, False) in page._ready_answers
    await here.page(LISTING, MediaType.JSON_V1, Encoding.IDENTITY)
    assert made == [MediaType.TEXT_HTML, MediaType.JSON_V1]


async def test_another_list_has_another_page(made: list[MediaType]) -> None:
    here = RootPages()
    first = await here.page(LISTING, MediaType.TEXT_HTML, Encoding.IDENTITY)
    other = await here.page(
        SerialListing(Projects(PROJECTS.entries[:150]), 0), MediaType.TEXT_HTML, Encoding.IDENTITY
    )
    assert (b'href="p199/"' in first.body, b'href="p199/"' in other.body) == (True, False)
    assert len(made) == 2


async def test_a_client_that_disconnects_takes_the_page_from_no_other(made: list[MediaType]) -> None:
    here = RootPages()
    first = asyncio.create_task(here.page(LISTING, MediaType.TEXT_HTML, Encoding.IDENTITY))
    await asyncio.sleep(0)
    second = asyncio.create_task(here.page(LISTING, MediaType.TEXT_HTML, Encoding.IDENTITY))
    await asyncio.sleep(0)
    first.cancel()
    assert b'href="p0/"' in (await second).body
    assert made == [MediaType.TEXT_HTML]


async def test_a_page_shows_no_serial_beyond_the_horizon_and_is_made_again_when_that_has_moved(
    made: list[MediaType],
) -> None:
    entries = (msgspec.structs.replace(entry, serial=5) for entry in PROJECTS.entries[:-1])
    last = msgspec.structs.replace(PROJECTS.entries[-1], serial=9)
    here, projects, serials = RootPages(), Projects((*entries, last)), []
    for horizon in (7, 7, 20, 30, 0):
        page = await here.page(SerialListing(projects, horizon), MediaType.JSON_V1, Encoding.IDENTITY)
        described = msgspec.json.decode(page.body)
        of_projects = [each.get("_last-serial") for each in described["projects"][-2:]]
        serials.append((page.serial, described["meta"].get("_last-serial", 0), *of_projects))
    assert serials == [(7, 7, 5, 7), (7, 7, 5, 7), (9, 9, 5, 9), (9, 9, 5, 9), (0, 0, None, None)]
    assert len(made) == 3
