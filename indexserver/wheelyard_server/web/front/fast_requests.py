"""The requests that the fast lane understands, to the last byte; all others are left to aiohttp."""

import re
from dataclasses import dataclass
from typing import TypeVar

from wheelyard_server.access.known_readers import KnownReader
from wheelyard_server.names import NormalizedName, possible_projects
from wheelyard_server.web.handlers.files import METADATA_SUFFIX
from wheelyard_server.web.http import client_families, request_ids
from wheelyard_server.web.http.proxies import origin_by
from wheelyard_server.web.http.targets import MIRROR, Target, is_host
from wheelyard_server.web.pages.negotiation import Encoding, MediaType, choose, choose_encoding
from wheelyard_server.web.telemetry.logs import MAX_PATH_LENGTH, has_secret

K = TypeVar("K")
V = TypeVar("V")

MAX_BYTES = 4096
"""The largest request; installers send a few hundred bytes."""
MAX_LINE_BYTES = 512
"""The longest request line; no file's is longer."""
MAX_CACHED_LINES = 4096
MAX_CACHED_HEADERS = 1024
"""Clients send the same request lines and blocks of headers again and again."""

_FILENAME = r"[A-Za-z0-9](?:[A-Za-z0-9._+-]|%2B)*"
_LINE = re.compile(
    rf"(GET|HEAD) (/simple/([a-z0-9]+(?:-[a-z0-9]+)*)/"
    rf"|/files/([a-z0-9]+(?:-[a-z0-9]+)*)/([0-9a-f]{{64}})/({_FILENAME})"
    rf"|{MIRROR}([a-z0-9-]+)/((?:[A-Za-z0-9_-](?:[A-Za-z0-9._+-]|%2B)*/)*({_FILENAME}))) HTTP/1\.1".encode()
)
_HEADER = re.compile(rb"([A-Za-z-]+): ?([!-~](?:[ -~]*[!-~])?)\r\n")
_HARMLESS_HEADERS = frozenset(
    b"accept accept-encoding accept-language authorization cache-control connection host if-none-match pragma "
    b"traceparent tracestate user-agent x-forwarded-for x-forwarded-host x-forwarded-port x-forwarded-prefix "
    b"x-forwarded-proto "
    b"x-real-ip x-request-id".split()
)
"""Headers that change nothing, or are evaluated below. A header that comes twice is not harmless."""
_SCHEME = "http"
"""Listeners speak no TLS."""
_PAGE, _FILE = "/simple/{project}/", "/files/{project}/{sha256}/{filename}"
_MIRRORED_FILE = f"{MIRROR}{{upstream}}/{{path}}"


@dataclass(frozen=True, slots=True, eq=False)
class RequestHeaders:
    """What a block of headers says."""

    media_type: MediaType
    encoding: Encoding
    if_none_match: str
    reader: KnownReader
    """The sender, by the Authorization header."""
    request_id: str | None
    forwarded_for: str
    """The X-Forwarded-For header."""
    traceparent: str
    origin: str | None
    """The origin for absolute links; None if a header may change the path behind it."""
    client_family: str
    """By the User-Agent header, as the metrics have it."""


class FastRequestParser:
    """Reads requests up to a size, and caches what their lines and headers say."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = min(MAX_BYTES, max_bytes)
        self._targets: dict[bytes, Target] = {}
        self._headers: dict[bytes, RequestHeaders] = {}

    def parse(self, data: bytes) -> tuple[Target, RequestHeaders] | None:
        """Return what is asked for, and how, if this is one whole GET or HEAD that is understood."""
        if len(data) > self._max_bytes:
            return None
        line, _, block = data.partition(b"\r\n")
        target = self._targets.get(line) or self._parse_line(line)
        if target is None:
            return None
        headers = self._headers.get(block) or self._parse_headers(block)
        return (target, headers) if headers is not None else None

    def _parse_line(self, line: bytes) -> Target | None:
        target = _target(line) if len(line) <= MAX_LINE_BYTES else None
        if target is not None:
            _cache(self._targets, line, target, MAX_CACHED_LINES)
        return target

    def _parse_headers(self, block: bytes) -> RequestHeaders | None:
        headers = _request_headers(block)
        # Headers with an id of their own come only once.
        if headers is not None and headers.request_id is None and not headers.traceparent:
            _cache(self._headers, block, headers, MAX_CACHED_HEADERS)
        return headers


def _target(line: bytes) -> Target | None:
    match = _LINE.fullmatch(line)
    if match is None:
        return None
    # Links spell a plus as %2B, which aiohttp decodes for the log.
    method, path, of_page, project, sha256, filename, upstream, upstream_path, mirrored = (
        (each or b"").replace(b"%2B", b"+").decode() for each in match.groups()
    )
    if has_secret(path):
        return None
    path = path[:MAX_PATH_LENGTH]
    if of_page:
        return Target(_PAGE, method, path, NormalizedName(of_page))
    if upstream:
        return _mirrored(method, path, upstream, upstream_path, mirrored)
    return Target(_FILE, method, path, NormalizedName(project), sha256, filename)


def _mirrored(method: str, path: str, upstream: str, upstream_path: str, filename: str) -> Target | None:
    """Return the target of a mirrored file, in the likeliest of its projects."""
    for project in possible_projects(filename.removesuffix(METADATA_SUFFIX))[:1]:
        return Target(
            _MIRRORED_FILE,
            method,
            path,
            project,
            filename=filename,
            upstream=upstream,
            upstream_path=upstream_path,
        )
    return None


def _request_headers(block: bytes) -> RequestHeaders | None:
    """Read all headers of a request, up to the empty line at its very end; None if there is anything else."""
    headers = _fields(block)
    if headers is None or not is_host(headers.get(b"host", "")):
        return None
    media_type = choose(headers.get(b"accept", ""))
    request_id = request_ids.parse(headers.get(b"x-request-id", ""))
    if (
        media_type is None
        or headers.get(b"connection", "keep-alive").lower() != "keep-alive"
        or has_secret(request_id or "")
    ):
        return None
    return RequestHeaders(
        media_type=media_type,
        encoding=choose_encoding(headers.get(b"accept-encoding", "")),
        if_none_match=headers.get(b"if-none-match", ""),
        reader=KnownReader(headers.get(b"authorization")),
        request_id=request_id,
        forwarded_for=headers.get(b"x-forwarded-for", ""),
        traceparent=headers.get(b"traceparent", ""),
        origin=_origin(headers),
        client_family=client_families.family(headers.get(b"user-agent", "")),
    )


def _origin(headers: dict[bytes, str]) -> str | None:
    """Return the origin of links; None with X-Forwarded-Prefix, which counts only if a trusted proxy sends it."""
    if b"x-forwarded-prefix" in headers:
        return None
    return origin_by(headers.get(b"x-forwarded-proto", ""), _SCHEME, headers[b"host"])


def _fields(block: bytes) -> dict[bytes, str] | None:
    found: dict[bytes, str] = {}
    position = 0
    while match := _HEADER.match(block, position):
        name, value = match.groups()
        name = name.lower()
        if name not in _HARMLESS_HEADERS or name in found:
            return None
        found[name] = value.decode("ascii")
        position = match.end()
    return found if block[position:] == b"\r\n" else None


def _cache(cache: dict[K, V], key: K, value: V, max_entries: int) -> None:
    """Cache a value; of too many, the oldest is dropped."""
    cache[key] = value
    if len(cache) > max_entries:
        del cache[next(iter(cache))]
