"""`wheelyard.json`: which format a storage has, and whose it is."""

from contextlib import suppress

import msgspec

from wheelyard_server.errors import (
    InvalidSettingsError,
    ObjectNotFoundError,
    PreconditionFailedError,
)
from wheelyard_server.model import FORMAT
from wheelyard_server.storage import Storage, layout


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """The content of `wheelyard.json`."""

    format: int = FORMAT
    index: str | None = None
    """`<namespace>/<name>` of the PackageIndex; None where a server without a name made it."""


async def claim(storage: Storage, index: str | None) -> None:
    """Make sure that this storage is ours to serve; mark an empty one as ours.

    Raises `InvalidSettingsError` if it belongs to another index or has a newer format.
    """
    try:
        found = await read(storage)
    except ObjectNotFoundError:
        await _mark(storage, index)
        found = await read(storage)
    if found.format > FORMAT:
        raise InvalidSettingsError(f"The storage has format {found.format}, this server knows {FORMAT}: upgrade it")
    if index is not None and found.index is not None and found.index != index:
        raise InvalidSettingsError(
            f"The storage belongs to the index {found.index!r}, not to {index!r}: choose another bucket or prefix"
        )


async def read(storage: Storage) -> Identity:
    """Return `wheelyard.json`; raise `ObjectNotFoundError`, or `InvalidSettingsError` if it is damaged."""
    body, _ = await storage.read(layout.INDEX)
    try:
        return msgspec.json.decode(body, type=Identity)
    except msgspec.MsgspecError as error:
        raise InvalidSettingsError(f"{layout.INDEX} in the storage is not Wheelyard's: {error}") from error


async def _mark(storage: Storage, index: str | None) -> None:
    """Mark the storage as ours, unless another replica, or another index, is faster: reading it tells."""
    with suppress(PreconditionFailedError):
        await storage.write(layout.INDEX, msgspec.json.encode(Identity(index=index)), expected=None)
