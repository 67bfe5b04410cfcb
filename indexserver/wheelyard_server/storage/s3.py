"""Storage in an S3 bucket, or in a bucket of a server that speaks the same protocol, through obstore.

Conditional requests as AWS defines them:
https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-requests.html
"""

import asyncio
import hashlib
import logging
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies_environment

import aiohttp
import obstore
from obstore.store import S3Store
from yarl import URL

from wheelyard_server import settings
from wheelyard_server.errors import ObjectNotFoundError, ObjectUnchangedError, StorageUnavailableError
from wheelyard_server.storage import KEYS_PER_LIST, Document, ETag, Listed, Server, layout
from wheelyard_server.storage.conditional_get import ConditionalGets
from wheelyard_server.storage.listing import Ordered
from wheelyard_server.storage.s3_errors import first_line, is_whole_instead_of_range, translated
from wheelyard_server.storage.s3_streams import as_bytes, empty, of_length, part_of
from wheelyard_server.tls import client_context

log = logging.getLogger(__name__)

PART_BYTES = 8 * 1024 * 1024
PARTS_AT_ONCE = 4
"""Together with `PART_BYTES`, this bounds the memory of one upload."""
CHUNK_BYTES = 256 * 1024
READ_SECONDS = 10
"""Timeout for reading a small object. pip waits 15 s for an answer."""
WRITE_SECONDS = 60
"""Timeout for writing a small object, after which the writer gets an error; see
`catalog/serials.py`."""
LINK_LIFETIME = timedelta(minutes=5)
"""How long a presigned URL is valid, which is long enough to begin a download. Temporary
credentials may end its life sooner: obstore renews them when they have less than this left."""

_ANSWER_SECONDS = 10
_PRODUCT_LENGTH = 200
_MAX_RETRIES, _RETRY_TIMEOUT = 4, timedelta(seconds=20)


