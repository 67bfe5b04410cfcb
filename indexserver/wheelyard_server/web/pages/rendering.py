"""Pages that are made once however many ask for them: large ones beside the event loop, one at a time (ADR 27).

One thread makes them all. Several would take turns with Python's lock, and the event loop would wait for each.
"""

import asyncio
import secrets
from collections.abc import Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from typing import Generic, TypeVar

from wheelyard_server.catalog.contents.memory_cache import MemoryCache
from wheelyard_server.errors import BusyError
from wheelyard_server.web.pages.negotiation import Encoding
from wheelyard_server.web.pages.representation import Representation

ROWS_INLINE = 100
"""A page of so few files or projects takes about a millisecond: it is made where it is needed."""
MAX_WAITING = 100
"""Pages of one kind that wait to be made. Those that have an origin in them are as many as clients make up."""

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")

_THREAD = ThreadPoolExecutor(1, thread_name_prefix="rendering")


class RenderingQueue:
    """Work of one kind, done beside the event loop where it is long."""

    def __init__(self) -> None:
        self._waiting = 0

    async def __call__(self, work: Callable[[], T], rows: int) -> T:
        """Return what the work returns, which goes over so many rows; raise `BusyError` if too much of it waits."""
        if rows <= ROWS_INLINE:
            return work()
        if self._waiting >= MAX_WAITING:
            raise BusyError("Too many pages are being made, try again")
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(_THREAD, work)
        finally:
            self._waiting -= 1


class PageCache(Generic[K]):
    """Pages by key, in a bounded amount of memory."""

    def __init__(self, max_bytes: int) -> None:
        self._pages: MemoryCache[K | tuple[K, Encoding], Representation] = MemoryCache(max_bytes)
        self._running: dict[tuple[K, Encoding], asyncio.Task[Representation]] = {}
        self._aside = RenderingQueue()

    def cached(self, key: K, encoding: Encoding) -> Representation | None:
        """Return a page if it can be sent in this content coding without more work than that of a small page."""
        return self._pages.get(key) or self._pages.get((key, encoding))

    async def page(
        self, key: K, encoding: Encoding, make: Callable[[], Representation], rows: int
    ) -> Representation:
        """Return the page that `make` makes, which goes over so many rows; raise `BusyError` if too many wait."""
        page = self.cached(key, encoding)
        if page is not None:
            return page
        if rows <= ROWS_INLINE:
            return self._keep(key, encoding, make())
        task = self._running.get((key, encoding))
        if task is None:
            task = self._running[key, encoding] = asyncio.create_task(self._made(key, encoding, make, rows))
            task.add_done_callback(lambda _: self._running.pop((key, encoding)))
        return await asyncio.shield(task)

    async def _made(
        self, key: K, encoding: Encoding, make: Callable[[], Representation], rows: int
    ) -> Representation:
        def encoded() -> Representation:
            page = make()
            page.ready_answer(encoding, unchanged=False)
            page.ready_answer(encoding, unchanged=True)
            return page

        return self._keep(key, encoding, await self._aside(encoded, rows))

    def _keep(self, key: K, encoding: Encoding, page: Representation) -> Representation:
        """Keep a small page for all content codings. Of a large one, only what is sent in this one."""
        if page.is_small:
            self._pages.put(key, page, page.memory)
            return page
        kept = page.only(encoding)
        self._pages.put((key, encoding), kept, kept.memory)
        return kept


_ORIGIN = f"https://{secrets.token_hex(16)}.invalid"
"""Stands for the origin in what is kept for all of them. Nobody knows it, so nothing that was uploaded has it."""


class OriginPageCache(Generic[K]):
    """Pages with absolute links: made once, and for each origin no more than that is put in."""

    def __init__(self, max_bytes: int) -> None:
        self._templates: PageCache[K] = PageCache(max_bytes // 2)
        self._pages: PageCache[tuple[K, str]] = PageCache(max_bytes // 2)

    def cached(self, key: K, origin: str, encoding: Encoding) -> Representation | None:
        """Return a page as `PageCache.ready` does, of the index at `https://host:port`."""
        return self._pages.cached((key, origin), encoding)

    async def page(
        self, key: K, origin: str, encoding: Encoding, make: Callable[[str], Representation], rows: int
    ) -> Representation:
        """Return a page as `PageCache.page` does; `make` is given an origin."""
        page = self.cached(key, origin, encoding)
        if page is not None:
            return page
        template = await self._templates.page(key, Encoding.IDENTITY, lambda: make(_ORIGIN), rows)
        return await self._pages.page((key, origin), encoding, lambda: template.at(_ORIGIN, origin), rows)
