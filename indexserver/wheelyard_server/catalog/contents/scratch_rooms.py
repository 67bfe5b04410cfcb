"""Rooms in scratch space, for files that do not fit into the cache or have no size yet."""

import errno
import logging
from typing import IO

from wheelyard_server.catalog.contents.fill import Room
from wheelyard_server.catalog.contents.verified_files import VerifiedFiles
from wheelyard_server.catalog.scratch import Scratch
from wheelyard_server.catalog.scratch_budget import ScratchBudget

log = logging.getLogger(__name__)

GROWTH_BYTES = 64 * 1024**2
"""Space that a file of unknown size reserves at once."""


class ScratchRooms:
    """Makes rooms in scratch space."""

    def __init__(self, scratch: Scratch, budget: ScratchBudget, files: VerifiedFiles) -> None:
        """`files` are those of a storage folder, into which a file of scratch space may move."""
        self._scratch = scratch
        self._budget = budget
        self._files = files

    def room(self, size: int | None) -> Room | None:
        """Return room for a file; None if there is not enough space, or the disk fails."""
        reserved = GROWTH_BYTES if size is None else size
        if not self._budget.reserve_for_fetched(reserved):
            return None
        try:
            return _ScratchRoom(self._scratch.new_file(), reserved, self._budget, self._files)
        except OSError as error:
            self._budget.release_fetched(reserved)
            log.warning("Scratch space cannot be written to: %s", error)
            return None


class _ScratchRoom:
    def __init__(self, file: IO[bytes], reserved: int, budget: ScratchBudget, files: VerifiedFiles) -> None:
        self.file = file
        self._reserved = reserved
        self._budget = budget
        self._files = files

    async def reserve(self, size: int) -> None:
        """See `Room.reserve`."""
        missing = size - self._reserved
        if missing > 0:
            missing = max(missing, GROWTH_BYTES)
            if not self._budget.reserve_for_fetched(missing):
                raise OSError(errno.ENOSPC, "The scratch space is full")
            self._reserved += missing

    def keep(self, sha256: str, size: int) -> None:  # noqa: ARG002 - the interface
        """Remember the digest: if the storage is a folder, it may have taken over this very file."""
        self._files.remember(self.file.fileno(), sha256)

    def close(self) -> None:
        """See `Room.close`."""
        self._budget.release_fetched(self._reserved)
        self.file.close()
