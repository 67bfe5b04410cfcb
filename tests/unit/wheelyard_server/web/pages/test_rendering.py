"""Pages are rendered once for all clients, large ones in a thread, and kept in bounded memory."""

import asyncio
import threading

import pytest

from wheelyard_server.errors import BusyError
from wheelyard_server.web.pages.negotiation import Encoding
from wheelyard_server.web.pages.rendering import (
    KEPT_WHOLE_BYTES,
    MAX_WAITING,
    ROWS_INLINE,
    OriginPageCache,
    PageCache,
    RenderingQueue,
)
from wheelyard_server.web.pages.representation import MAX_SMALL_BYTES, Representation

MANY = ROWS_INLINE + 1
LARGE = b"<p>large</p>" * MAX_SMALL_BYTES


class Maker:
    """Makes a page and notes in which thread."""

    def __init__(self, body: bytes = b"small") -> None:
        self.threads: list[bool] = []
        self._body = body

    def __call__(self, origin: str = "") -> Representation:
        self.threads.append(threading.current_thread() is threading.main_thread())
        return Representation(self._body + origin.encode(), "text/html", f"validator {origin}" if origin else "")


async def test_a_short_page_is_rendered_at_once_and_a_long_one_in_a_thread() -> None:
    pages, short, long = PageCache[str](10**6), Maker(), Maker()
    for _ in range(2):
        await asyncio.gather(*(pages.page("short", Encoding.GZIP, short, ROWS_INLINE) for _ in range(10)))
        await asyncio.gather(*(pages.page("long", Encoding.GZIP, long, MANY) for _ in range(10)))
    assert (short.threads, long.threads) == ([True], [False])


async def test_of_a_large_page_only_the_requested_coding_is_kept() -> None:
    pages, make = PageCache[str](10**6), Maker(LARGE)
    page = await pages.page("a", Encoding.GZIP, make, MANY)
    whole = make()
    for unchanged in (True, False):
        assert page.ready_answer(Encoding.GZIP, unchanged=unchanged) == whole.ready_answer(
            Encoding.GZIP, unchanged=unchanged
        )
    assert {each: page.etag(each) for each in Encoding} == {each: whole.etag(each) for each in Encoding}
    assert page.body_in(Encoding.GZIP) == whole.body_in(Encoding.GZIP)
    assert page.memory < len(LARGE) / 10
    assert pages.get("a", Encoding.GZIP) is page
    assert pages.get("a", Encoding.ZSTD) is None
    plain = await pages.page("a", Encoding.IDENTITY, make, MANY)
    assert plain.body_in(Encoding.IDENTITY) == LARGE


async def test_the_number_of_pages_waiting_to_be_rendered_is_limited() -> None:
    pages, go_on = PageCache[int](10**6), threading.Event()

    def make() -> Representation:
        go_on.wait()
        return Representation(b"", "text/html")

    waiting = [asyncio.create_task(pages.page(each, Encoding.GZIP, make, MANY)) for each in range(MAX_WAITING)]
    await asyncio.sleep(0)
    same = asyncio.create_task(pages.page(0, Encoding.GZIP, make, MANY))
    await asyncio.sleep(0)
    with pytest.raises(BusyError):
        await pages.page(MAX_WAITING, Encoding.GZIP, make, MANY)
    go_on.set()
    await asyncio.gather(same, *waiting)


async def test_the_amount_of_waiting_work_is_limited() -> None:
    aside, go_on = RenderingQueue(), threading.Event()
    waiting = [asyncio.create_task(aside(go_on.wait, MANY)) for _ in range(MAX_WAITING)]
    await asyncio.sleep(0)
    with pytest.raises(BusyError):
        await aside(go_on.wait, MANY)
    assert await aside(lambda: "short", ROWS_INLINE) == "short"
    waiting.pop().cancel()  # a client that has gone
    await asyncio.sleep(0)
    waiting.append(asyncio.create_task(aside(go_on.wait, MANY)))
    go_on.set()
    assert await asyncio.gather(*waiting) == [True] * MAX_WAITING


async def test_a_page_that_cannot_be_made_is_tried_again() -> None:
    pages, make = PageCache[str](10**6), Maker()

    def fail() -> Representation:
        raise RuntimeError

    for rows in (1, MANY):
        with pytest.raises(RuntimeError):
            await pages.page("a", Encoding.GZIP, fail, rows)
    assert (await pages.page("a", Encoding.GZIP, make, MANY)).body == b"small"


@pytest.mark.parametrize(("size", "whole"), [(KEPT_WHOLE_BYTES, True), (KEPT_WHOLE_BYTES + 1, False)])
async def test_only_a_tiny_page_is_kept_for_codings_that_no_client_asked_for(size: int, whole: bool) -> None:  # noqa: FBT001
    pages, make = PageCache[str](10**6), Maker(b"x" * size)
    await pages.page("a", Encoding.GZIP, make, 1)
    assert (pages.get("a", Encoding.ZSTD) is not None) is whole
    await pages.page("a", Encoding.ZSTD, make, 1)
    assert len(make.threads) == (1 if whole else 2)
    assert pages._pages.size < 10**5


async def test_templates_are_kept_compressed() -> None:
    pages, make = OriginPageCache[str](8 * 10**6), Maker(LARGE)
    for origin in ("https://a.example", "https://b.example"):
        await pages.page("a", origin, Encoding.GZIP, make, MANY)
    assert pages._templates._pages.size < len(LARGE) / 10


@pytest.mark.parametrize("body", [b"small", LARGE])
async def test_a_page_with_an_origin_is_made_once_for_all_of_them(body: bytes) -> None:
    pages, make = OriginPageCache[str](8 * 10**6), Maker(body)
    for number in range(100):
        origin = f"https://{number}.example"
        page = await pages.page("a", origin, Encoding.IDENTITY, make, MANY)
        assert page.body_in(Encoding.IDENTITY) == body + origin.encode()
        assert page.etag(Encoding.GZIP) == Maker(body)(origin).etag(Encoding.GZIP)
        assert pages.get("a", origin, Encoding.IDENTITY) is page
    assert len(make.threads) == 1


@pytest.mark.parametrize("between", [0, 1, 100_000, 3 * 256 * 1024])
def test_an_origin_is_filled_in_wherever_a_slice_ends(between: int) -> None:
    """A page of 50,000 files is filled in slices, none of which may end in the middle of the placeholder."""
    placeholder, origin = "https://placeholder.invalid", "http://a"
    body = b"".join(b'<a data-provenance="%s/x">%s</a>' % (placeholder.encode(), b"x" * between) for _ in range(20))
    page = Representation(body, "text/html", f"of {placeholder}").with_origin(placeholder, origin)
    assert page.body == body.replace(placeholder.encode(), origin.encode())
    assert (page.content_type, page.validator) == ("text/html", "of http://a")


async def test_origins_that_clients_make_up_take_a_bounded_amount_of_memory() -> None:
    pages, make = OriginPageCache[str](10**6), Maker(b"x" * 10_000)
    for number in range(1000):
        await pages.page("a", f"https://{number}.example", Encoding.GZIP, make, 1)
    assert pages._pages._pages.size + pages._templates._pages.size <= 10**6
