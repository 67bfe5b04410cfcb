"""Local space in which an upload is received and hashed before any of it counts."""

import fcntl
import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO, Protocol

from wheelyard_server.errors import FileTooLargeError

_PREFIX = "upload-"


@dataclass(frozen=True, slots=True)
class Received:
    """A file of an upload, whole, on local disk. It is gone when its upload ends."""

    path: Path
    size: int
    digests: Mapping[str, str]
    """Lower-case hex by the names of the upload API: md5, sha256, blake2_256."""


class _Hash(Protocol):
    def update(self, data: bytes, /) -> None: ...
    def hexdigest(self) -> str: ...


class Receiver:
    """Writes and hashes one file as it arrives."""

    def __init__(self, file: IO[bytes], limit: int) -> None:
        self._file = file
        self._limit = limit
        self._size = 0
        self._hashes: dict[str, _Hash] = {
            "md5": hashlib.md5(usedforsecurity=False),
            "sha256": hashlib.sha256(),
            "blake2_256": hashlib.blake2b(digest_size=32),
        }

    def write(self, chunk: bytes) -> None:
        """Take the next bytes; blocks. Raises `FileTooLargeError` beyond the limit."""
        self._size += len(chunk)
        if self._size > self._limit:
            raise FileTooLargeError(f"The file is larger than the {self._limit} bytes that this index takes")
        self._file.write(chunk)
        for digest in self._hashes.values():
            digest.update(chunk)

    def finish(self, last: bytes = b"") -> Received:
        """Take the last bytes and return the file as received; blocks, and raises as `write`."""
        self.write(last)
        self._file.flush()
        digests = {name: digest.hexdigest() for name, digest in self._hashes.items()}
        return Received(Path(self._file.name), self._size, digests)


class Scratch:
    """A folder of one or more server processes."""

    def __init__(self, folder: Path, limit: int) -> None:
        """Use `folder` for files of up to `limit` bytes; what a crash left there is removed.

        What another process is receiving there has its lock.
        """
        self._folder = folder
        self._limit = limit
        folder.mkdir(parents=True, exist_ok=True)
        for leftover in folder.glob(f"{_PREFIX}*"):
            with suppress(OSError), leftover.open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                leftover.unlink()

    @contextmanager
    def receiver(self) -> Iterator[Receiver]:
        """Give a receiver for one file, whose bytes are removed at the end."""
        with NamedTemporaryFile(dir=self._folder, prefix=_PREFIX) as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield Receiver(file, self._limit)
