"""The sessions file in force; see `FollowedFile`. It need not exist: installers need no sessions."""

import logging

from wheelyard_server.access.session_file import SessionFile, parse
from wheelyard_server.errors import InvalidSettingsError
from wheelyard_server.followed_file import FollowedFile

log = logging.getLogger(__name__)


class CurrentSessions(FollowedFile):
    """The last valid sessions file; one without keys, if there never was any."""

    kind = "sessions"
    file = SessionFile()

    def put_in_force(self, text: bytes) -> None:
        """Take the keys, the moment and the provider of the file."""
        self.file = parse(text) if text else SessionFile()

    def _first(self) -> bytes:
        """Return the file as it is at the start; an invalid one must not keep installers waiting."""
        text = self._read()
        try:
            self._enforced(text)
        except InvalidSettingsError as error:
            log.error("The sessions file is invalid, so pages have no logins: %s", error)  # noqa: TRY400 - the reason is all there is
            return b""
        return text if isinstance(text, bytes) else b""

    def _read(self) -> bytes | str:
        return super()._read() if self._path.exists() else b""
