"""Results of testing conditional writes, stored in the storage, so that a server is tested only once.

Results are stored per S3 server: another endpoint, product or version is tested again. An unsafe
result stays until a person repeats the test with `wheelyard probe`: luck must not revoke it.
"""

import logging
from datetime import datetime

import msgspec

from wheelyard_server.catalog.probe import check_conditional_writes
from wheelyard_server.clock import WallClock, utc_now
from wheelyard_server.errors import ObjectNotFoundError, UnsafeStorageError
from wheelyard_server.storage import Server, Storage, layout

log = logging.getLogger(__name__)

PRODUCTS = 8
"""An endpoint with more `Server` headers than this is identified by its URL alone, or tests would
never end."""


class Verdict(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename="kebab"):
    """The result of testing a server."""

    endpoint: str
    product: str
    checked: datetime
    reason: str = ""
    """Why it is unsafe; empty if it is safe."""


class WriteSafety:
    """Determines whether conditional writes of one storage are atomic."""

    def __init__(self, storage: Storage, now: WallClock = utc_now) -> None:
        self._storage = storage
        self._now = now
        self._is_own_safe = False
        self._products: set[str] = set()

    async def check(self) -> None:
        """Return if writing is safe, after testing it if there is no result yet.

        Raises `UnsafeStorageError`, or `StorageUnavailableError` if the test has no result.
        """
        server = await self._server()
        if server is None:
            await self._check_own()
            return
        await self._refuse_if_known(server)
        if await self._remembered(server, is_safe=True) is None:
            log.info("Testing whether the conditional writes of %s are atomic", server.endpoint)
            await self._prove(server)
            # Another replica may have found it unsafe.
            await self._refuse_if_known(server)

    async def prove(self) -> Server | None:
        """Test again regardless of earlier results, and replace them; return the safe server."""
        server = await self._server()
        if server is None:
            await check_conditional_writes(self._storage, races=1)
        else:
            await self._prove(server)
            await self._storage.delete(layout.verdict(server, is_safe=False))
        return server

    async def _server(self) -> Server | None:
        server = await self._storage.remote_server()
        if server is not None and server.product not in self._products:
            if len(self._products) == PRODUCTS:
                return server._replace(product="")
            self._products.add(server.product)
        return server

    async def _check_own(self) -> None:
        """Test a storage without a server once per process: its file system may lack locks."""
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
        # Unconditionally: conditions may have no effect here. A later writer has found the same
        # result.
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
    "The stored test result of the storage's conditional writes cannot be read. Packages can be read, but not"
    " written, until `wheelyard probe` has proved that it is safe"
)
