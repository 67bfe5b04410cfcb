"""An S3 server in this process that obeys, or does wrong exactly what a test wants of it.

It speaks so much of the protocol as `S3Storage` does: PUT with conditions, GET with ranges and
conditions, DELETE and ListObjectsV2. Each fault is one that a real server has:
docs/recipes/s3-compatible.md.
"""

import asyncio
import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from xml.sax.saxutils import escape

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from wheelyard_server.settings import S3
from wheelyard_server.storage import s3
from wheelyard_server.storage.s3 import S3Storage

BUCKET = "bucket"
_MODIFIED = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass
class FakeS3:
    """Objects by key, and what is wrong with the server."""

    product: str = "FakeS3/1.0"
    ignores_start_after: bool = False
    ignores_tokens: bool = False
    ignores_ranges: bool = False
    has_etags: bool = True
    lists_folders: bool = False
    """As objects of no size, as servers on a file system do."""
    order: Callable[[list[str]], list[str]] = sorted
    page: int = 1000
    lets_all_win: Callable[[int], bool] = lambda _race: False
    """Returns whether the condition of a race, counted from 1, is checked too early."""
    objects: dict[str, bytes] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    """Each as `GET key` or `POST ?delete`."""
    races: dict[tuple[str, str], int] = field(default_factory=dict)

    @property
    def app(self) -> web.Application:
        made = web.Application(client_max_size=2**30)
        made.router.add_route("*", f"/{BUCKET}", self._bucket)
        made.router.add_route("*", f"/{BUCKET}/{{key:.+}}", self._object)
        return made

    async def _bucket(self, request: web.Request) -> web.Response:
        self.requests.append(f"{request.method} ?{next(iter(request.query), '')}")
        if request.method != "GET":
            return self._answer(501, b"<Error><Code>NotImplemented</Code></Error>")
        return self._answer(200, self._listing(request).encode())

    async def _object(self, request: web.Request) -> web.Response:
        key = request.match_info["key"]
        self.requests.append(f"{request.method} {key}")
        if request.method == "PUT":
            return await self._put(request, key)
        if request.method == "DELETE":
            self.objects.pop(key, None)
            return self._answer(204)
        body = self.objects.get(key)
        if body is None:
            return self._answer(404, b"<Error><Code>NoSuchKey</Code></Error>")
        if self.has_etags and request.headers.get("If-None-Match") == _etag(body):
            return self._answer(304, etag=_etag(body))
        return self._part(body, request.headers.get("Range"))

    async def _put(self, request: web.Request, key: str) -> web.Response:
        match, none_match = request.headers.get("If-Match"), request.headers.get("If-None-Match")
        race = (key, match or none_match or "")
        condition_holds = self._condition_holds(key, match, none_match)
        if (match or none_match) and self.lets_all_win(self.races.setdefault(race, len(self.races) + 1)):
            # All that come meanwhile find what was there before.
            await asyncio.sleep(0.05)
        else:
            body = await request.read()
            condition_holds = self._condition_holds(key, match, none_match)
        if not condition_holds:
            return self._answer(412, b"<Error><Code>PreconditionFailed</Code></Error>")
        body = await request.read()
        self.objects[key] = body
        answer = self._answer(200)
        answer.headers["ETag"] = _etag(body)  # JuiceFS has it here alone.
        return answer

    def _condition_holds(self, key: str, match: str | None, none_match: str | None) -> bool:
        known = self.objects.get(key)
        if none_match == "*":
            return known is None
        return match is None or (known is not None and _etag(known) == match)

    def _part(self, body: bytes, wanted: str | None) -> web.Response:
        found = re.fullmatch(r"bytes=(\d+)-(\d+)", wanted or "")
        if found is None or self.ignores_ranges:
            return self._answer(200, body, _etag(body))
        start, end = int(found[1]), min(int(found[2]) + 1, len(body))
        answer = self._answer(206, body[start:end], _etag(body))
        answer.headers["Content-Range"] = f"bytes {start}-{end - 1}/{len(body)}"
        return answer

    def _listing(self, request: web.Request) -> str:
        prefix, token = request.query.get("prefix", ""), request.query.get("continuation-token", "")
        after = request.query.get("start-after", "")
        keys = [key for key in self.order([*self.objects, *self._folders()]) if key.startswith(prefix)]
        if after and not self.ignores_start_after:
            keys = [key for key in keys if key > after]
        begin = 0 if self.ignores_tokens else int(token or 0)
        shown, rest = keys[begin : begin + self.page], keys[begin + self.page :]
        contents = "".join(map(self._entry, shown))
        more = f"<NextContinuationToken>{begin + self.page}</NextContinuationToken>" if rest else ""
        is_truncated = "true" if rest else "false"
        return f"<ListBucketResult><IsTruncated>{is_truncated}</IsTruncated>{contents}{more}</ListBucketResult>"

    def _folders(self) -> set[str]:
        if not self.lists_folders:
            return set()
        return {key[: slash.end()] for key in self.objects for slash in re.finditer("/", key)}

    def _entry(self, key: str) -> str:
        body = self.objects.get(key, b"")
        etag = f"<ETag>{escape(_etag(body))}</ETag>" if self.has_etags else ""
        modified = _MODIFIED.strftime("%Y-%m-%dT%H:%M:%S.000Z")
        return (
            f"<Contents><Key>{escape(key)}</Key><LastModified>{modified}</LastModified>{etag}"
            f"<Size>{len(body)}</Size></Contents>"
        )

    def _answer(self, status: int, body: bytes = b"", etag: str = "") -> web.Response:
        headers = {"Server": self.product, "Last-Modified": "Thu, 01 Jan 2026 00:00:00 GMT"}
        if etag and self.has_etags:
            headers["ETag"] = etag
        return web.Response(status=status, body=body, headers=headers)


def _etag(body: bytes) -> str:
    return f'"{hashlib.md5(body).hexdigest()}"'  # noqa: S324 - S3's


async def connected(fake: FakeS3, monkeypatch: pytest.MonkeyPatch) -> tuple[S3Storage, TestServer]:
    """Start the server, and return a storage on it; the caller closes the server."""
    server = TestServer(fake.app)
    await server.start_server()
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    return s3.connect(S3(bucket=BUCKET, endpoint=str(server.make_url("")).rstrip("/"))), server
