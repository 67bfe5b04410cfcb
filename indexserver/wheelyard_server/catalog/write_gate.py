"""Where writers wait until it is known that writing is safe, and are turned away where it is not."""

import asyncio
import logging

from wheelyard_server.errors import BusyError, UnsafeStorageError

log = logging.getLogger(__name__)

WAIT_SECONDS = 60.0
"""So long a writer waits for the first answer."""


class WriteGate:
    """Open, until somebody holds it; it opens and closes as what is known of the storage changes."""

    def __init__(self) -> None:
        self._refusal: str | None = None
        self._is_known = asyncio.Event()
        self._is_known.set()

    def hold(self) -> None:
        """Let writers wait until it is known whether they may write."""
        self._is_known.clear()

    def open(self) -> None:
        """Let writers pass."""
        if self._refusal is not None:
            log.info("The storage was proved to be safe to write to")
        self._refusal = None
        self._is_known.set()

    def refuse(self, reason: UnsafeStorageError) -> None:
        """Refuse all writers with this reason from now on."""
        if str(reason) != self._refusal:
            log.error("%s", reason)
        self._refusal = str(reason)
        self._is_known.set()

    async def passed(self) -> None:
        """Return when writing is safe.

        Raises `UnsafeStorageError` where it is not, and `BusyError` if that takes too long to find out.
        """
        if not self._is_known.is_set():
            await self._wait()
        if self._refusal is not None:
            # A new one for each writer: an exception that is raised again keeps what all of them had at hand.
            raise UnsafeStorageError(self._refusal)

    async def _wait(self) -> None:
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                await self._is_known.wait()
        except TimeoutError:
            raise BusyError("Whether the storage is safe to write to is still being found out, try again") from None
