"""All projects of a storage, each with all the objects under its name."""

from collections.abc import AsyncIterator

from wheelyard_server.names import NormalizedName
from wheelyard_server.storage import Listed, Storage, layout

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
