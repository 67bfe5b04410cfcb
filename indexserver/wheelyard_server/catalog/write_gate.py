"""The gate that writers pass: they wait until writing is known to be safe, and are refused if it is not."""

import asyncio
import logging

from wheelyard_server.errors import BusyError, UnsafeStorageError

log = logging.getLogger(__name__)

WAIT_SECONDS = 60.0
"""How long a writer waits for the first result."""


class WriteGate:
    """Open at first; `hold`, `open` and `refuse` change its state as the storage is tested."""

    def __init__(self) -> None:
        self._refusal: str | None = None
        self._is_known = asyncio.Event()
        self._is_known.set()

    def hold(self) -> None:
        """Make writers wait for a result."""
        self._is_known.clear()

    def open(self) -> None:
        """Let writers pass."""
        if self._refusal is not None:
            log.info("The storage has been proved safe to write to")
        self._refusal = None
        self._is_known.set()

    def refuse(self, reason: UnsafeStorageError) -> None:
        """Refuse all writers with this reason."""
        if str(reason) != self._refusal:
            log.error("%s", reason)
        self._refusal = str(reason)
        self._is_known.set()

    async def passed(self) -> None:
        """Return once writing is known to be safe.

        Raises `UnsafeStorageError` if it is not, and `BusyError` if there is no result in time.
        """
        if not self._is_known.is_set():
            await self._wait()
        if self._refusal is not None:
            # A new exception per writer: one that is raised repeatedly accumulates the frames of
            # all of them.
            raise UnsafeStorageError(self._refusal)

    async def _wait(self) -> None:
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                await self._is_known.wait()
        except TimeoutError:
            raise BusyError(
                "The server is still testing whether the storage is safe to write to, try again"
            ) from None
