"""The access file in force: read at start and after each change; a broken file is ignored."""

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from wheelyard_server.access.accepted_users import AcceptedUsers
from wheelyard_server.access.access_file import AccessFile, parse
from wheelyard_server.access.rules import Rules
from wheelyard_server.clock import EpochClock
from wheelyard_server.errors import InvalidSettingsError
from wheelyard_server.settings import Listener

log = logging.getLogger(__name__)

CHECK_SECONDS = 0.5
"""The kubelet takes about a second to bring a change into the pod; polling adds this much."""


@dataclass(frozen=True)
class Access:
    """The users and the grants of one access file."""

    accepted_users: AcceptedUsers
    rules: Rules

    def rules_for(self, listener: Listener) -> Rules:
        """Return the rules for requests that came to this listener."""
        return self.rules.external if listener is Listener.EXTERNAL else self.rules


def access_of(file: AccessFile) -> Access:
    """Return the users and grants of an access file."""
    return Access(AcceptedUsers(file), Rules(file.grants, file.external_grants))


class CurrentAccess:
    """The last valid access file."""

    def __init__(self, path: Path, clock: EpochClock) -> None:
        """Read the file; raise `InvalidSettingsError` or `OSError` if that fails, since none is in force yet."""
        self._path = path
        self._clock = clock
        self._text = path.read_bytes()
        self.access = access_of(parse(self._text))
        self.loaded = clock()
        """When the file in force was read, in seconds since 1970."""
        self.looked = self.loaded
        """When the file was last checked for changes, in seconds since 1970."""
        self.usable = True
        """Whether the present file is the one in force."""
        # A thread of its own. With thousands of users, parsing takes longer than a request should
        # wait, and a busy thread pool must not delay the withdrawal of a permission.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="access-file")

    async def follow(self) -> None:
        """Do as `reload`, in another thread."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self.reload)

    def reload(self) -> None:
        """Put the file in force if it has changed and is valid.

        After an unexpected error, which is raised, the last valid file stays in force, and the next
        call tries again.
        """
        text = self._read()
        self.looked = self._clock()
        if text == self._text:
            return
        self.usable = False
        try:
            self.access, self.loaded = access_of(parse(text)), self._clock()
        except InvalidSettingsError as error:
            log.error("The access file is invalid, the last valid one stays in force: %s", error)  # noqa: TRY400
        else:
            self.usable = True
            log.info("The access file has changed and is in force")
        self._text = text

    def _read(self) -> bytes:
        try:
            # Compare contents, not time stamps: the volume of a Secret is replaced by switching a
            # link.
            return self._path.read_bytes()
        except OSError as error:
            return f"{error.strerror}: the file cannot be read".encode()
