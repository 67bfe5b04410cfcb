"""Storage on S3, and on servers that speak its protocol, through obstore.

Conditional requests as AWS defines them:
https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-requests.html
"""

import asyncio
import hashlib
import logging
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from urllib.request import getproxies_environment

import aiohttp
import obstore
from obstore.exceptions import (
    AlreadyExistsError,
    BaseError,
    GenericError,
    NotFoundError,
    NotModifiedError,
    PreconditionError,
)
from obstore.store import S3Store
from yarl import URL

from wheelyard_server import settings
from wheelyard_server.errors import (
    ObjectNotFoundError,
    ObjectUnchangedError,
    PreconditionFailedError,
    StorageUnavailableError,
)
from wheelyard_server.storage import KEYS_OF_A_LIST, Document, ETag, Fingerprint, Listed, Server, layout
from wheelyard_server.storage.conditional_get import ConditionalGets, tls_context
from wheelyard_server.storage.listing import Ordered

if TYPE_CHECKING:
    from obstore import GetResult, PutMode
    from obstore.store import ClientConfig, RetryConfig

log = logging.getLogger(__name__)

PART_BYTES = 8 * 1024 * 1024
PARTS_AT_ONCE = 4
"""With `PART_BYTES`, bounds the memory that one upload takes."""
CHUNK_BYTES = 256 * 1024
READ_SECONDS = 10
"""A small object is there by then, or pip has given up anyway: it waits for 15 s."""
WRITE_SECONDS = 60
"""A small object is there by then, or its writer is told that nobody knows; see `catalog/serials.py`."""
LINK_LIFETIME = timedelta(minutes=5)
"""Of a presigned URL: long enough to begin a download. obstore renews temporary credentials, which end its life
sooner, when they have less than this left."""

_ANSWER_SECONDS = 10
_PRODUCT_LENGTH = 200
_RANGE_IGNORED = "non-partial response when range requested"
"""How obstore words that the answer to a range was a 200."""

_RETRIES: "RetryConfig" = {"max_retries": 4, "retry_timeout": timedelta(seconds=20)}


class S3Storage:
    """Objects in a bucket, under a prefix."""

    def __init__(self, store: S3Store, *, authorities: str = "", is_direct: bool = True) -> None:
        """Trust these authorities, as the store does; where it goes through a proxy it is not `is_direct`."""
        self._store = store
        self._authorities = authorities
        self._is_direct = is_direct
        self._goes_on = True
        """Whether a listing begins where it is asked to."""
        self.conditional_gets = ConditionalGets(self.presigned, authorities) if is_direct else None

    async def read(self, key: str, *, if_none_match: ETag | None = None) -> Document:
        """See `Storage.read`."""
        if if_none_match and await self.is_unchanged(key, if_none_match):
            raise ObjectUnchangedError(key)
        with _translated(key):
            async with asyncio.timeout(READ_SECONDS):
                result = await self._store.get_async(
                    key, options={"if_none_match": if_none_match} if if_none_match else None
                )
                body = bytes(await result.bytes_async())
            return Document(body, _etag(result.meta["e_tag"], body))

    async def is_unchanged(self, key: str, if_none_match: ETag) -> bool:
        """See `Storage.is_unchanged`."""
        return self.conditional_gets is not None and await self.conditional_gets.is_unchanged(key, if_none_match)

    async def write(self, key: str, body: bytes, *, expected: ETag | None) -> ETag:
        """See `Storage.write`."""
        mode: PutMode = "create" if expected is None else {"e_tag": expected}
        with _translated(key):
            async with asyncio.timeout(WRITE_SECONDS):
                result = await self._store.put_async(key, body, mode=mode)
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
        with _translated(key):
            await self._store.put_async(key, source, chunk_size=PART_BYTES, max_concurrency=PARTS_AT_ONCE)

    async def server(self) -> Server:
        """See `Storage.server`."""
        url = await self.presigned(layout.INDEX)
        tls = tls_context(self._authorities) if url.startswith("https:") else True
        timeout = aiohttp.ClientTimeout(total=_ANSWER_SECONDS)
        try:
            async with (
                aiohttp.ClientSession(timeout=timeout, trust_env=not self._is_direct) as session,
                session.get(URL(url, encoded=True), ssl=tls) as answer,
            ):
                product = ", ".join(answer.headers.getall("Server", ()))
        except (aiohttp.ClientError, TimeoutError) as error:
            raise StorageUnavailableError(layout.INDEX, _first_line(error)) from error
        parts = urlsplit(url)
        return Server(f"{parts.scheme}://{parts.netloc}", product[:_PRODUCT_LENGTH])

    async def open(self, key: str, start: int, end: int, *, is_whole: bool = False) -> AsyncIterator[bytes]:
        """See `Storage.open`. Nothing but a part is asked for as one: not every server knows ranges."""
        if start == end:
            return _nothing()
        if is_whole:
            return _chunks(key, await self._whole(key, end), end)
        try:
            with _translated(key):
                result = await self._store.get_async(key, options={"range": (start, end)})
        except StorageUnavailableError as error:
            if not _is_whole_instead(error):
                raise
            return _chunks(key, _part(await self._whole(key), start, end), end - start)
        return _chunks(key, _stream(result), end - start)

    async def _whole(self, key: str, size: int | None = None) -> AsyncIterator[bytes]:
        with _translated(key):
            result = await self._store.get_async(key)
        found = result.meta["size"]
        if size not in (None, found):
            raise StorageUnavailableError(key, f"has {found} bytes instead of {size}")
        return _stream(result)

    async def presigned(self, key: str) -> str:
        """Return a URL by which whoever has it may GET the object, whole or in part, for `LINK_LIFETIME`.

        Whether there is such an object is not asked.
        """
        with _translated(key):
            return await obstore.sign_async(self._store, "GET", key, LINK_LIFETIME)

    def path(self, key: str) -> Path | None:  # noqa: ARG002 - the seam's
        """See `Storage.path`."""
        return None

    def fingerprint(self, key: str) -> Fingerprint | None:  # noqa: ARG002 - the seam's
        """See `Storage.fingerprint`."""
        return None

    async def list(self, folder: str, *, cuts: Sequence[str] = ()) -> AsyncIterator[Listed]:
        """See `Storage.list`."""
        with _translated(folder):
            if not (cuts and self._goes_on):
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
        async for page in self._store.list(folder, offset=after, chunk_size=KEYS_OF_A_LIST):
            for item in page:
                if last is not None and item["path"] > last:
                    return
                if ordered.admits(item["path"], item["size"]):
                    yield Listed(item["path"], item["e_tag"] or "", item["size"], item["last_modified"])
            if ordered.begins_anew and self._goes_on:
                self._goes_on = False
                log.warning("The S3 server ignores start-after: from now on it lists %s in one go", folder)

    async def delete(self, key: str) -> None:
        """See `Storage.delete`."""
        with suppress(ObjectNotFoundError), _translated(key):
            await self._store.delete_async(key)


