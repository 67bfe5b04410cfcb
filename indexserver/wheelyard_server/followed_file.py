"""A settings file that is followed: put in force at the start and after each change; a broken one is ignored."""

import asyncio
import hashlib
import logging
from abc import ABC, abstractmethod
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from wheelyard_server.clock import EpochClock
from wheelyard_server.errors import InvalidSettingsError

log = logging.getLogger(__name__)

CHECK_SECONDS = 0.5
"""How often a file is read. The kubelet takes about a second to bring a change into the pod."""
MAX_ERROR_LENGTH = 500


class FileState(NamedTuple):
    """The file in force, and whether the newest file is that one. It is replaced as a whole."""

    revision: str
    """SHA-256 of the bytes of the file in force, in hex."""
    loaded: float
    """When that file was read, in seconds since 1970."""
    error: str = ""
    """Why the newest file is not in force; "" if it is."""

    @property
    def usable(self) -> bool:
        """Return whether the newest file is the one in force."""
        return not self.error


class FollowedFile(ABC):
    """The last valid content of a file."""

    kind: str
    """The name of the file for people: "access", "policy"."""

    def __init__(self, path: Path, clock: EpochClock) -> None:
        """Read the file; raise `InvalidSettingsError` or `OSError` if that fails, since none is in force yet."""
        self._path = path
        self._clock = clock
        text = self._first()
        self._seen: bytes | str = text
        self.looked = clock()
        """When the file was last checked for changes, in seconds since 1970."""
        self.state = self._enforced(text)
        # A thread of its own. A large file takes longer to parse than a request should wait, and a
        # busy thread pool must not delay the withdrawal of a permission.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=f"{self.kind}-file")

    @abstractmethod
    def put_in_force(self, text: bytes) -> None:
        """Parse the content of the file and put it in force; raise `InvalidSettingsError`."""

    async def follow(self) -> None:
        """Do as `reload`, in another thread."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self.reload)

    def close(self) -> None:
        """End the thread."""
        self._thread.shutdown(wait=False)

    def reload(self) -> None:
        """Put the file in force if it has changed and is valid.

        After an unexpected error, which is raised, the last valid file stays in force, and the next
        call tries again.
        """
        seen = self._read()
        self.looked = self._clock()
        if seen == self._seen:
            return
        self.state = self.state._replace(error=f"The newest {self.kind} file could not be put in force")
        try:
            self.state = self._enforced(seen)
        except InvalidSettingsError as error:
            log.error("The %s file is invalid, the last valid one stays in force: %s", self.kind, error)  # noqa: TRY400
            self.state = self.state._replace(error=str(error)[:MAX_ERROR_LENGTH])
        else:
            log.info("The %s file has changed and is in force", self.kind)
        self._seen = seen

    def _first(self) -> bytes:
        """Return the content of the file at the start."""
        return self._path.read_bytes()

    def _enforced(self, seen: bytes | str) -> FileState:
        if isinstance(seen, str):
            raise InvalidSettingsError(f"{self._path.name} cannot be read: {seen}")
        self.put_in_force(seen)
        return FileState(hashlib.sha256(seen).hexdigest(), self._clock())

    def _read(self) -> bytes | str:
        """Return the content of the file, or why it cannot be read."""
        try:
            # Compare contents, not time stamps: the volume of a Secret or ConfigMap is replaced by
            # switching a link.
            return self._path.read_bytes()
        except OSError as error:
            return error.strerror or type(error).__name__
