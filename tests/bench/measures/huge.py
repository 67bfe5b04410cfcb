"""500,000 files in 50,000 projects: the start, and the root page."""

import time
from collections.abc import Mapping

from bench.measure import Figure, Group, Measure, Subject
from bench.measures import pages, starts
from bench.measures.pages import Asking
from bench.servers import s3
from bench.web import JSON


def _start(subject: Subject) -> dict[str, float]:
    with subject.starting(subject.tree) as running:
        seconds = starts.until_first_page(subject, running)
        if running.s3_log is None:
            return {"seconds": seconds}
        lists = sum(count for kind, count in s3.requests(running.s3_log).items() if kind.startswith("List"))
        return {"seconds": seconds, "lists": lists}


def _first_root_page(subject: Subject) -> dict[str, float]:
    """Measure what it takes to find out which projects there are, by a server that has not looked yet."""
    with subject.fresh(subject.tree) as running, running.client() as client:
        begun = time.perf_counter()
        client.get(running.page(""), Accept=JSON)
        return {"seconds": time.perf_counter() - begun}


def _asking(headers: Mapping[str, str]) -> Asking:
    """Ask with fewer connections and for longer: megabytes are sent, and maybe made, for each answer."""
    return Asking(headers, connections=4, seconds=5)


GROUP = Group(
    "huge",
    "Much: 500,000 files in 50,000 projects",
    "huge",
    (
        Measure(
            "start",
            (
                Figure("seconds", "start with 500,000 files in 50,000 projects", "s", more_is_better=False),
                Figure("lists", "the same: LIST requests to S3", "requests", more_is_better=False),
            ),
            _start,
        ),
        Measure(
            "first",
            (Figure("seconds", "first root page, 50,000 projects", "s", more_is_better=False),),
            _first_root_page,
            most_rounds=2,
        ),
        pages.measure("root", "root page, 50,000 projects, HTML, 4 connections", "", _asking(pages.GZIP)),
        pages.measure(
            "root-json", "root page, 50,000 projects, JSON, 4 connections", "", _asking(pages.AS_JSON_GZIP)
        ),
    ),
)
