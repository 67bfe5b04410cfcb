"""`wheelyard.json`: the index that owns a storage, and the newest format that may be written to it.

Servers of an older release cannot read a newer format. So the format is raised only after the last
such server has stopped. It never goes back. See docs/adr/0030-format-2.md.
"""

import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType

import msgspec

from wheelyard_server.errors import (
    DamagedObjectError,
    InvalidSettingsError,
    ObjectNotFoundError,
    PreconditionFailedError,
    StorageUnavailableError,
)
from wheelyard_server.model import FORMAT, OLDEST_FORMAT
from wheelyard_server.storage import ETag, Storage, layout

log = logging.getLogger(__name__)

FORMAT_FILE = "storage-format"
_FORMAT_FILE_BYTES = 16
_KEYS = frozenset({"format", "index"})
_TRIES = 5
"""Attempts to write: a faster writer does the same, or takes ownership once."""


class StorageMarker(msgspec.Struct, frozen=True, kw_only=True):
    """The contents of `wheelyard.json`."""

    format: int = OLDEST_FORMAT
    """The newest format that may be written."""
    index: str | None = None
    """`<namespace>/<name>` of the PackageIndex that owns the storage; None if it has no owner
    yet."""
    unknown: Mapping[str, msgspec.Raw] = MappingProxyType({})
    """Keys of a newer release, which are written back unchanged."""


class StorageFormat:
    """The format that may be written to a storage, read again until it is the newest that this server knows."""

    def __init__(self, storage: Storage, may_raise: Callable[[], bool] = lambda: False) -> None:
        """`may_raise` returns whether all servers of the storage know the newest format."""
        self._storage = storage
        self._may_raise = may_raise
        self._current = OLDEST_FORMAT

    async def current(self) -> int:
        """Return the format to write, after raising it if allowed; raise `StorageError` if the storage is down."""
        if self._current < FORMAT:
            self._current = await self._read()
        return self._current

    async def _read(self) -> int:
        try:
            if self._may_raise():
                await raise_format(self._storage)
            found, _ = await read(self._storage)
        except ObjectNotFoundError:
            return FORMAT
        except InvalidSettingsError as error:
            raise DamagedObjectError(layout.INDEX, str(error)) from error
        return min(found.format, FORMAT)


def permission(access_file: Path) -> Callable[[], bool]:
    """Return a function that returns whether this server's format may be written to its storage.

    The file `storage-format` next to the access file contains the newest format that all servers of
    the storage know. The operator writes it.
    """
    path = access_file.with_name(FORMAT_FILE)

    def may_raise() -> bool:
        try:
            with path.open("rb") as file:
                text = file.read(_FORMAT_FILE_BYTES).strip()
        except OSError:
            return False
        return text.isdigit() and int(text) >= FORMAT

    return may_raise


async def take_ownership(storage: Storage, index: str | None) -> None:
    """Make sure that this index owns the storage; take ownership if it has no owner.

    Raises `InvalidSettingsError` if it belongs to another index or has a newer format.
    """
    try:
        found, etag = await read(storage)
    except ObjectNotFoundError:
        await _write(storage, StorageMarker(format=FORMAT, index=index), None)
        found, etag = await read(storage)
    _check(found, index)
    if found.index is None and index is not None:
        # A server without a name created it, or `wheelyard copy` did.
        await _write(storage, msgspec.structs.replace(found, index=index), etag)
        found, _ = await read(storage)
        _check(found, index)


async def assign_owner(storage: Storage, index: str, previous: str | None = None) -> str | None:
    """Set the owner of the storage from `previous` to `index`, and return the owner before.

    By this, the owner of the packages allows the operator to create an access key for an index.
    Raises `InvalidSettingsError` if this is not a storage, or if its owner is not `previous`.
    """
    for _ in range(_TRIES):
        try:
            found, etag = await read(storage)
        except ObjectNotFoundError:
            raise InvalidSettingsError(
                f"The storage has no {layout.INDEX}: check the bucket and the prefix"
            ) from None
        if found.index == index:
            return index
        if found.index != previous:
            raise InvalidSettingsError(_not_theirs(found.index, previous))
        await _write(storage, msgspec.structs.replace(found, index=index), etag)
        if (await read(storage))[0].index == index:
            return previous
    raise StorageUnavailableError(layout.INDEX, "too many concurrent writers")


def _not_theirs(owner: str | None, previous: str | None) -> str:
    if owner is None:
        return f"The storage belongs to no index, not to {previous!r}: omit --from"
    return f"The storage belongs to the index {owner!r}: to take it over, stop that index and add --from {owner}"


async def raise_format(storage: Storage) -> None:
    """Allow the newest format from now on. No server that does not know it may be running.

    Raises `StorageError` if the storage does not answer, or has no `wheelyard.json`.
    """
    for _ in range(_TRIES):
        found, etag = await read(storage)
        if found.format >= FORMAT:
            return
        log.info("Raising the storage's format from %d to %d", found.format, FORMAT)
        await _write(storage, msgspec.structs.replace(found, format=FORMAT), etag)
    raise StorageUnavailableError(layout.INDEX, "too many concurrent writers")


async def read(storage: Storage) -> tuple[StorageMarker, ETag]:
    """Return `wheelyard.json`; raise `ObjectNotFoundError`, or `InvalidSettingsError` if it is damaged."""
    body, etag = await storage.read(layout.INDEX)
    try:
        found = msgspec.json.decode(body, type=StorageMarker)
        keys = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    except msgspec.MsgspecError as error:
        raise InvalidSettingsError(f"{layout.INDEX} in the storage is not a file of Wheelyard: {error}") from error
    return msgspec.structs.replace(found, unknown={key: keys[key] for key in keys.keys() - _KEYS}), etag


def _check(found: StorageMarker, index: str | None) -> None:
    if found.format > FORMAT:
        raise InvalidSettingsError(
            f"The storage has format {found.format}, but this server knows only {FORMAT}: upgrade the server"
        )
    if index is not None and found.index is not None and found.index != index:
        raise InvalidSettingsError(
            f"The storage belongs to the index {found.index!r}, not to {index!r}: choose another bucket or prefix"
        )


async def _write(storage: Storage, marker: StorageMarker, expected: ETag | None) -> None:
    """Write `wheelyard.json` unless another replica or index is faster; read it to find out."""
    body = {"format": marker.format, "index": marker.index, **marker.unknown}
    with suppress(PreconditionFailedError):
        await storage.write(layout.INDEX, msgspec.json.encode(body), expected=expected)
