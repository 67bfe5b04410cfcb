"""Pages for people: their size, what they cost next to the pages of installers, and search."""

import statistics
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from urllib.parse import quote_plus

from bench import load, texts
from bench.load import Send
from bench.measure import Figure, Group, Measure, Subject
from bench.measures.pages import GZIP
from bench.servers.base import NotOffered, Running
from bench.servers.publishing import wait_until_answers
from bench.visits import AS_A_BROWSER, visit
from bench.web import Client

_PATIENCE_SECONDS = 30
_WORDS = quote_plus(" ".join(texts.WORDS))


def _page(running: Running, project: str, version: str = "1.0") -> str:
    return running.server.project_page.format(project=project, version=version)


def _shown(running: Running) -> str:
    return _page(running, texts.SHOWN, f"{texts.RELEASES}.0")


def _seconds(running: Running, path: str) -> float:
    """Return how long a browser with a new connection waits for a page."""
    with Client(running.url, AS_A_BROWSER) as client:
        begun = time.perf_counter()
        client.get(path)
        return time.perf_counter() - begun


def _visit(subject: Subject) -> dict[str, float]:
    seen = visit(subject.running, _shown(subject.running))
    return {
        "bytes": seen.bytes,
        "page": seen.page,
        "scripts": seen.scripts,
        "requests": seen.requests,
        "elsewhere": len(seen.elsewhere),
    }


def _warm(subject: Subject) -> dict[str, float | NotOffered]:
    running, seconds, path = subject.running, subject.effort.seconds, _shown(subject.running)
    _seconds(running, path)
    if subject.warm_up:
        load.run(running, [Send(path)], subject.warm_up, AS_A_BROWSER)
    page = load.run(running, [Send(path)], seconds, AS_A_BROWSER)
    alone = load.run(running, [Send(path)], seconds, AS_A_BROWSER, connections=1)
    return {
        "rate": page.rate,
        "cpu": page.cpu_microseconds,
        "p99": page.p99,
        "alone": alone.p50,
        **_compared(subject, page),
    }


def _compared(subject: Subject, page: load.Result) -> dict[str, float | NotOffered]:
    """Compare the page with the simple page of the same project."""
    running = subject.running
    if not running.server.pages:
        nothing = NotOffered("it has no simple pages")
        return {"times": nothing, "cpu-times": nothing}
    simple = load.run(running, [Send(running.page(texts.SHOWN))], subject.effort.seconds, GZIP)
    return {
        "times": simple.rate / page.rate,
        "cpu-times": page.cpu_microseconds / simple.cpu_microseconds,
    }


def _cold(subject: Subject) -> dict[str, float]:
    with subject.fresh(subject.tree) as running:
        first, *others = (_seconds(running, _page(running, project)) * 1e3 for project in texts.COLD)
    found = sorted(others)
    return {"first": first, "median": statistics.median(found), "most": found[int(len(found) * 0.95)]}


@contextmanager
def _slow_pages(running: Running) -> Iterator[None]:
    """Have ten browsers ask at once for pages whose READMEs take long, while the block runs."""
    with ThreadPoolExecutor(len(texts.SLOW)) as pool:
        asked = [pool.submit(_seconds, running, _page(running, project)) for project in texts.SLOW]
        yield
    for each in asked:
        each.result()


def _burning(subject: Subject) -> dict[str, float]:
    seconds = max(2, subject.effort.seconds)
    with subject.fresh(subject.tree) as running:
        if not running.server.pages:
            raise NotOffered("it has no simple pages")
        simple = [Send(running.page(texts.DEPENDENCIES[0]))]
        load.run(running, simple, seconds, GZIP, connections=1)
        idle = load.run(running, simple, seconds, GZIP, connections=1)
        with _slow_pages(running):
            beside = load.run(running, simple, seconds, GZIP, connections=1)
    return {"idle": idle.p99, "p99": beside.p99, "times": beside.p99 / idle.p99, "rate": beside.rate / idle.rate}


def _search_path(running: Running) -> str:
    return running.server.search + _WORDS


