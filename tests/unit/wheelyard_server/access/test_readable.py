"""The catalog for the fast lane: nothing of a project is given out to a reader without the right to it."""

from pathlib import Path

import msgspec
import pytest

from support.access import ACCESS, READER
from support.catalogs import DEMO, publish
from support.http import auth
from support.memory_storage import Fault, MemoryStorage
from wheelyard_server.access.known_readers import KnownReader
from wheelyard_server.access.readable import ReadableCatalog
from wheelyard_server.access.reloading import CurrentAccess
from wheelyard_server.catalog.catalog import Catalog
from wheelyard_server.errors import NotFoundError
from wheelyard_server.names import NormalizedName
from wheelyard_server.settings import Listener

SECRET = NormalizedName("secret-x")
ANONYMOUS = KnownReader(None)
LOGGED_IN = KnownReader(auth(READER)["Authorization"])


@pytest.fixture
def access(tmp_path: Path) -> CurrentAccess:
    path = tmp_path / "access.yaml"
    path.write_bytes(msgspec.yaml.encode(ACCESS))
    return CurrentAccess(path, lambda: 0)


@pytest.fixture
async def readable(access: CurrentAccess, tmp_path: Path) -> ReadableCatalog:
    """Publish a project that anonymous may read, and one that only readers may."""
    storage = MemoryStorage()
    for name in (DEMO, SECRET):
        await publish(storage, tmp_path, "1.0", name=name.replace("-", "_"))
    return ReadableCatalog(Catalog(storage), access)


async def test_a_project_is_cached_once_it_was_read(readable: ReadableCatalog) -> None:
    assert readable.cached_project(DEMO) is None
    await readable.revalidated_project(DEMO)
    project = readable.cached_project(DEMO)
    assert project is not None
    view = project.view_for(ANONYMOUS, Listener.CLUSTER)
    assert view is not None
    assert view.project.name == DEMO
    assert not readable.is_fresh(project), "only the storage knows"


async def test_only_readers_with_the_right_see_a_project(readable: ReadableCatalog) -> None:
    revalidated = await readable.revalidated_project(SECRET)
    for project in (revalidated, readable.cached_project(SECRET)):
        assert project is not None
        assert project.view_for(ANONYMOUS, Listener.CLUSTER) is None
        assert project.view_for(LOGGED_IN, Listener.CLUSTER) is not None


async def test_the_access_file_counts_that_is_in_force_when_the_view_is_asked_for(
    readable: ReadableCatalog, access: CurrentAccess
) -> None:
    project = await readable.revalidated_project(SECRET)
    access._path.write_bytes(msgspec.yaml.encode(msgspec.structs.replace(ACCESS, users=())))
    access.reload()
    assert project.view_for(LOGGED_IN, Listener.CLUSTER) is None


async def test_a_project_that_is_not_there_or_cannot_be_read_is_an_error(
    access: CurrentAccess, tmp_path: Path
) -> None:
    storage = MemoryStorage()
    readable = ReadableCatalog(Catalog(storage), access)
    with pytest.raises(NotFoundError):
        await readable.revalidated_project(DEMO)
    await publish(storage, tmp_path, "1.0")
    await readable.revalidated_project(DEMO)
    storage.fail_at(0, Fault.LOST_REQUEST, times=100)
    project = await readable.revalidated_project(DEMO)
    assert project.caveat is not None
