"""`wheelyard.json`: which format a storage has, and whose it is."""

from contextlib import suppress

import msgspec

from wheelyard_server.errors import (
    InvalidSettingsError,
    ObjectNotFoundError,
    PreconditionFailedError,
)
from wheelyard_server.model import FORMAT
from wheelyard_server.storage import ETag, Storage, layout


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """The content of `wheelyard.json`."""

    format: int = FORMAT
    index: str | None = None
    """`<namespace>/<name>` of the PackageIndex; None where nobody has claimed it yet."""


async def claim(storage: Storage, index: str | None) -> None:
    """Make sure that this storage is ours to serve; mark one that nobody has claimed as ours.

    Raises `InvalidSettingsError` if it belongs to another index or has a newer format.
    """
    try:
        found, etag = await read(storage)
    except ObjectNotFoundError:
        await _mark(storage, index, None)
        found, etag = await read(storage)
    _check(found, index)
    if found.index is None and index is not None:
        # It was made by a server without a name, or by `wheelyard copy`.
        await _mark(storage, index, etag)
        found, _ = await read(storage)
        _check(found, index)


async def read(storage: Storage) -> tuple[Identity, ETag]:
    """Return `wheelyard.json`; raise `ObjectNotFoundError`, or `InvalidSettingsError` if it is damaged."""
    body, etag = await storage.read(layout.INDEX)
    try:
        return msgspec.json.decode(body, type=Identity), etag
    except msgspec.MsgspecError as error:
        raise InvalidSettingsError(f"{layout.INDEX} in the storage is not Wheelyard's: {error}") from error


def _check(found: Identity, index: str | None) -> None:
    if found.format > FORMAT:
        raise InvalidSettingsError(f"The storage has format {found.format}, this server knows {FORMAT}: upgrade it")
    if index is not None and found.index is not None and found.index != index:
        raise InvalidSettingsError(
            f"The storage belongs to the index {found.index!r}, not to {index!r}: choose another bucket or prefix"
        )


async def _mark(storage: Storage, index: str | None, expected: ETag | None) -> None:
    """Mark the storage as ours, unless another replica, or another index, is faster: reading it tells."""
    with suppress(PreconditionFailedError):
        await storage.write(layout.INDEX, msgspec.json.encode(Identity(index=index)), expected=expected)
