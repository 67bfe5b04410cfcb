"""What an index makes of each failure of an upstream: the failure table, row by row, on real sockets.

One index has an upstream for each row, which is asked for the names of that row alone, and a last
upstream that has all names. Of each row one project was read before, another one was not.
"""

import gzip
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from support.fetching import Fetched
from support.upstreams.faults import Fault, other_type, page, redirects, refuses, shortened
from support.upstreams.messages import Host
from support.upstreams.mirroring import Index, index, mirrors, upstream_settings
from support.upstreams.pages import JSON
from support.upstreams.running import Upstream, make
from support.upstreams.stock import Stock

LATER = "later"
"""The version that only the last upstream has."""


MAX_PAGE_BYTES, MAX_FILES = 64 * 1024**2, 50_000


def bomb() -> Fault:
    """Return a page that is small on the way and too large afterwards."""
    fault = page(gzip.compress(b" " * (MAX_PAGE_BYTES + 1)), JSON)
    fault.headers = {**fault.headers, "Content-Encoding": "gzip"}
    return fault


def crowd() -> bytes:
    """Return a page with one file too many."""
    files = [
        {"filename": f"crowded-{number}.tar.gz", "url": f"{number}", "hashes": {}}
        for number in range(MAX_FILES + 1)
    ]
    return json.dumps({"meta": {"api-version": "1.0"}, "name": "crowded", "files": files}).encode()


@dataclass(frozen=True)
class Row:
    """A failure, and the status for a project that was never read."""

    name: str
    fault: Callable[[Upstream], Fault]
    unknown: int
    tries: int = 1
    """Requests to the upstream for one request to the index."""

    @property
    def known_project(self) -> str:
        return f"{self.name}-known"

    @property
    def unknown_project(self) -> str:
        return f"{self.name}-unknown"


ROWS = (
    Row("a-type", lambda _: page(b"Hello", "text/plain"), 502),
    Row("no-json", lambda _: page(b'{"files": [', JSON), 502),
    Row("an-error-as-html", lambda _: page(b"<html><body>Log in to go on</body></html>", JSON), 502),
    Row("short", lambda _: Fault(cuts_at=20), 503, tries=2),
    Row("short-but-sound", lambda _: shortened(10), 502),
    Row("a-bomb", lambda _: bomb(), 502),
    Row("too-long", lambda _: page(b" " * (MAX_PAGE_BYTES + 1), JSON), 502),
    Row("crowded", lambda _: page(crowd(), JSON), 502),
    Row("another-host", lambda up: redirects(f"{up.origin(Host.FILES)}/simple/x/"), 502),
    Row("a-loop", lambda _: redirects("?again"), 502, tries=4),
    Row("the-list", lambda up: redirects(up.url), 502, tries=2),
    Row("no-login", lambda _: refuses(401, WWW_Authenticate="Basic"), 502),
    Row("forbidden", lambda _: refuses(403), 502),
    Row("odd", lambda _: refuses(418), 502),
    Row("too-many", lambda _: refuses(429, Retry_After="7"), 503),
    Row("an-error", lambda _: refuses(500), 503, tries=2),
    Row("busy", lambda _: refuses(503), 503, tries=2),
    Row("a-gateway", lambda _: refuses(504), 503, tries=2),
    Row("closed", lambda _: Fault(closes=True), 503, tries=2),
)
BY_NAME = {row.name: row for row in ROWS}
rows = pytest.mark.parametrize("name", BY_NAME)


@dataclass(frozen=True)
class Table:
    """The index, an upstream for each row, and the one that comes after all of them."""

    index: Index
    upstreams: dict[str, Upstream]
    last: Upstream
    before: dict[str, bytes]
    """The pages of the known projects before the failure."""

    def page(self, project: str) -> Fetched:
        """Return the answer for a project's page."""
        return self.index.page(project)


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Table]:
    """Run it all, read the known projects, and let each upstream fail."""
    home = tmp_path_factory.mktemp("table")
    upstreams = {row.name: make("pypi", _stock(row, "1.0")) for row in ROWS}
    last = make("devpi", _stock_of_all())
    running = [*upstreams.values(), last]
    for each in running:
        each.start()
    with index(home, _settings(home, upstreams, last)) as indexed:
        before = {row.name: indexed.page(row.known_project).body for row in ROWS}
        for row in ROWS:
            # Otherwise a 304 would be the right answer, of which nothing can be wrong.
            upstreams[row.name].stock.touch(row.known_project)
            upstreams[row.name].fail(row.fault(upstreams[row.name]), f"GET /simple/{row.name}")
        yield Table(indexed, upstreams, last, before)
    for each in running:
        each.stop()


