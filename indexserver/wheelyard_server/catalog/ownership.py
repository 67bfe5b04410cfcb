"""`wheelyard.json`: which format may be written to a storage, and whose it is.

A server of an older release cannot read what is written in a newer format. So the format is raised only when no
such server runs any more. It never goes back. See docs/adr/0030-format-2.md.
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
"""To raise the format: somebody else who is faster does the same, or claims the storage once."""


class StorageMarker(msgspec.Struct, frozen=True, kw_only=True):
    """The content of `wheelyard.json`."""

    format: int = OLDEST_FORMAT
    """Documents up to this format may be written."""
    index: str | None = None
    """`<namespace>/<name>` of the PackageIndex; None where nobody has claimed it yet."""
    unknown: Mapping[str, msgspec.Raw] = MappingProxyType({})
    """Keys of a newer release. They are written back as they were."""


class StorageFormat:
    """Which format may be written to a storage. It is read again until it is the newest that this server knows."""

    def __init__(self, storage: Storage, may_raise: Callable[[], bool] = lambda: False) -> None:
        """`may_raise` tells whether no server of an older release serves this storage any more."""
        self._storage = storage
        self._may_raise = may_raise
        self._current = OLDEST_FORMAT

    async def current(self) -> int:
        """Return the format to write, raised if it may be; raise `StorageError` if the storage does not answer."""
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
    """Return what tells whether this server's format may be written to its storage.

    The file `storage-format` beside the access file holds the format that all servers of the storage know. The
    operator writes it when that is so.
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
    """Make sure that this storage is ours to serve; mark one that nobody has claimed as ours.

    Raises `InvalidSettingsError` if it belongs to another index or has a newer format.
    """
    try:
        found, etag = await read(storage)
    except ObjectNotFoundError:
        await _write(storage, StorageMarker(format=FORMAT, index=index), None)
        found, etag = await read(storage)
    _check(found, index)
    if found.index is None and index is not None:
        # It was made by a server without a name, or by `wheelyard copy`.
        await _write(storage, msgspec.structs.replace(found, index=index), etag)
        found, _ = await read(storage)
        _check(found, index)


async def assign_owner(storage: Storage, index: str, previous: str | None = None) -> str | None:
    """Write whose this storage is from now on, and return whose it was; `previous` is the index that gives it up.

    This is how the owner of packages consents that the operator makes a key for an index. Raises
    `InvalidSettingsError` if this is no storage, or one of another index than `previous`.
    """
    for _ in range(_TRIES):
        try:
            found, etag = await read(storage)
        except ObjectNotFoundError:
            raise InvalidSettingsError(f"There is no {layout.INDEX}: are bucket and prefix right?") from None
        if found.index == index:
            return index
        if found.index != previous:
            raise InvalidSettingsError(_not_theirs(found.index, previous))
        await _write(storage, msgspec.structs.replace(found, index=index), etag)
        if (await read(storage))[0].index == index:
            return previous
    raise StorageUnavailableError(layout.INDEX, "too many writers at the same time")


def _not_theirs(owner: str | None, previous: str | None) -> str:
    if owner is None:
        return f"The storage belongs to no index, and not to {previous!r}: leave out --from"
    return f"The storage belongs to the index {owner!r}: to take it over, stop that index and give --from {owner}"


async def raise_format(storage: Storage) -> None:
    """Let the newest format be written from now on. No server that does not know it may run any more.

    Raises `StorageError` if the storage does not answer, or has no `wheelyard.json`.
    """
    for _ in range(_TRIES):
        found, etag = await read(storage)
        if found.format >= FORMAT:
            return
        log.info("Raising the storage's format from %d to %d", found.format, FORMAT)
        await _write(storage, msgspec.structs.replace(found, format=FORMAT), etag)
    raise StorageUnavailableError(layout.INDEX, "too many writers at the same time")


async def read(storage: Storage) -> tuple[StorageMarker, ETag]:
    """Return `wheelyard.json`; raise `ObjectNotFoundError`, or `InvalidSettingsError` if it is damaged."""
    body, etag = await storage.read(layout.INDEX)
    try:
        found = msgspec.json.decode(body, type=StorageMarker)
        keys = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    except msgspec.MsgspecError as error:
        raise InvalidSettingsError(f"{layout.INDEX} in the storage is not Wheelyard's: {error}") from error
    return msgspec.structs.replace(found, unknown={key: keys[key] for key in keys.keys() - _KEYS}), etag


def _check(found: StorageMarker, index: str | None) -> None:
    if found.format > FORMAT:
        raise InvalidSettingsError(f"The storage has format {found.format}, this server knows {FORMAT}: upgrade it")
    if index is not None and found.index is not None and found.index != index:
        raise InvalidSettingsError(
            f"The storage belongs to the index {found.index!r}, not to {index!r}: choose another bucket or prefix"
        )


async def _write(storage: Storage, marker: StorageMarker, expected: ETag | None) -> None:
    """Write `wheelyard.json`, unless another replica, or another index, is faster: reading it tells."""
    body = {"format": marker.format, "index": marker.index, **marker.unknown}
    with suppress(PreconditionFailedError):
        await storage.write(layout.INDEX, msgspec.json.encode(body), expected=expected)