def _searched(running: Running, seconds: int) -> load.Result:
    """Search until the project is found, as an engine may index meanwhile; then measure."""
    path, end = _search_path(running), time.monotonic() + _PATIENCE_SECONDS
    with Client(running.url, AS_A_BROWSER, timeout=_PATIENCE_SECONDS) as client:
        while texts.FOUND.encode() not in client.get(path, Accept_Encoding="identity"):
            if time.monotonic() > end:
                raise NotOffered(f"it does not find {texts.FOUND} by its words")
            time.sleep(1)
    return load.run(running, [Send(path)], seconds, AS_A_BROWSER, connections=1)


def _search(subject: Subject) -> dict[str, float]:
    found = _searched(subject.running, max(2, subject.effort.seconds))
    return {"p50": found.p50, "p99": found.p99, "cpu": found.cpu_microseconds / 1e3}


def _search_many(subject: Subject) -> dict[str, float]:
    if not subject.server.name.startswith("wheelyard"):
        raise NotOffered("to fill it with so many projects takes it hours")
    fewer = _searched(subject.running, max(2, subject.effort.seconds))
    home = subject.folder()
    subject.server.prepare(texts.MANY)
    running = subject.server.start(home, texts.MANY)
    try:
        wait_until_answers(running, running.page(texts.FOUND))
        many = _searched(running, max(2, subject.effort.seconds))
    finally:
        running.stop()
    return {
        "p50": many.p50,
        "times": many.p50 / fewer.p50,
        "cpu-times": many.cpu_microseconds / fewer.cpu_microseconds,
    }


GROUP = Group(
    "people",
    "Pages for people",
    "described",
    (
        Measure(
            "visit",
            (
                Figure("bytes", "first visit: bytes over the wire", "bytes", more_is_better=False),
                Figure("page", "the same: the page alone", "bytes", more_is_better=False),
                Figure("scripts", "the same: scripts in files", "bytes", more_is_better=False),
                Figure("requests", "the same: requests", "requests", more_is_better=False),
                Figure("elsewhere", "the same: requests to other sites", "requests", more_is_better=False),
            ),
            _visit,
            most_rounds=1,
        ),
        Measure(
            "warm",
            (
                Figure("rate", "page of 40 releases, warm", "requests/s"),
                Figure("cpu", "the same: server CPU", "us per request", more_is_better=False),
                Figure("p99", "the same: 99th percentile", "ms", more_is_better=False),
                Figure("alone", "the same, one connection: median", "ms", more_is_better=False),
                Figure("times", "the same: time, to its simple page", "x", more_is_better=False),
                Figure("cpu-times", "the same: server CPU, to its simple page", "x", more_is_better=False),
            ),
            _warm,
        ),
        Measure(
            "cold",
            (
                Figure("first", "the first page of a new process", "ms", more_is_better=False),
                Figure("median", "first page of a project: median of 39", "ms", more_is_better=False),
                Figure("most", "first page of a project: 95th percentile", "ms", more_is_better=False),
            ),
            _cold,
        ),
    ),
)
SLOW = Group(
    "slow-readmes",
    "Pages of installers while slow READMEs are wanted",
    "slow",
    (
        Measure(
            "burning",
            (
                Figure("idle", "simple page, one connection: 99th percentile", "ms", more_is_better=False),
                Figure("p99", "the same while ten slow READMEs are wanted", "ms", more_is_better=False),
                Figure("times", "the same, to the idle server", "x", more_is_better=False),
                Figure("rate", "the rate meanwhile, to the idle server", "x"),
            ),
            _burning,
        ),
    ),
)
SEARCH = Group(
    "search",
    "Search for two words, by people",
    "searched",
    (
        Measure(
            "two",
            (
                Figure("p50", "10,000 projects: median", "ms", more_is_better=False),
                Figure("p99", "10,000 projects: 99th percentile", "ms", more_is_better=False),
                Figure("cpu", "10,000 projects: server CPU", "ms per search", more_is_better=False),
            ),
            _search,
        ),
        Measure(
            "many",
            (
                Figure("p50", "50,000 projects: median", "ms", more_is_better=False),
                Figure("times", "50,000 projects, to 10,000: time", "x", more_is_better=False),
                Figure("cpu-times", "50,000 projects, to 10,000: server CPU", "x", more_is_better=False),
            ),
            _search_many,
        ),
    ),
)