def connect(s3: settings.S3) -> S3Storage:
    """Return the storage that the settings describe; connections are made when they are needed.

    Credentials and what the settings leave open come from the usual AWS environment variables, proxies from theirs.
    """
    # The whole request may take long (a large file to a slow client); silence may not.
    client: ClientConfig = {
        "allow_http": s3.endpoint.startswith("http://") or not s3.endpoint,
        "connect_timeout": "5s",
        "read_timeout": "30s",
        "timeout": "6h",
    }
    if s3.ca_bundle:
        client["root_certificate"] = s3.ca_bundle
    options = {
        "region": s3.region,
        # Under this name it wins over AWS_ENDPOINT_URL_S3 of the environment, as settings should.
        "aws_endpoint_url_s3": s3.endpoint,
        "prefix": s3.prefix.rstrip("/"),
        # Not every server knows DeleteObjects, or takes its checksum; one key is one DELETE.
        "disable_bulk_delete": True,
    }
    given = {name: value for name, value in options.items() if value}
    store = S3Store(s3.bucket, client_options=client, retry_config=_RETRIES, **given)  # type: ignore[arg-type]
    return S3Storage(store, authorities=s3.ca_bundle, is_direct=not getproxies_environment())


@contextmanager
def _translated(key: str) -> Iterator[None]:
    """Keep obstore's errors inside this file."""
    try:
        yield
    except (NotFoundError, FileNotFoundError) as error:
        # A missing bucket, or some proxy's 404, is an outage: for installers a 404 means to look elsewhere.
        if "NoSuchKey" in str(error):
            raise ObjectNotFoundError(key) from error
        raise StorageUnavailableError(key, _first_line(error)) from error
    except NotModifiedError as error:
        raise ObjectUnchangedError(key) from error
    except (AlreadyExistsError, PreconditionError) as error:
        raise PreconditionFailedError(key) from error
    except (BaseError, OSError) as error:
        raise StorageUnavailableError(key, _first_line(error)) from error


def _first_line(error: Exception) -> str:
    """Return what is for people: the rest is for debugging obstore."""
    return f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"


def _is_whole_instead(error: StorageUnavailableError) -> bool:
    """Return whether the answer to a range was a 200: the whole object, as RFC 9110 has it."""
    return isinstance(error.__cause__, GenericError) and _RANGE_IGNORED in str(error.__cause__)


def _etag(given: str | None, body: bytes) -> ETag:
    """Return an object's ETag; where the server has none, what changes whenever the object does."""
    return ETag(given or f'"{hashlib.sha256(body).hexdigest()}"')


async def _stream(result: "GetResult") -> AsyncIterator[bytes]:
    async for chunk in result.stream(min_chunk_size=CHUNK_BYTES):
        yield bytes(chunk)


async def _part(chunks: AsyncIterator[bytes], start: int, end: int) -> AsyncIterator[bytes]:
    position = 0
    async for chunk in chunks:
        if position + len(chunk) > start:
            yield chunk[max(0, start - position) : end - position]
        position += len(chunk)
        if position >= end:
            return


async def _chunks(key: str, stream: AsyncIterator[bytes], expected: int) -> AsyncIterator[bytes]:
    received = 0
    with _translated(key):
        async for chunk in stream:
            received += len(chunk)
            yield chunk
    if received != expected:
        raise StorageUnavailableError(key, f"the stream ended after {received} of {expected} bytes")


async def _nothing() -> AsyncIterator[bytes]:
    none: tuple[bytes, ...] = ()
    for chunk in none:
        yield chunk
