"""What can be counted and does not depend on the machine: requests to S3 for each operation."""

import time
from collections.abc import Callable

from bench import data, load
from bench.load import Send
from bench.measure import Figure, Group, Measure, Subject
from bench.measures.pages import PLAIN
from bench.servers import s3
from bench.servers.base import NotOffered, Running
from bench.servers.publishing import upload
from bench.web import HTML, links

_PROJECT = "counted"
_SETTLE_SECONDS = 0.3
"""The log is written a little later."""


def _counts(subject: Subject) -> dict[str, float | NotOffered]:
    with subject.fresh(None) as running:
        wheels = [data.write_wheel(subject.folder(), _PROJECT, f"{version}.0") for version in (1, 2, 3)]
        new = _requests(running, lambda: upload(running, wheels[0], _PROJECT))
        known = _requests(running, lambda: upload(running, wheels[1], _PROJECT))
        same = _requests(running, lambda: upload(running, wheels[1], _PROJECT)) if _repeats(subject) else None
        _wait_until_listed(running, 2)
        idle = _requests(running, lambda: time.sleep(5)) / 5
        page = running.page(_PROJECT)
        hot, answers = _hot(running, page)
        with running.client() as client:
            found = next(iter(links(client.get(page, Accept=HTML), page).values()))
            first = _requests(running, lambda: client.send("GET", found))
            second = _requests(running, lambda: client.send("GET", found))
    return {
        "new": new,
        "known": known,
        "same": NotOffered("it refuses the same bytes") if same is None else same,
        "page": hot / answers * 1000,
        "first": first,
        "second": second,
        "idle": idle,
    }


def _repeats(subject: Subject) -> bool:
    return subject.server.name.startswith("wheelyard")


def _requests(running: Running, operation: Callable[[], object]) -> int:
    """Return how many requests an operation makes."""
    assert running.s3_log is not None
    time.sleep(_SETTLE_SECONDS)
    before = s3.requests(running.s3_log).total()
    operation()
    time.sleep(_SETTLE_SECONDS)
    return s3.requests(running.s3_log).total() - before


def _hot(running: Running, page: str) -> tuple[int, int]:
    """Return how many requests to S3 how many answers cost, of one page with 32 readers."""
    results: list[load.Result] = []
    count = _requests(running, lambda: results.append(load.run(running, [Send(page)], 1, PLAIN)))
    return count, results[0].requests


def _wait_until_listed(running: Running, files: int) -> None:
    end = time.monotonic() + 10
    with running.client() as client:
        page = running.page(_PROJECT)
        while time.monotonic() < end:
            answer = client.send("GET", page, None, Accept=HTML)
            if answer.status == 200 and len(links(answer.body, page)) == files:
                return
            time.sleep(0.05)
    raise RuntimeError("what was uploaded is not listed after 10 s")


GROUP = Group(
    "costs",
    "Requests to S3 (counted: they hold on every machine)",
    "none",
    (
        Measure(
            "s3",
            (
                Figure("new", "upload to a new project, and 0.3 s after", "requests", more_is_better=False),
                Figure("known", "the same to a known project", "requests", more_is_better=False),
                Figure("same", "the same upload again", "requests", more_is_better=False),
                Figure("page", "1,000 answers of a hot page to 32 readers", "requests", more_is_better=False),
                Figure("first", "first download of a file", "requests", more_is_better=False),
                Figure("second", "second download", "requests", more_is_better=False),
                Figure("idle", "a second of doing nothing", "requests", more_is_better=False),
            ),
            _counts,
            most_rounds=1,
        ),
    ),
)
