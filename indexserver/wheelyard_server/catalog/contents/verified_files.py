"""Local files that are opened only if their digest is right; each file is read once to verify it."""

import asyncio
import hashlib
import os
from collections import OrderedDict
from io import FileIO
from pathlib import Path
from typing import NamedTuple, Self

from wheelyard_server.errors import WrongBytesError

MAX_REMEMBERED = 20_000
"""Maximum number of files whose digest is remembered, in about 10 MB."""
READ_AT_ONCE = 2
"""Hashing occupies a thread and a core each, which other work needs, too."""
PATIENCE_SECONDS = 2.0


class _Fingerprint(NamedTuple):
    """Changes whenever a file's bytes are written."""

    device: int
    inode: int
    size: int
    modified_ns: int

    @classmethod
    def of(cls, found: os.stat_result) -> Self:
        return cls(found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)


class VerifiedFiles:
    """Opens files by path and SHA-256, and remembers verified ones until they are written to."""

    def __init__(self, patience_seconds: float = PATIENCE_SECONDS) -> None:
        self._patience = patience_seconds
        self._known: OrderedDict[_Fingerprint, str] = OrderedDict()
        self._reading: dict[_Fingerprint, asyncio.Task[str]] = {}
        self._turn = asyncio.Semaphore(READ_AT_ONCE)

    async def open(self, path: Path, sha256: str) -> FileIO:
        """Open a file whose digest is `sha256`, for the caller to close.

        Raises `WrongBytesError` if its digest differs, `OSError`, and `TimeoutError` if the file is
        large and not verified yet. Its verification then continues for later calls.
        """
        file = FileIO(path)
        try:
            found = await self._digest(file)
        except BaseException:
            file.close()
            raise
        if found == sha256:
            file.seek(0)  # Hashing may have moved the position of this descriptor.
            return file
        file.close()
        raise WrongBytesError(f"{path} has the SHA-256 {found}")

    def has(self, path: Path, sha256: str) -> bool:
        """Return whether `open` would open the file without reading it."""
        try:
            return self._known.get(_Fingerprint.of(path.stat())) == sha256
        except OSError:
            return False

    def remember(self, descriptor: int, sha256: str) -> None:
        """Remember the digest of an open file that the caller has just written."""
        self._remember(_Fingerprint.of(os.fstat(descriptor)), sha256)

    async def _digest(self, file: FileIO) -> str:
        fingerprint = _Fingerprint.of(os.fstat(file.fileno()))
        known = self._known.get(fingerprint)
        if known is not None:
            return known
        task = self._reading.get(fingerprint)
        if task is None:
            task = self._reading[fingerprint] = asyncio.create_task(self._read(fingerprint, os.dup(file.fileno())))
        async with asyncio.timeout(self._patience):
            return await asyncio.shield(task)

    async def _read(self, fingerprint: _Fingerprint, descriptor: int) -> str:
        try:
            async with self._turn:
                sha256 = await asyncio.to_thread(_sha256, descriptor)
            self._remember(fingerprint, sha256)
            return sha256
        finally:
            os.close(descriptor)
            del self._reading[fingerprint]

    def _remember(self, fingerprint: _Fingerprint, sha256: str) -> None:
        self._known[fingerprint] = sha256
        if len(self._known) > MAX_REMEMBERED:
            self._known.popitem(last=False)


def _sha256(descriptor: int) -> str:
    with FileIO(descriptor, closefd=False) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
