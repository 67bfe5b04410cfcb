"""The seam to what keeps bytes: S3, a local folder, and in the tests a memory that fails on purpose.

Every implementation passes `tests/contract/test_storage.py`. Keys are relative paths with `/` between the
parts. Writers never overwrite blindly: a document is written against the ETag that was read, and every other
object has a key of its own.
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import NamedTuple, NewType, Protocol

ETag = NewType("ETag", str)
"""Opaque version of an object, as its storage gave it."""

Fingerprint = tuple[int, ...]
"""Changes whenever an object does, as far as this machine can tell at once."""


KEYS_OF_A_LIST = 1000
"""S3 tells no more in answer to one request: https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html."""


class Document(NamedTuple):
    """A small object, read whole."""

    body: bytes
    etag: ETag


class Server(NamedTuple):
    """A program on the network that decides whether the condition of a write holds."""

    endpoint: str
    """Its URL, as it is asked."""
    product: str
    """What it says to be; "" where it says nothing."""


class Listed(NamedTuple):
    """An object as a listing shows it."""

    key: str
    listing_etag: str
    """Changes whenever the object does. Not the ETag of a read, only comparable with another listing's.

    "" where the storage has none: then only reading the object tells whether it has changed."""
    size: int
    """In bytes."""
    modified: datetime
    """When it was written, UTC, by the storage's clock."""


class Storage(Protocol):
    """Strongly consistent objects by key.

    Besides the errors named below, every method raises `StorageUnavailableError` when the storage does not
    answer or refuses; a write may then have taken effect or not.
    """

    async def read(self, key: str, *, if_none_match: ETag | None = None) -> Document:
        """Return a small object whole.

        Raises `ObjectNotFoundError`, or `ObjectUnchangedError` if its ETag is still `known`.
        """
        ...

    async def is_unchanged(self, key: str, if_none_match: ETag) -> bool:
        """Return whether an object's ETag is still `known`; False: only a `read` tells. Raises nothing.

        For where that takes less than a read.
        """
        ...

    async def write(self, key: str, body: bytes, *, expected: ETag | None) -> ETag:
        """Write a small object if it is still as `expected`; None expects that there is none.

        Raises `PreconditionFailedError`. That is never final: where the answer to an earlier try got lost,
        the writer's own success looks the same, so the object is to be read again.
        """
        ...

    async def store(self, objects: Mapping[str, Path | bytes]) -> None:
        """Store local files of any size, or bytes, under keys that nobody else uses, all at the same time.

        Each object is there whole or not at all; if this raises, any of them may be. None is on its way any more
        in either case. The storage may take a file over: nobody changes its bytes any more, but its name may go.
        Unconditional, so that a client library that retries never meets its own success.
        """
        ...

    async def commit(
        self, objects: Mapping[str, Path | bytes], key: str, body: Callable[[], bytes], *, expected: ETag | None
    ) -> ETag:
        """`store` the objects, then `write` the small object that names them: it is never there before they are.

        `body` is called when all that takes long has been done, and maybe in another thread.
        Raises as these do. Where the small object is not as `expected`, the others are stored all the same.
        """
        ...

    async def server(self) -> Server | None:
        """Return who decides whether the condition of a write holds; None: this program does, for itself."""
        ...

    async def open(self, key: str, start: int, end: int, *, is_whole: bool = False) -> AsyncIterator[bytes]:
        """Stream the bytes from `start` up to and without `end`; `is_whole` where these are all of them.

        Raises `ObjectNotFoundError` before the first chunk, and `StorageUnavailableError` if the stream
        ends early, or the object is not whole at `end` though it should be.
        """
        ...

    def path(self, key: str) -> Path | None:
        """Return where the object lies on this machine, if it is there; None: it lies elsewhere."""
        ...

    def fingerprint(self, key: str) -> Fingerprint | None:
        """Return the object's fingerprint, within microseconds; None: only a `read` tells whether it has changed.

        Where a fingerprint from before a read is still the same, the object still is what was read. A `key` that
        ends in a slash is a folder: its fingerprint changes whenever an object right in it is written or deleted.
        """
        ...

    def list(self, folder: str, *, cuts: Sequence[str] = ()) -> AsyncIterator[Listed]:
        """Yield the objects whose keys start with `folder`, which ends in a slash, in ascending order of keys.

        Each is there once. Raises `StorageUnavailableError` if the storage keeps to no order.
        `cuts` are keys, ascending: what lies between them may be asked for at the same time.
        """
        ...

    async def delete(self, key: str) -> None:
        """Delete an object. One that is not there is a success, so that a delete may always be repeated."""
        ...
