"""The fast lane: hot pages and small files, answered from prepared bytes before aiohttp reads the request.

It takes what it recognises to the last byte: one whole GET or HEAD of what is ready, with headers that are
known to be harmless, by anonymous or with a token, on a connection where nothing else is going on. All else it
leaves to aiohttp as it came. What it answers is the same, byte for byte; rights, freshness, metrics and log too.
`performance.fastLane: false` takes it out of the way. `test_fast_lane.py` compares the two.
"""

import asyncio
import re
import time
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol, TypeVar

from aiohttp import web

from wheelyard_server.access import authenticate
from wheelyard_server.access.current import Access, CurrentAccess
from wheelyard_server.access.rules import Method, Principal, Verb
from wheelyard_server.catalog.catalog import Catalog
from wheelyard_server.catalog.counts import Source
from wheelyard_server.catalog.documents import Known, Listing
from wheelyard_server.names import NormalizedName
from wheelyard_server.web import clients, request_ids
from wheelyard_server.web.files import prepared as prepared_file
from wheelyard_server.web.headers import is_among, tail
from wheelyard_server.web.lifecycle import Lifecycle
from wheelyard_server.web.logs import PATH_LENGTH, REQUEST, RequestLog, has_secret
from wheelyard_server.web.metrics import Metrics
from wheelyard_server.web.negotiation import Encoding, MediaType, choose, choose_encoding
from wheelyard_server.web.pages import ProjectPages
from wheelyard_server.web.representation import CACHE_STATUS, Prepared, cache_status
from wheelyard_server.web.sampling import Sampling
from wheelyard_server.web.targets import is_host

K = TypeVar("K")
V = TypeVar("V")

MOST_BYTES = 4096
"""Of a request; installers send a few hundred."""
_LINES, _BLOCKS = 4096, 1024
"""So many request lines and blocks of headers are remembered: a client sends the same ones again and again."""
_RIGHTS = 256
"""For each block of headers, so many projects that its sender may or may not read."""
_OF_A_TURN = 1000
"""Requests that go by one look, at most: uvloop takes 1,024 from the kernel at a time, and then asks again."""
_WRITTEN_AT_ONCE = 64 * 1024
"""Up to here, to copy a body behind its head is quicker than to send two pieces."""

_LINE = re.compile(
    rb"(GET|HEAD) (/simple/([a-z0-9]+(?:-[a-z0-9]+)*)/"
    rb"|/files/([a-z0-9]+(?:-[a-z0-9]+)*)/([0-9a-f]{64})/([A-Za-z0-9](?:[A-Za-z0-9._+-]|%2B)*)) HTTP/1\.1"
)
_HEADER = re.compile(rb"([A-Za-z-]+): ?([!-~](?:[ -~]*[!-~])?)\r\n")
_HARMLESS = frozenset(
    b"accept accept-encoding accept-language authorization cache-control connection host if-none-match pragma "
    b"traceparent tracestate user-agent x-forwarded-for x-forwarded-host x-forwarded-port x-forwarded-proto "
    b"x-real-ip x-request-id".split()
)
"""What changes nothing, or only what is looked at below. A header twice is none of these."""
_PAGE, _FILE = "/simple/{project}/", "/files/{project}/{sha256}/{filename}"


class Client(Protocol):
    """The connection that a request came by."""

    is_outside: bool
    """It came to the external listener."""

    def sender(self, forwarded: str) -> str:
        """Return the address of whoever asks; `forwarded` is X-Forwarded-For, "" where there is none."""

    def send(self, *parts: bytes) -> None:
        """Send a whole answer."""

    def wait(self) -> None:
        """Read nothing more until `go_on`."""

    def go_on(self) -> None:
        """Read again."""

    def pass_on(self, data: bytes) -> None:
        """Let aiohttp answer."""


class Target(NamedTuple):
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