def _stock(row: Row, version: str, stock: Stock | None = None) -> Stock:
    made = stock or Stock()
    for project in (row.known_project, row.unknown_project):
        made.wheel(project, version)
    return made


def _stock_of_all() -> Stock:
    stock = Stock()
    for row in ROWS:
        _stock(row, "9.0", stock)
    return stock


def _settings(home: Path, upstreams: dict[str, Upstream], last: Upstream) -> dict[str, object]:
    never_fresh = {"freshSeconds": 0, "staleSeconds": 3600}
    others = [
        (each, upstream_settings(home, each, name=name, packages=[f"{name}-*"], freshness=never_fresh))
        for name, each in upstreams.items()
    ]
    return mirrors([*others, (last, upstream_settings(home, last, name="last"))])


@rows
def test_a_known_project_goes_on(table: Table, name: str) -> None:
    """U7: the page is the one from before, byte for byte, and says that it is stale."""
    answer = table.page(f"{name}-known")
    assert answer.status == 200, answer.body
    assert answer.body == table.before[name]
    assert "; ttl=-" in answer.headers["Cache-Status"]
    assert f"the upstream {name} " in answer.headers["Cache-Status"]


@rows
def test_an_unknown_project_is_no_absence(table: Table, name: str) -> None:
    """T2, T8, U7: an error with a reason; no body that a client takes for a page, and no 404."""
    row = BY_NAME[name]
    answer = table.page(row.unknown_project)
    assert answer.status == row.unknown, answer.body
    assert b"<a " not in answer.body
    assert b'"files"' not in answer.body
    assert name.encode() in answer.body
    if row.unknown == 503:
        assert 1 <= int(answer.headers["Retry-After"]) <= 60


def test_a_page_of_another_type_is_read_by_its_content(table: Table) -> None:
    """T21: proxies of companies rewrite content types."""
    other = table.upstreams["a-type"]
    other.stock.wheel("a-type-rewritten", "1.0")
    other.faults.insert(0, other_type("text/plain"))
    other.faults[0].path = "GET /simple/a-type-rewritten/"
    assert len(table.page("a-type-rewritten").json()["files"]) == 1


@rows
def test_later_upstreams_are_not_asked(table: Table, name: str) -> None:
    """U3, U7: otherwise an outage would give the name another owner."""
    table.page(f"{name}-unknown")
    assert table.last.requests(f"GET {table.last.kind.root}{name}") == []


@rows
def test_a_failure_is_tried_again_once_at_most(table: Table, name: str) -> None:
    # Known projects may be asked for at any time, in the background.
    project = f"{name}-unknown"
    other = table.upstreams[name]
    before = len(other.pages(project))
    table.page(project)
    assert len(other.pages(project)) - before <= BY_NAME[name].tries


def test_what_an_upstream_asks_for_is_kept_by_all_its_projects(table: Table) -> None:
    """A 429 counts for the upstream, not for one of its projects."""
    table.page("too-many-unknown")
    before = len(table.upstreams["too-many"].log)
    answer = table.page("too-many-other")
    assert answer.status == 503
    assert 1 <= int(answer.headers["Retry-After"]) <= 7
    assert len(table.upstreams["too-many"].log) == before


def test_a_redirect_to_another_host_is_not_followed(table: Table) -> None:
    """T28: neither by this index, nor by its clients."""
    answer = table.page("another-host-unknown")
    assert "Location" not in answer.headers
    assert [seen for seen in table.upstreams["another-host"].log if seen.request.host is Host.FILES] == []
