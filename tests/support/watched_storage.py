"""A storage whose every call is announced before and after its effect: where tests yield, crash or kill."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from support.memory_storage import all_of
from wheelyard_server.storage import (
    CheapChecks,
    Document,
    ETag,
    Listed,
    Server,
    Storage,
    cheap_checks,
    local_paths,
)

Hook = Callable[[str, str], Awaitable[None]]
"""Is given the name of the method and the key; what it raises comes out of the call."""


class WatchedStorage:
    """Passes everything on to another storage."""

    def __init__(self, storage: Storage, before: Hook, after: Hook) -> None:
        self._storage = storage
        self._before = before
        self._after = after
        if (local := local_paths(storage)) is not None:
            self.path, self.fingerprint = local.path, local.fingerprint
        if (checks := cheap_checks(storage)) is not None:
            self.is_unchanged = partial(self._is_unchanged, checks)

    async def read(self, key: str, *, if_none_match: ETag | None = None) -> Document:
        await self._before("read", key)
        try:
            return await self._storage.read(key, if_none_match=if_none_match)
        finally:
            # "Not there" and "unchanged" are answers too.
            await self._after("read", key)

    async def _is_unchanged(self, checks: CheapChecks, key: str, etag: ETag) -> bool:
        await self._before("is_unchanged", key)
        is_unchanged = await checks.is_unchanged(key, etag)
        await self._after("is_unchanged", key)
        return is_unchanged

    async def write(self, key: str, body: bytes, *, expected: ETag | None) -> ETag:
        await self._before("write", key)
        etag = await self._storage.write(key, body, expected=expected)
        await self._after("write", key)
        return etag

    async def store(self, objects: Mapping[str, Path | bytes]) -> None:
        await all_of(self._store(*each) for each in objects.items())

    async def commit(
        self, objects: Mapping[str, Path | bytes], key: str, body: Callable[[], bytes], *, expected: ETag | None
    ) -> ETag:
        # In its parts, so that there is something between them.
        await self.store(objects)
        return await self.write(key, body(), expected=expected)

    async def _store(self, key: str, source: Path | bytes) -> None:
        await self._before("store", key)
        await self._storage.store({key: source})
        await self._after("store", key)

    async def open(self, key: str, start: int, end: int, *, is_whole: bool = False) -> AsyncIterator[bytes]:
        await self._before("open", key)
        chunks = await self._storage.open(key, start, end, is_whole=is_whole)
        await self._after("open", key)
        return chunks

    async def list(self, folder: str, *, cuts: Sequence[str] = ()) -> AsyncIterator[Listed]:
        await self._before("list", folder)
        async for listed in self._storage.list(folder, cuts=cuts):
            yield listed
        await self._after("list", folder)

    async def delete(self, key: str) -> None:
        await self._before("delete", key)
        await self._storage.delete(key)
        await self._after("delete", key)

    async def remote_server(self) -> Server | None:
        return await self._storage.remote_server()


class Crash(BaseException):
    """The process was killed: nothing of it runs any more."""


class Mortal:
    """Hooks of a replica that is killed before or after its n-th call, counted from `kill_at`."""

    def __init__(self) -> None:
        self._left = 0
        self._doomed = False
        self._after = False

    def kill_at(self, call: int, *, after: bool) -> None:
        """Die at this call, counted from 1; every later one fails too, for the dead do nothing."""
        self._left, self._after, self._doomed = call, after, True

    async def before(self, _method: str, _key: str) -> None:
        self._left -= 1
        if self._doomed and (self._left < 0 or (self._left == 0 and not self._after)):
            raise Crash

    async def after(self, _method: str, _key: str) -> None:
        if self._doomed and self._left <= 0:
            raise Crash