@dataclass(slots=True)
class Asking:
    """What a block of headers says, and what follows from it as long as the same access file is in force."""

    media_type: MediaType
    encoding: Encoding
    known: str
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
        """Tell whether the sender may read a project by these rules."""
        if self.access is not access:
            self.access, self.principal = access, authenticate.at_once(self.authorization, access.logins)
            self.method = self.principal.method if self.principal is not None else Method.NONE
            self.rights.clear()
        right = self.rights.get((outside, project))
        if right is None:
            rules = access.rules.external if outside else access.rules
            right = self.principal is not None and rules.allows(self.principal, Verb.READ, project)
            _remember(self.rights, (outside, project), right, _RIGHTS)
        return right


class _Request(NamedTuple):
    client: Client
    data: bytes
    target: Target
    asking: Asking
    began: float


@dataclass(eq=False)
class FastLane:
    """Answers what is hot."""

    catalog: Catalog
    access: CurrentAccess
    pages: ProjectPages
    lifecycle: Lifecycle
    metrics: Metrics
    log: RequestLog
    header_bytes: int
    """What the settings allow: a longer request is for aiohttp to refuse."""
    sampling: Sampling | None = None
    """Which requests are traced, and so go aiohttp's way; None traces none."""
    _most_bytes: int = field(init=False)
    _targets: dict[bytes, Target] = field(default_factory=dict, init=False)
    _askings: dict[bytes, Asking] = field(default_factory=dict, init=False)
    _fresh: dict[str, Known] = field(default_factory=dict, init=False)
    """What was found to be current in this turn of the event loop."""
    _left: int = field(default=0, init=False)
    """So many requests may still go by that."""
    _waiting: dict[NormalizedName, list[_Request]] = field(default_factory=dict, init=False)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set, init=False)
    _second: int = field(default=0, init=False)
    _tail: bytes = field(default=b"", init=False)
    """Of answers in this second."""

    def __post_init__(self) -> None:
        self._most_bytes = min(MOST_BYTES, self.header_bytes)

    def takes(self, client: Client, data: bytes) -> bool:
        """Answer the request that is all of `data`, now or soon; False: it is not for this lane."""
        began = time.perf_counter()
        line, _, block = data.partition(b"\r\n")
        target = self._targets.get(line) or self._read_line(line)
        if target is None or len(data) > self._most_bytes or self.lifecycle.reason is not None:
            return False
        asking = self._askings.get(block) or self._read_block(block)
        known = self.catalog.known(target.project) if asking is not None else None
        if asking is None or known is None or known.listing is None:
            return False
        request = _Request(client, data, target, asking, began)
        prepared = self._prepared(request, known.listing)
        if prepared is None or (self.sampling and self.sampling.holds_back(client, asking.traceparent)):
            return False
        if self._is_fresh(known):
            self.catalog.counts.page_reads += 1
            self._answer(request, prepared)
        else:
            self._wait(request)
        return True

    def look_again(self) -> None:
        """Forget which projects are current: what comes from here on may have arrived after that was asked."""
        self._fresh.clear()

    def _is_fresh(self, known: Known) -> bool:
        """Tell whether what is known is current, by one look for all requests of a turn of the event loop.

        The loop knew of all of them before the first was looked at, so no answer is older than its request.
        """
        name = known.version.project.name
        if self._fresh.get(name) is known and self._left > 0:
            self._left -= 1
            return True
        if not self.catalog.is_fresh(known):
            return False
        if not self._fresh or self._left <= 0:
            self._fresh, self._left = {}, _OF_A_TURN
            asyncio.get_running_loop().call_soon(self._fresh.clear)
        self._fresh[name] = known
        return True

    def _read_line(self, line: bytes) -> Target | None:
        target = _target(line)
        if target is not None:
            _remember(self._targets, line, target, _LINES)
        return target

    def _read_block(self, block: bytes) -> Asking | None:
        asking = _asking(block)
        # One with an id of its own comes only once.
        if asking is not None and asking.request_id is None and not asking.traceparent:
            _remember(self._askings, block, asking, _BLOCKS)
        return asking

    def _prepared(self, request: _Request, listing: Listing) -> Prepared | None:
        """Return the answer if the sender may have it and it is ready."""
        client, _, target, asking, _ = request
        if not asking.may_read(self.access.access, target.project, outside=client.is_outside):
            return None
        if target.filename:
            return prepared_file(self.catalog, listing, target.filename, target.sha256, asking.known)
        page = self.pages.rendered(listing, asking.media_type)
        if page is None:
            return None
        unchanged = asking.known != "" and is_among(page.tag(asking.encoding), asking.known)
        return page.prepared(asking.encoding, unchanged=unchanged)

    def _answer(self, request: _Request, prepared: Prepared, stale_seconds: float | None = None) -> None:
        client, _, target, asking, began = request
        status, head, body = prepared
        if target.method == "HEAD":
            body = b""
        if stale_seconds is not None:
            head += f"{CACHE_STATUS}: {cache_status(stale_seconds)}\r\n".encode()
        now = time.time()
        request_id = asking.request_id or request_ids.fresh()
        whole_head = b"%b%b%b\r\n\r\n" % (head, self._tail_at(now), request_id.encode())
        if len(body) > _WRITTEN_AT_ONCE:
            client.send(whole_head, body)
        else:
            client.send(whole_head + body)
        seconds = time.perf_counter() - began
        self.metrics.answered(target.route, target.method, status, seconds)
        self.metrics.exchanged(asking.family, len(body))
        self.metrics.authenticated(asking.method, "accepted")
        if body and target.filename:
            self.catalog.counts.file_reads[Source.MEMORY] += 1
        if self.log.enabled:
            size = len(whole_head) + len(body)
            told = (client.sender(asking.forwarded), target.method, target.path, status, size, seconds)
            self.log.tell(now, request_id, REQUEST % told)

    def _tail_at(self, now: float) -> bytes:
        if int(now) != self._second:
            self._second, self._tail = int(now), tail(now)
        return self._tail

    def _wait(self, request: _Request) -> None:
        """Answer once the project is known to be current; all who wait for the same share the question."""
        request.client.wait()
        others = self._waiting.get(request.target.project)
        if others is not None:
            others.append(request)
            return
        self._waiting[request.target.project] = [request]
        task = asyncio.create_task(self._answer_waiting(request.target.project))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answer_waiting(self, name: NormalizedName) -> None:
        with self.lifecycle.running():
            while waiting := self._waiting[name]:
                # Whoever comes from here on waits for the next: an answer is never older than its request.
                self._waiting[name] = []
                self.catalog.counts.page_reads += len(waiting) - 1
                listing = await self._current(name)
                for each in waiting:
                    self._answer_or_pass_on(each, listing)
                # Who was quick has asked again meanwhile, and goes with those who wait already.
                await asyncio.sleep(0)
            del self._waiting[name]

    async def _current(self, name: NormalizedName) -> Listing | None:
        try:
            return await self.catalog.project(name)
        except Exception:  # noqa: BLE001 - whatever it is, aiohttp's way meets it as well, and tells
            return None

    def _answer_or_pass_on(self, request: _Request, listing: Listing | None) -> None:
        request.client.go_on()
        prepared = None
        if listing is not None and self.lifecycle.reason is None:
            prepared = self._prepared(request, listing)
        if listing is None or prepared is None:
            request.client.pass_on(request.data)
        else:
            self._answer(request, prepared, listing.stale_seconds)


LANE = web.AppKey("lane", FastLane)


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
        known=headers.get(b"if-none-match", ""),
        authorization=headers.get(b"authorization"),
        request_id=request_id,
        forwarded=headers.get(b"x-forwarded-for", ""),
        traceparent=headers.get(b"traceparent", ""),
        family=clients.family(headers.get(b"user-agent", "")),
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


def _remember(memory: dict[K, V], key: K, value: V, most: int) -> None:
    """Keep a value; of too many, the oldest goes."""
    memory[key] = value
    if len(memory) > most:
        del memory[next(iter(memory))]
