"""Files as the catalog knows them, with their bytes in a memory storage."""

import hashlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from io import FileIO

from support.memory_storage import MemoryStorage
from wheelyard_server.catalog.contents.content import Content
from wheelyard_server.catalog.contents.fill import Stored
from wheelyard_server.model import File
from wheelyard_server.storage import layout


def put(storage: MemoryStorage, body: bytes, name: str = "demo") -> Stored:
    """Put a file's bytes where its project would have them."""
    file = File(
        filename=f"{name}-1.0-py3-none-any.whl",
        version="1.0",
        upload_id="1",
        size=len(body),
        sha256=hashlib.sha256(body).hexdigest(),
        upload_time=datetime(2026, 1, 1, tzinfo=UTC),
        uploader="ci.publisher",
        core_metadata_sha256="",
    )
    key = layout.content(name, file)
    storage.objects[key] = body
    return Stored(storage, key, file)


def file_of(stored: Stored) -> File:
    """Return the file as its project has it."""
    assert isinstance(stored.file, File)
    return stored.file


async def received(content: Content) -> bytes:
    """Return all of a file, or of a stream."""
    if isinstance(content, bytes):
        return content
    if isinstance(content, FileIO):
        with content:
            return content.read()
    return b"".join([chunk async for chunk in content])


def streamed(content: Content) -> AsyncIterator[bytes]:
    """Return the content, which is a stream."""
    assert not isinstance(content, bytes | FileIO)
    return content
