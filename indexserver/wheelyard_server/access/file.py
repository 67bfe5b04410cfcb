"""`access.yaml`: read at start, read again when it changes, and never believed when it is broken."""

import asyncio
import logging
from pathlib import Path

from wheelyard_server.access.rules import AccessFile, Rules, rules_of
from wheelyard_server.errors import InvalidSettingsError
from wheelyard_server.settings import decode_yaml

log = logging.getLogger(__name__)

CHECK_SECONDS = 0.5
"""The kubelet needs about a second to bring a change into the pod; looking for it adds this much."""


def parse(text: bytes) -> Rules:
    """Parse the text of an `access.yaml`; raise `InvalidSettingsError` that names the key."""
    return rules_of(decode_yaml(text, AccessFile, "access.yaml"))


class CurrentRules:
    """The rules in force: those of the last good access file."""

    def __init__(self, path: Path) -> None:
        """Read the file; raise `InvalidSettingsError` or `OSError` if that fails, since nothing is in force yet."""
        self._path = path
        self._text = path.read_bytes()
        self.rules = parse(self._text)

    async def watch(self) -> None:
        """Follow the file for ever."""
        while True:
            await asyncio.sleep(CHECK_SECONDS)
            self.reload()

    def reload(self) -> None:
        """Take over what the file says now, if it has changed and is good."""
        try:
            # Whole reads rather than time stamps: a Secret's volume is swapped by a link.
            text = self._path.read_bytes()
            if text == self._text:
                return
            self._text = text
            self.rules = parse(text)
        except (OSError, InvalidSettingsError) as error:
            log.error("The access file is not usable, the last good one stays in force: %s", error)  # noqa: TRY400
        else:
            log.info("The access file has changed and is in force")
