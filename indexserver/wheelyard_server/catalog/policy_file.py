"""The policy file in force: read at start and after each change; a broken file is ignored."""

import asyncio
import hashlib
import logging
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from wheelyard_server.catalog.current_basis import CurrentBasis
from wheelyard_server.clock import EpochClock
from wheelyard_server.errors import InvalidSettingsError
from wheelyard_server.settings.policy import parse_policy

log = logging.getLogger(__name__)

CHECK_SECONDS = 0.5
"""How often the file is read. The kubelet takes longer to bring a change into the pod."""
MAX_ERROR_LENGTH = 500


class PolicyFileState(NamedTuple):
    """The policy file in force, and whether the newest file is that one. It is replaced as a whole."""

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


class FollowedPolicyFile:
    """Puts the rules and names of a file in force in a basis, at the start and after each change."""

    def __init__(self, path: Path, basis: CurrentBasis, clock: EpochClock) -> None:
        """Read the file; raise `InvalidSettingsError` or `OSError` if that fails, since none is in force yet."""
        self._path = path
        self._basis = basis
        self._clock = clock
        text = path.read_bytes()
        self._seen: bytes | str = text
        self.looked = clock()
        """When the file was last checked for changes, in seconds since 1970."""
        self.state = self._put_in_force(text)
        # A thread of its own: a large file takes longer to parse than a request should wait, and a
        # busy thread pool must not delay a rule.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="policy-file")

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
        self.state = self.state._replace(error="The newest policy file could not be put in force")
        try:
            self.state = self._put_in_force(seen)
        except InvalidSettingsError as error:
            log.error("The policy file is invalid, the last valid one stays in force: %s", error)  # noqa: TRY400
            self.state = self.state._replace(error=str(error)[:MAX_ERROR_LENGTH])
        else:
            log.info("The policy file has changed and is in force")
        self._seen = seen

    def _put_in_force(self, seen: bytes | str) -> PolicyFileState:
        if isinstance(seen, str):
            raise InvalidSettingsError(f"policy.yaml cannot be read: {seen}")
        self._basis.put_file(parse_policy(seen))
        return PolicyFileState(hashlib.sha256(seen).hexdigest(), self._clock())

    def _read(self) -> bytes | str:
        """Return the content of the file, or why it cannot be read."""
        try:
            # Compare contents, not time stamps: the volume of a ConfigMap is replaced by a link.
            return self._path.read_bytes()
        except OSError as error:
            return error.strerror or type(error).__name__