class S3Storage:
    """Objects in a bucket, under a prefix."""

    def __init__(self, store: S3Store, *, authorities: str = "", is_direct: bool = True) -> None:
        """Trust these authorities, as the store does. `is_direct` is false if the store uses a proxy."""
        self._store = store
        self._authorities = authorities
        self._is_direct = is_direct
        self._honors_start_after = True
        """Whether a listing begins where the request says."""
        self.conditional_gets = ConditionalGets(self.presigned, authorities) if is_direct else None

    async def read(self, key: str, *, if_none_match: ETag | None = None) -> Document:
        """See `Storage.read`."""
        if if_none_match and await self.is_unchanged(key, if_none_match):
            raise ObjectUnchangedError(key)
        with translated(key):
            async with asyncio.timeout(READ_SECONDS):
                options: Any = {"if_none_match": if_none_match} if if_none_match else None
                result = await self._store.get_async(key, options=options)
                body = bytes(await result.bytes_async())
            return Document(body, _etag(result.meta["e_tag"], body))

    async def is_unchanged(self, key: str, etag: ETag) -> bool:
        """See `CheapChecks.is_unchanged`. Through a proxy, there is no cheap check."""
        return self.conditional_gets is not None and await self.conditional_gets.is_unchanged(key, etag)

    async def write(self, key: str, body: bytes, *, expected: ETag | None) -> ETag:
        """See `Storage.write`."""
        with translated(key):
            async with asyncio.timeout(WRITE_SECONDS):
                result = await self._store.put_async(
                    key, body, mode="create" if expected is None else {"e_tag": expected}
                )
            return _etag(result["e_tag"], body)

    async def store(self, objects: Mapping[str, Path | bytes]) -> None:
        """See `Storage.store`."""
        stored = (self._store_one(*each) for each in objects.items())
        for outcome in await asyncio.gather(*stored, return_exceptions=True):
            if isinstance(outcome, BaseException):
                raise outcome

    async def commit(
        self, objects: Mapping[str, Path | bytes], key: str, body: Callable[[], bytes], *, expected: ETag | None
    ) -> ETag:
        """See `Storage.commit`."""
        await self.store(objects)
        return await self.write(key, body(), expected=expected)

    async def _store_one(self, key: str, source: Path | bytes) -> None:
        with translated(key):
            await self._store.put_async(key, source, chunk_size=PART_BYTES, max_concurrency=PARTS_AT_ONCE)

    async def remote_server(self) -> Server:
        """See `Storage.remote_server`."""
        url = await self.presigned(layout.INDEX)
        tls = client_context(self._authorities) if url.startswith("https:") else True
        timeout = aiohttp.ClientTimeout(total=_ANSWER_SECONDS)
        try:
            async with (
                aiohttp.ClientSession(timeout=timeout, trust_env=not self._is_direct) as session,
                session.get(URL(url, encoded=True), ssl=tls) as answer,
            ):
                product = ", ".join(answer.headers.getall("Server", ()))
        except (aiohttp.ClientError, TimeoutError) as error:
            raise StorageUnavailableError(layout.INDEX, first_line(error)) from error
        parts = urlsplit(url)
        return Server(f"{parts.scheme}://{parts.netloc}", product[:_PRODUCT_LENGTH])

    async def open(self, key: str, start: int, end: int, *, is_whole: bool = False) -> AsyncIterator[bytes]:
        """See `Storage.open`. Only a real part is requested as a range: not every server supports ranges."""
        if start == end:
            return empty()
        if is_whole:
            return of_length(key, await self._whole(key, end), end)
        try:
            with translated(key):
                result = await self._store.get_async(key, options={"range": (start, end)})
        except StorageUnavailableError as error:
            if not is_whole_instead_of_range(error):
                raise
            return of_length(key, part_of(await self._whole(key), start, end), end - start)
        return of_length(key, as_bytes(result.stream(min_chunk_size=CHUNK_BYTES)), end - start)

    async def _whole(self, key: str, size: int | None = None) -> AsyncIterator[bytes]:
        with translated(key):
            result = await self._store.get_async(key)
        found = result.meta["size"]
        if size not in (None, found):
            raise StorageUnavailableError(key, f"has {found} bytes instead of {size}")
        return as_bytes(result.stream(min_chunk_size=CHUNK_BYTES))

    async def presigned(self, key: str) -> str:
        """Return a URL whose bearer may GET the object, whole or in part, for `LINK_LIFETIME`.

        Does not check whether the object exists.
        """
        with translated(key):
            return await obstore.sign_async(self._store, "GET", key, LINK_LIFETIME)

    async def list(self, folder: str, *, cuts: Sequence[str] = ()) -> AsyncIterator[Listed]:
        """See `Storage.list`."""
        with translated(folder):
            if not (cuts and self._honors_start_after):
                async for listed in self._listed(folder):
                    yield listed
                return
            parts = [self._part(folder, *ends) for ends in pairwise((None, *cuts, None))]
            for part in await asyncio.gather(*parts):
                for listed in part:
                    yield listed

    async def _part(self, folder: str, after: str | None, last: str | None) -> Sequence[Listed]:
        return [each async for each in self._listed(folder, after, last)]

    async def _listed(
        self, folder: str, after: str | None = None, last: str | None = None
    ) -> AsyncIterator[Listed]:
        ordered = Ordered(folder, after)
        async for page in self._store.list(folder, offset=after, chunk_size=KEYS_PER_LIST):
            for item in page:
                if last is not None and item["path"] > last:
                    return
                if ordered.admits(item["path"], item["size"]):
                    yield Listed(item["path"], item["e_tag"] or "", item["size"], item["last_modified"])
            if ordered.starts_over and self._honors_start_after:
                self._honors_start_after = False
                log.warning("The S3 server ignores start-after: listing %s sequentially from now on", folder)

    async def delete(self, key: str) -> None:
        """See `Storage.delete`."""
        with suppress(ObjectNotFoundError), translated(key):
            await self._store.delete_async(key)


def connect(s3: settings.S3) -> S3Storage:
    """Return the storage that the settings describe; connections are made when they are needed.

    Credentials, and whatever the settings leave open, come from the usual AWS environment
    variables. Proxies come from theirs.
    """
    # The whole request may take long (a large file to a slow client); silence may not.
    client: Any = {
        "allow_http": s3.endpoint.startswith("http://") or not s3.endpoint,
        "connect_timeout": "5s",
        "read_timeout": "30s",
        "timeout": "6h",
    }
    if s3.ca_bundle:
        client["root_certificate"] = s3.ca_bundle
    options: dict[str, Any] = {
        "region": s3.region,
        # Under this name it takes precedence over AWS_ENDPOINT_URL_S3 of the environment, as
        # settings should.
        "aws_endpoint_url_s3": s3.endpoint,
        "prefix": s3.prefix.rstrip("/"),
        # Not every server supports DeleteObjects, or accepts its checksum. One key is one DELETE.
        "disable_bulk_delete": True,
    }
    store = S3Store(
        s3.bucket,
        client_options=client,
        retry_config={"max_retries": _MAX_RETRIES, "retry_timeout": _RETRY_TIMEOUT},
        **{name: value for name, value in options.items() if value},
    )
    return S3Storage(store, authorities=s3.ca_bundle, is_direct=not getproxies_environment())


def _etag(given: str | None, body: bytes) -> ETag:
    """Return an object's ETag; if the server sends none, a digest of the bytes."""
    return ETag(given or f'"{hashlib.sha256(body).hexdigest()}"')
