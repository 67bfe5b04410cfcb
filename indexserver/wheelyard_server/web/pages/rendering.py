"""Renders each page once for all requests, and large pages in a separate thread (ADR 27).

There is one thread: several would take turns with the interpreter lock, and the event loop would
wait for each.
"""

import asyncio
import secrets
from collections.abc import Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from typing import Generic, TypeVar

import zstandard

from wheelyard_server.catalog.contents.memory_cache import MemoryCache
from wheelyard_server.compression import zstd
from wheelyard_server.errors import BusyError
from wheelyard_server.web.pages.negotiation import Encoding
from wheelyard_server.web.pages.representation import Representation

ROWS_INLINE = 100
"""A page with so few files or projects takes about a millisecond: it is rendered on the event loop."""
KEPT_WHOLE_BYTES = 8 * 1024
"""A page of this size is kept as it was rendered, for all content codings. A larger one takes a fifth of
the memory if it is kept in a coding that a client has asked for, and clients ask for one or two."""
MAX_WAITING = 100
"""Pages of one kind that may wait. Clients can invent any number of origins for pages with absolute links."""

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")

_THREAD = ThreadPoolExecutor(1, thread_name_prefix="rendering")


class RenderingQueue:
    """Work of one kind: long work waits for the rendering thread."""

    def __init__(self) -> None:
        self._waiting = 0

    async def __call__(self, work: Callable[[], T], rows: int) -> T:
        """Return the result of work on so many rows; raise `BusyError` if too much work waits."""
        if rows <= ROWS_INLINE:
            return work()
        if self._waiting >= MAX_WAITING:
            raise BusyError("Too many pages wait to be rendered: try again")
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(_THREAD, work)
        finally:
            self._waiting -= 1


class PageCache(Generic[K]):
    """Rendered pages by key, in a bounded amount of memory."""

    def __init__(self, max_bytes: int) -> None:
        self._pages: MemoryCache[K | tuple[K, Encoding], Representation] = MemoryCache(max_bytes)
        self._running: dict[tuple[K, Encoding], asyncio.Task[Representation]] = {}
        self._queue = RenderingQueue()

    def get(self, key: K, encoding: Encoding) -> Representation | None:
        """Return a page if it can be sent in this content coding with no more work than a small page."""
        return self._pages.get(key) or self._pages.get((key, encoding))

    async def page(
        self, key: K, encoding: Encoding, make: Callable[[], Representation], rows: int
    ) -> Representation:
        """Return the page of so many rows that `make` renders; raise `BusyError` if too many wait."""
        page = self.get(key, encoding)
        if page is not None:
            return page
        if rows <= ROWS_INLINE:
            return self._keep(key, encoding, make())
        task = self._running.get((key, encoding))
        if task is None:
            task = self._running[key, encoding] = asyncio.create_task(self._render(key, encoding, make, rows))
            task.add_done_callback(lambda _: self._running.pop((key, encoding)))
        return await asyncio.shield(task)

    async def _render(
        self, key: K, encoding: Encoding, make: Callable[[], Representation], rows: int
    ) -> Representation:
        def render() -> Representation:
            page = make()
            page.ready_answer(encoding, unchanged=False)
            page.ready_answer(encoding, unchanged=True)
            return page

        return self._keep(key, encoding, await self._queue(render, rows))

    def _keep(self, key: K, encoding: Encoding, page: Representation) -> Representation:
        """Keep a tiny page for all content codings, and a larger one for this coding only."""
        if len(page.body) <= KEPT_WHOLE_BYTES:
            self._pages.put(key, page, page.memory)
            return page
        kept = page.only_in(encoding)
        self._pages.put((key, encoding), kept, kept.memory)
        return kept


_FAST = 1
"""Level of compression: a millisecond for each megabyte."""
_ORIGIN = f"https://{secrets.token_hex(16)}.invalid"
"""Placeholder for the origin. It is random, so no uploaded text contains it."""


class OriginPageCache(Generic[K]):
    """Pages with absolute links: rendered once, and each origin is only filled in."""

    def __init__(self, max_bytes: int) -> None:
        self._templates: PageCache[K] = PageCache(max_bytes // 3)
        """Pages with a placeholder, compressed: they are read only for the first client of an origin."""
        self._pages: PageCache[tuple[K, str]] = PageCache(max_bytes - max_bytes // 3)

    def get(self, key: K, origin: str, encoding: Encoding) -> Representation | None:
        """Return a page as `PageCache.get` does, of the index at an origin such as `https://host:port`."""
        return self._pages.get((key, origin), encoding)

    async def page(
        self, key: K, origin: str, encoding: Encoding, make: Callable[[str], Representation], rows: int
    ) -> Representation:
        """Return a page as `PageCache.page` does; `make` renders it for an origin."""
        page = self.get(key, origin, encoding)
        if page is not None:
            return page
        template = await self._templates.page(key, Encoding.IDENTITY, lambda: _packed(make(_ORIGIN)), rows)
        return await self._pages.page((key, origin), encoding, lambda: _filled(template, origin), rows)


def _packed(page: Representation) -> Representation:
    body = zstd(page.body, _FAST)
    return page.with_body(body)


def _filled(template: Representation, origin: str) -> Representation:
    body = zstandard.decompress(template.body)
    return template.with_body(body).with_origin(_ORIGIN, origin)
