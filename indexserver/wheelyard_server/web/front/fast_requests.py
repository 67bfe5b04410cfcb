"""What the fast lane understands of a request, to the last byte. Whatever says more is for aiohttp to read."""

import re
from dataclasses import dataclass, field
from typing import TypeVar

from wheelyard_server.access import authenticate
from wheelyard_server.access.reloading import Access
from wheelyard_server.access.rules import Method, Principal, Verb
from wheelyard_server.names import NormalizedName
from wheelyard_server.web.http import request_ids
from wheelyard_server.web.http.targets import is_host
from wheelyard_server.web.pages.negotiation import Encoding, MediaType, choose, choose_encoding
from wheelyard_server.web.telemetry import client_families
from wheelyard_server.web.telemetry.logs import PATH_LENGTH, has_secret

K = TypeVar("K")
V = TypeVar("V")

MAX_BYTES = 4096
"""Of a request; installers send a few hundred."""
_LINE_BYTES = 512
"""Of a request line: what is longer is nobody's file."""
_LINES, _BLOCKS = 4096, 1024
"""So many request lines and blocks of headers are remembered: a client sends the same ones again and again."""
_RIGHTS = 256
"""For each block of headers, so many projects that its sender may or may not read."""

_LINE = re.compile(
    rb"(GET|HEAD) (/simple/([a-z0-9]+(?:-[a-z0-9]+)*)/"
    rb"|/files/([a-z0-9]+(?:-[a-z0-9]+)*)/([0-9a-f]{64})/([A-Za-z0-9](?:[A-Za-z0-9._+-]|%2B)*)) HTTP/1\.1"
)
_HEADER = re.compile(rb"([A-Za-z-]+): ?([!-~](?:[ -~]*[!-~])?)\r\n")
_HARMLESS = frozenset(
    b"accept accept-encoding accept-language authorization cache-control connection host if-none-match pragma "
    b"traceparent tracestate user-agent x-forwarded-for x-forwarded-host x-forwarded-port x-forwarded-prefix "
    b"x-forwarded-proto "
    b"x-real-ip x-request-id".split()
)
"""What changes nothing, or only what is looked at below. A header twice is none of these."""
_PAGE, _FILE = "/simple/{project}/", "/files/{project}/{sha256}/{filename}"


@dataclass(frozen=True, slots=True, eq=False)
class Target:
    """What a request line asks for."""

    route: str
    """Template, as the metrics have it."""
    method: str
    path: str
    """As the log has it."""
    project: NormalizedName
    sha256: str = ""
    filename: str = ""
    """Without it, the project's page is meant."""


@dataclass(slots=True, eq=False)
class Asking:
    """What a block of headers says, and what follows from it as long as the same access file is in force."""

    media_type: MediaType
    encoding: Encoding
    if_none_match: str
    """Value of If-None-Match."""
    authorization: str | None
    request_id: str | None
    forwarded: str
    """Value of X-Forwarded-For."""
    traceparent: str
    family: str
    """Of the client, as the metrics have it."""
    access: Access | None = None
    principal: Principal | None = None
    method: Method = Method.NONE
    rights: dict[tuple[bool, str], bool] = field(default_factory=dict)

    def may_read(self, access: Access, project: NormalizedName, *, outside: bool) -> bool:
        """Return whether the sender may read a project by these rules."""
        if self.access is not access:
            self.access, self.principal = (
                access,
                authenticate.authenticate_without_waiting(self.authorization, access.accepted_users),
            )
            self.method = self.principal.method if self.principal is not None else Method.NONE
            self.rights.clear()
        right = self.rights.get((outside, project))
        if right is None:
            rules = access.rules.external if outside else access.rules
            right = self.principal is not None and rules.allows(self.principal, Verb.READ, project)
            _remember(self.rights, (outside, project), right, _RIGHTS)
        return right


class Recognition:
    """Reads requests of up to so many bytes, and remembers what their lines and headers say."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = min(MAX_BYTES, max_bytes)
        self._targets: dict[bytes, Target] = {}
        self._askings: dict[bytes, Asking] = {}

    def of(self, data: bytes) -> tuple[Target, Asking] | None:
        """Return what is asked for, and how, if this is one whole GET or HEAD that is understood."""
        if len(data) > self._max_bytes:
            return None
        line, _, block = data.partition(b"\r\n")
        target = self._targets.get(line) or self._read_line(line)
        if target is None:
            return None
        asking = self._askings.get(block) or self._read_block(block)
        return (target, asking) if asking is not None else None

    def _read_line(self, line: bytes) -> Target | None:
        target = _target(line) if len(line) <= _LINE_BYTES else None
        if target is not None:
            _remember(self._targets, line, target, _LINES)
        return target

    def _read_block(self, block: bytes) -> Asking | None:
        asking = _asking(block)
        # One with an id of its own comes only once.
        if asking is not None and asking.request_id is None and not asking.traceparent:
            _remember(self._askings, block, asking, _BLOCKS)
        return asking


def _target(line: bytes) -> Target | None:
    match = _LINE.fullmatch(line)
    if match is None:
        return None
    # Links have a plus as %2B, and aiohttp tells the log what is meant by it.
    method, path, of_page, project, sha256, filename = (
        (each or b"").replace(b"%2B", b"+").decode() for each in match.groups()
    )
    if has_secret(path):
        return None
    path = path[:PATH_LENGTH]
    if of_page:
        return Target(_PAGE, method, path, NormalizedName(of_page))
    return Target(_FILE, method, path, NormalizedName(project), sha256, filename)


def _asking(block: bytes) -> Asking | None:
    """Read all headers of a request, up to the empty line at its very end; None where there is anything else."""
    headers = _headers(block)
    if headers is None or not is_host(headers.get(b"host", "")):
        return None
    media_type = choose(headers.get(b"accept", ""))
    request_id = request_ids.given(headers.get(b"x-request-id", ""))
    if (
        media_type is None
        or headers.get(b"connection", "keep-alive").lower() != "keep-alive"
        or has_secret(request_id or "")
    ):
        return None
    return Asking(
        media_type=media_type,
        encoding=choose_encoding(headers.get(b"accept-encoding", "")),
        if_none_match=headers.get(b"if-none-match", ""),
        authorization=headers.get(b"authorization"),
        request_id=request_id,
        forwarded=headers.get(b"x-forwarded-for", ""),
        traceparent=headers.get(b"traceparent", ""),
        family=client_families.family(headers.get(b"user-agent", "")),
    )


def _headers(block: bytes) -> dict[bytes, str] | None:
    found: dict[bytes, str] = {}
    position = 0
    while match := _HEADER.match(block, position):
        name, value = match.groups()
        name = name.lower()
        if name not in _HARMLESS or name in found:
            return None
        found[name] = value.decode("ascii")
        position = match.end()
    return found if block[position:] == b"\r\n" else None


def _remember(memory: dict[K, V], key: K, value: V, maximum: int) -> None:
    """Keep a value; of too many, the oldest goes."""
    memory[key] = value
    if len(memory) > maximum:
        del memory[next(iter(memory))]
