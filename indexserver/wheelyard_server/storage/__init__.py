"""The interface between the catalog and the place that keeps the bytes: an S3 bucket or a local folder.

Every implementation passes `tests/contract/test_storage.py`, also the in-memory one of the tests,
which fails on request. Keys are relative paths with `/` between the parts. Writers never overwrite
blindly: a document is written against the ETag that was read, and every other object has a key of
its own.

`Storage` has the duties of every storage. `LocalPaths` and `CheapChecks` are capabilities that only
some have. Callers ask for one by `local_paths` or `cheap_checks`.
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import NamedTuple, NewType, Protocol, runtime_checkable

ETag = NewType("ETag", str)
"""Opaque version of an object, as returned by its storage."""

Fingerprint = tuple[int, ...]
"""Changes whenever an object changes, as far as this machine can see without reading it."""


KEYS_PER_LIST = 1000
"""S3 returns at most this many keys per request:
https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html."""


class Document(NamedTuple):
    """A small object, read whole."""

    body: bytes
    etag: ETag


class Server(NamedTuple):
    """A program on the network that evaluates the conditions of conditional writes."""

    endpoint: str
    """The URL by which it is reached."""
    product: str
    """Its `Server` header; "" if it sends none."""


class Listed(NamedTuple):
    """An object in a listing."""

    key: str
    listing_etag: str
    """Changes whenever the object changes. It is not the ETag of a read: compare it only with other
    listings.

    "" if the storage has none. Then only a read shows whether the object has changed."""
    size: int
    """In bytes."""
    modified: datetime
    """When it was written, in UTC, by the storage's clock."""


class Storage(Protocol):
    """Strongly consistent objects by key.

    In addition to the errors below, every method raises `StorageUnavailableError` if the storage
    does not answer or refuses the request. A write may then have taken effect or not.
    """

    async def read(self, key: str, *, if_none_match: ETag | None = None) -> Document:
        """Return a small object whole.

        Raises `ObjectNotFoundError`, or `ObjectUnchangedError` if its ETag is still
        `if_none_match`.
        """
        ...

    async def write(self, key: str, body: bytes, *, expected: ETag | None) -> ETag:
        """Write a small object if its ETag is still `expected`; None expects that the object does not exist.

        Raises `PreconditionFailedError`. This error is never final: if the answer to an earlier
        attempt was lost, the writer's own success looks the same. So read the object again.
        """
        ...

    async def store(self, objects: Mapping[str, Path | bytes]) -> None:
        """Store local files of any size, or bytes, concurrently, under keys that no other writer uses.

        Each object appears whole or not at all. If this raises, any of them may exist. No transfer
        continues after this returns or raises. The storage may take over a file: its bytes must not
        change any more, but its name may be removed. The writes are unconditional, so a client
        library that retries never meets its own success.
        """
        ...

    async def commit(
        self, objects: Mapping[str, Path | bytes], key: str, body: Callable[[], bytes], *, expected: ETag | None
    ) -> ETag:
        """`store` the objects, then `write` the small object that names them. It never appears before they do.

        `body` is called after everything slow is done, possibly in another thread. Raises what
        `store` and `write` raise. If the small object is not as `expected`, the other objects are
        stored all the same.
        """
        ...

    async def open(self, key: str, start: int, end: int, *, is_whole: bool = False) -> AsyncIterator[bytes]:
        """Stream the bytes from `start` up to, but not including, `end`; `is_whole` if these are all bytes.

        Raises `ObjectNotFoundError` before the first chunk. Raises `StorageUnavailableError` if the
        stream ends early, or if the object continues after `end` although `is_whole`.
        """
        ...

    def list(self, folder: str, *, cuts: Sequence[str] = ()) -> AsyncIterator[Listed]:
        """Yield the objects whose keys start with `folder`, which ends in a slash, in ascending order of keys.

        Yields each object once. Raises `StorageUnavailableError` if the server does not list keys
        in order. `cuts` are keys in ascending order: the ranges between them may be requested
        concurrently.
        """
        ...

    async def delete(self, key: str) -> None:
        """Delete an object. A missing object counts as a success, so a delete can always be repeated."""
        ...

    async def remote_server(self) -> Server | None:
        """Return the server that decides on conditional writes; None if this program does.

        A duty, not a capability: a wrapper that forgot it would let a server go untested. Raises
        `StorageUnavailableError` if the server does not answer.
        """
        ...


@runtime_checkable
class LocalPaths(Protocol):
    """A storage whose objects are files on this machine."""

    def path(self, key: str) -> Path:
        """Return the path of an object, whether it exists or not."""
        ...

    def fingerprint(self, key: str) -> Fingerprint | None:
        """Return an object's fingerprint, within microseconds; None: only a `read` shows whether it has changed.

        If the fingerprint from before a read is still the same, the object is still what was read.
        A `key` that ends in a slash is a folder: its fingerprint changes whenever an object
        directly in it is written or deleted.
        """
        ...


@runtime_checkable
class CheapChecks(Protocol):
    """A storage that can check an ETag for much less than a read costs."""

    async def is_unchanged(self, key: str, etag: ETag) -> bool:
        """Return whether an object still has this ETag; False: only a `read` shows it. Raises nothing."""
        ...


def local_paths(storage: Storage) -> LocalPaths | None:
    """Return the storage if its objects are files on this machine."""
    return storage if isinstance(storage, LocalPaths) else None


def cheap_checks(storage: Storage) -> CheapChecks | None:
    """Return the storage if it can check an ETag cheaply."""
    return storage if isinstance(storage, CheapChecks) else None
