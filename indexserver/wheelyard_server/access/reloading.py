"""The access file: read at start, read again when it changes, and never believed when it is broken."""

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from wheelyard_server.access.accepted_users import AcceptedUsers
from wheelyard_server.access.access_file import AccessFile, parse
from wheelyard_server.access.rules import Rules
from wheelyard_server.errors import InvalidSettingsError
from wheelyard_server.settings import Listener

log = logging.getLogger(__name__)

CHECK_SECONDS = 0.5
"""The kubelet needs about a second to bring a change into the pod; looking for it adds this much."""


@dataclass(frozen=True)
class Access:
    """Who may log in, and who may do what."""

    accepted_users: AcceptedUsers
    rules: Rules

    def rules_for(self, listener: Listener) -> Rules:
        """Return the rules for requests that came to this listener."""
        return self.rules.external if listener is Listener.EXTERNAL else self.rules


def access_of(file: AccessFile) -> Access:
    """Make an access file ready to be asked."""
    return Access(AcceptedUsers(file), Rules(file.grants, file.external_grants))


class CurrentAccess:
    """What is in force: the last good access file."""

    def __init__(self, path: Path, clock: Callable[[], float]) -> None:
        """Read the file; raise `InvalidSettingsError` or `OSError` if that fails, since nothing is in force yet.

        `clock` gives the time as seconds since 1970.
        """
        self._path = path
        self._clock = clock
        self._text = path.read_bytes()
        self.access = access_of(parse(self._text))
        self.loaded = clock()
        """When the file that is in force was read."""
        self.looked = self.loaded
        """When the file was last looked at."""
        self.usable = True
        """Whether the file that is there now is the one in force."""
        # Of its own: with thousands of users it takes longer than anybody's request should wait, and whatever
        # else waits for a thread must not keep a withdrawn right in force.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="access-file")

    async def follow(self) -> None:
        """Do as `reload`, beside the event loop."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self.reload)

    def reload(self) -> None:
        """Take over what the file says now, if it has changed and is good.

        Raises what is unexpected; the last good file stays in force, and the next call tries this one again.
        """
        text = self._read()
        self.looked = self._clock()
        if text == self._text:
            return
        self.usable = False
        try:
            self.access, self.loaded = access_of(parse(text)), self._clock()
        except InvalidSettingsError as error:
            log.error("The access file is not usable, the last good one stays in force: %s", error)  # noqa: TRY400
        else:
            self.usable = True
            log.info("The access file has changed and is in force")
        self._text = text

    def _read(self) -> bytes:
        try:
            # Whole reads rather than time stamps: a Secret's volume is swapped by a link.
            return self._path.read_bytes()
        except OSError as error:
            return f"{error.strerror}: the file cannot be read".encode()
