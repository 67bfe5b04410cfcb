"""The whole application on a memory storage, answering over a real socket."""

from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
from aiohttp.test_utils import TestClient

from support.access import ACCESS
from support.http import Client
from support.memory_storage import MemoryStorage
from support.patience import HANG_SECONDS
from support.serving import LimitedServer
from support.sessions import write_sessions
from wheelyard_server import app
from wheelyard_server import storage as storages
from wheelyard_server.settings import Folder, Limits, Listener, Settings, StorageSettings
from wheelyard_server.web.http.lifecycle import LIFECYCLE


@pytest.fixture
def storage() -> MemoryStorage:
    return MemoryStorage()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    access_file = tmp_path / "access.yaml"
    access_file.write_bytes(msgspec.yaml.encode(ACCESS))
    write_sessions(tmp_path)
    return Settings(
        storage=StorageSettings(folder=Folder(path=tmp_path / "unused")),
        access_file=access_file,
        scratch_folder=tmp_path / "scratch",
        limits=Limits(
            file_bytes=200_000,
            metadata_bytes=20_000,
            project_files=5,
            # On a busy machine these clients are late, too; test_deadlines.py is about being late.
            header_seconds=HANG_SECONDS,
            body_seconds=HANG_SECONDS,
        ),
    )


@pytest.fixture
def listener() -> Listener:
    """Return which listener the client connects to; tests choose the other one."""
    return Listener.CLUSTER


@pytest.fixture
async def client(settings: Settings, storage: storages.Storage, listener: Listener) -> AsyncIterator[Client]:
    application = app.build(settings, storage)
    application[LIFECYCLE].started = True
    async with TestClient(
        LimitedServer(application, settings.limits, listener=listener),
        auto_decompress=False,
        headers={"Accept-Encoding": "identity"},
    ) as test_client:
        yield test_client
