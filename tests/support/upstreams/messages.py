"""A request to an upstream of the tests, and its answer."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from urllib.parse import parse_qs, unquote, urlsplit

OCTETS = "application/octet-stream"


class Host(StrEnum):
    """The two servers of an upstream; their ports differ, so they are two origins."""

    INDEX = "index"
    FILES = "files"


@dataclass(frozen=True)
class Request:
    """A request. The path has its percent encoding, and what the log of the upstream shows is all there is."""

    method: str
    host: Host
    target: str
    headers: Mapping[str, str]
    origins: Mapping[Host, str]
    """The two origins, as this client spells the host's name."""

    @property
    def line(self) -> str:
        """Return `GET /path?query`."""
        return f"{self.method} {self.target}"

    @property
    def path(self) -> str:
        """Return the path, decoded once."""
        return unquote(urlsplit(self.target).path)

    @property
    def raw_path(self) -> str:
        return urlsplit(self.target).path

    @property
    def query(self) -> Mapping[str, str]:
        return {name: values[0] for name, values in parse_qs(urlsplit(self.target).query).items()}

    def header(self, name: str) -> str:
        """Return a header; "" if there is none."""
        return next((value for key, value in self.headers.items() if key.lower() == name.lower()), "")

    def accepts(self, media_type: str) -> bool:
        """Return whether Accept names the type."""
        return media_type in self.header("Accept")


@dataclass
class Answer:
    """An answer; an ETag in its headers makes it conditional, and `has_ranges` partial."""

    status: int = 200
    body: bytes = field(default=b"", repr=False)
    headers: dict[str, str] = field(default_factory=dict)
    has_ranges: bool = False

    def for_request(self, request: Request) -> "Answer":
        """Return the answer to this request: maybe a 304, or a part."""
        if self.status != 200:
            return self
        etag = self.headers.get("ETag", "")
        if etag and _opaque(etag) in map(_opaque, request.header("If-None-Match").split(",")):
            kept = {key: value for key, value in self.headers.items() if key != "Content-Type"}
            return Answer(304, headers=kept)
        return self._part(request, etag) if self.has_ranges else self

    def _part(self, request: Request, etag: str) -> "Answer":
        found = re.fullmatch(r"bytes=(\d*)-(\d*)", request.header("Range"))
        if found is None or found[0] == "bytes=-" or request.header("If-Range") not in {"", etag}:
            return Answer(200, self.body, {**self.headers, "Accept-Ranges": "bytes"}, has_ranges=True)
        size = len(self.body)
        start = int(found[1]) if found[1] else max(0, size - int(found[2]))
        end = min(int(found[2]) + 1, size) if found[1] and found[2] else size
        if start >= size:
            return Answer(416, headers={"Content-Range": f"bytes */{size}"})
        headers = {**self.headers, "Accept-Ranges": "bytes", "Content-Range": f"bytes {start}-{end - 1}/{size}"}
        return Answer(206, self.body[start:end], headers)


def _opaque(etag: str) -> str:
    return etag.strip().removeprefix("W/")


def etag_of(body: bytes) -> str:
    """Return a strong ETag."""
    return f'"{hashlib.sha256(body).hexdigest()[:32]}"'


def file_answer(body: bytes, content_type: str = OCTETS, **headers: str) -> Answer:
    """Return the answer with a file."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(200, body, {"Content-Type": content_type, "ETag": etag_of(body), **named}, has_ranges=True)
