"""What is known about conditional writes here, remembered in the storage: a start costs a proof only once.

It is remembered by server: another endpoint, or another product or version of it, is proved anew. What was found
unsafe stays so until a person has it proved again (`wheelyard probe`): luck must not take it back.
"""

import logging
from collections.abc import Callable
from datetime import UTC, datetime

import msgspec

from wheelyard_server.catalog.probe import check_conditional_writes
from wheelyard_server.errors import ObjectNotFoundError, UnsafeStorageError
from wheelyard_server.storage import Server, Storage, layout, remote_server

log = logging.getLogger(__name__)

PRODUCTS = 8
"""A server that says to be more than so many is known by its endpoint alone: a proof each time would never end."""


class Verdict(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename="kebab"):
    """What was found out about a server."""

    endpoint: str
    product: str
    checked: datetime
    reason: str = ""
    """Why it is unsafe."""


class WriteSafety:
    """Knows whether conditional writes of one storage are atomic."""

    def __init__(self, storage: Storage, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._storage = storage
        self._now = now
        self._is_own_safe = False
        self._products: set[str] = set()

    async def check(self) -> None:
        """Return if writing is safe; prove it if that is not known yet.

        Raises `UnsafeStorageError`, or `StorageUnavailableError` if it could not be found out.
        """
        server = await self._server()
        if server is None:
            await self._check_own()
            return
        await self._refuse_if_known(server)
        if await self._remembered(server, is_safe=True) is None:
            log.info("Proving that the conditional writes of %s are atomic", server.endpoint)
            await self._prove(server)
            # Another replica may have been less lucky.
            await self._refuse_if_known(server)

    async def prove(self) -> Server | None:
        """Do as `check`, whatever was known before, and take it back; return whose writes are safe."""
        server = await self._server()
        if server is None:
            await check_conditional_writes(self._storage, races=1)
        else:
            await self._prove(server)
            await self._storage.delete(layout.verdict(server, is_safe=False))
        return server

    async def _server(self) -> Server | None:
        remote = remote_server(self._storage)
        server = None if remote is None else await remote.server()
        if server is not None and server.product not in self._products:
            if len(self._products) == PRODUCTS:
                return server._replace(product="")
            self._products.add(server.product)
        return server

    async def _check_own(self) -> None:
        """Try a storage that is a part of this program once: the file system may be one that has no locks."""
        if not self._is_own_safe:
            await check_conditional_writes(self._storage, races=1)
            self._is_own_safe = True

    async def _refuse_if_known(self, server: Server) -> None:
        unsafe = await self._remembered(server, is_safe=False)
        if unsafe is not None:
            raise UnsafeStorageError(unsafe.reason)

    async def _prove(self, server: Server) -> None:
        try:
            await check_conditional_writes(self._storage)
        except UnsafeStorageError as error:
            await self._remember(server, str(error))
            raise
        await self._remember(server)

    async def _remember(self, server: Server, reason: str = "") -> None:
        verdict = Verdict(endpoint=server.endpoint, product=server.product, checked=self._now(), reason=reason)
        key = layout.verdict(server, is_safe=not reason)
        # Unconditionally: here that may mean nothing. Whoever comes later has found the same.
        await self._storage.store({key: msgspec.json.encode(verdict)})

    async def _remembered(self, server: Server, *, is_safe: bool) -> Verdict | None:
        try:
            body, _ = await self._storage.read(layout.verdict(server, is_safe=is_safe))
            return msgspec.json.decode(body, type=Verdict)
        except ObjectNotFoundError:
            return None
        except msgspec.MsgspecError:
            if is_safe:
                return None
            raise UnsafeStorageError(_DAMAGED) from None


_DAMAGED = (
    "What was found out about the storage's conditional writes cannot be read. Packages can be read, but not"
    " written, until `wheelyard probe` has proved that it is safe"
)
