"""All projects of a storage, each with all the objects under its name."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TypeVar

from wheelyard_server.names import NormalizedName
from wheelyard_server.storage import Listed, Storage, layout

T = TypeVar("T")

Objects = dict[str, Listed]
"""Objects by key, in ascending order."""


async def projects(storage: Storage) -> AsyncIterator[tuple[NormalizedName, Objects]]:
    """Yield every project that has a document or objects, with the listed objects under its name.

    Takes memory for the objects of one project and the names of all.
    """
    seen: set[str] = set()
    async for name, objects in _with_objects(storage):
        seen.add(name)
        yield NormalizedName(name), objects
    async for listed in storage.list(layout.DOCUMENTS):
        name = layout.project_of(listed.key)
        if name not in seen:
            yield NormalizedName(name), {}


async def _with_objects(storage: Storage) -> AsyncIterator[tuple[str, Objects]]:
    current, objects = "", Objects()
    async for listed in storage.list(layout.FILES):
        if layout.is_folder_marker(listed):
            continue
        name = listed.key.removeprefix(layout.FILES).partition("/")[0]
        if name != current and objects:
            yield current, objects
            objects = {}
        current = name
        objects[listed.key] = listed
    if objects:
        yield current, objects


async def for_each(items: AsyncIterator[T], work: Callable[[T], Awaitable[None]], at_once: int) -> None:
    """Do the work for all items, `at_once` at a time; the first error stops everything."""
    limit = asyncio.Semaphore(at_once)

    async def limited(item: T) -> None:
        try:
            await work(item)
        finally:
            limit.release()

    try:
        async with asyncio.TaskGroup() as group:
            async for item in items:
                await limit.acquire()
                group.create_task(limited(item))
    except ExceptionGroup as errors:
        raise errors.exceptions[0] from None
