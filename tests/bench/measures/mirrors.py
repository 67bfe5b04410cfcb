"""Pages and files of an upstream through mirrors, warm and cold, next to nginx, which is the upstream itself."""

import time
from dataclasses import replace

from bench import data, machine
from bench.measure import Figure, Group, Measure, Subject
from bench.measures.files import hit
from bench.measures.installs import client, once, uv_compile, uv_install
from bench.measures.pages import AS_JSON_GZIP, SMALL_PAGES, Asking, measure
from bench.servers.far import ROUND_TRIP_MILLISECONDS
from bench.web import JSON

_COLD_PAGES = 5
_HOT_PROJECTS = 1_000
_PAUSE_SECONDS = 2
"""Between two clients: a mirror may still read what it has fetched."""


def _cold_page(subject: Subject) -> dict[str, float]:
    """Return how long the first answers take: of the page with many files, and of small ones."""
    headers = {"Accept": JSON, "Accept_Encoding": "gzip"}
    with subject.fresh(subject.tree) as running, running.client() as reader:
        reader.get(running.page("made-00001"), **headers)  # so that connections are there
        begun, used = time.perf_counter(), running.usage()
        reader.get(running.page(data.BIG_PROJECT), **headers)
        big = time.perf_counter() - begun
        cpu = running.usage().since(used).cpu_seconds
        begun = time.perf_counter()
        for number in range(2, 2 + _COLD_PAGES):
            reader.get(running.page(f"made-{number:05}"), **headers)
        small = (time.perf_counter() - begun) / _COLD_PAGES
    return {"big": big * 1e3, "cpu": cpu * 1e3, "small": small * 1e3}


def _memory(subject: Subject) -> dict[str, float]:
    """Return the memory that stays after the pages of many projects."""
    with subject.fresh(subject.tree) as running, running.client() as reader:
        before = machine.resident_megabytes(running.pids)
        for number in range(_HOT_PROJECTS):
            reader.get(running.page(f"made-{number:05}"), Accept=JSON, Accept_Encoding="gzip")
        return {"hot": machine.resident_megabytes(running.pids) - before}


GROUP = Group(
    "mirrors",
    "Pages and files of an upstream",
    "made",
    (
        *SMALL_PAGES,
        measure("big-json-gzip", "3,000 files, JSON, gzip", data.BIG_PROJECT, Asking(AS_JSON_GZIP)),
        hit("50kb", "50 KB", 32),
        hit("5mb", "5 MB", 4),
        Measure(
            "cold",
            (
                Figure("big", "3,000 files, the first answer", "ms", more_is_better=False),
                Figure("cpu", "3,000 files, the first answer: server CPU", "ms", more_is_better=False),
                Figure("small", "10 files, the first answer", "ms", more_is_better=False),
            ),
            _cold_page,
        ),
        Measure(
            "memory",
            (Figure("hot", f"additional memory with {_HOT_PROJECTS} projects", "MB", more_is_better=False),),
            _memory,
            most_rounds=1,
        ),
    ),
)
INSTALLS = Group(
    "mirrored-installs",
    "A real application from an upstream",
    "real",
    (
        client("uv-compile-cold", "uv pip compile, cold", uv_compile, is_cold=True),
        client("uv-compile", "uv pip compile, warm", uv_compile),
        client("uv-install-cold", "uv pip install, cold", uv_install, is_cold=True),
        client("uv-install", "uv pip install, warm", uv_install),
    ),
)
_HOT = (
    *(each for each in SMALL_PAGES if each.name in ("html", "json-gzip", "known")),
    hit("50kb", "50 KB", 32),
    hit("5mb", "5 MB", 4),
)
RULES = Group(
    "rules",
    "Policies and the fetch log: the same pages and files with and without them",
    "made",
    tuple(replace(each, rounds_for_one=2) for each in _HOT),
)
FAR = Group(
    "far-installs",
    f"A real application from an upstream that is {ROUND_TRIP_MILLISECONDS} ms away",
    "real",
    (
        client("uv-compile-cold", "uv pip compile, cold", uv_compile, is_cold=True),
        client("uv-install-cold", "uv pip install, cold", uv_install, is_cold=True),
    ),
)


def _first_and_second(subject: Subject) -> dict[str, float]:
    """Return what two clients wait for, each without a cache, one after the other."""
    with subject.fresh(subject.tree) as running:
        first = once(subject, running, uv_compile)
        time.sleep(_PAUSE_SECONDS)
        second = once(subject, running, uv_compile)
    return {"first": first["seconds"], "second": second["seconds"], "cpu": first["cpu"]}


BARE = Group(
    "bare-installs",
    "The same from an upstream without core metadata",
    "real",
    (
        Measure(
            "uv-compile",
            (
                Figure("first", "uv pip compile, the first client", "s", more_is_better=False),
                Figure("second", "uv pip compile, the second client", "s", more_is_better=False),
                Figure("cpu", "the first client: server CPU", "s", more_is_better=False),
            ),
            _first_and_second,
        ),
    ),
)
