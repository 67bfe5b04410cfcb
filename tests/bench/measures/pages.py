"""Pages that many ask for: one project's page over and over, by 32 connections that are kept."""

from collections.abc import Mapping
from dataclasses import dataclass

from bench import data, load
from bench.load import Send
from bench.measure import Figure, Group, Measure, Subject
from bench.servers.base import NotOffered, Running
from bench.web import HTML, JSON, links, offers_metadata

PLAIN = {"Accept": HTML}
GZIP = {**PLAIN, "Accept-Encoding": "gzip"}
AS_JSON = {"Accept": JSON}
AS_JSON_GZIP = {**AS_JSON, "Accept-Encoding": "gzip"}


@dataclass(frozen=True)
class Asking:
    """How a page is asked for."""

    headers: Mapping[str, str]
    known: bool = False
    """Whether the client has it already and asks whether it is still the same."""
    connections: int = load.CONNECTIONS
    seconds: int = 1
    """At least, for pages that take long."""


def measure(name: str, title: str, project: str, asking: Asking) -> Measure:
    """Return the measure of a page."""
    return Measure(
        name,
        (
            Figure("rate", title, "requests/s"),
            Figure("cpu", f"{title}: server CPU", "us per request", more_is_better=False),
            Figure("p99", f"{title}: 99th percentile", "ms", more_is_better=False),
        ),
        lambda subject: _loaded(subject, _path(subject, project), asking),
    )


def _path(subject: Subject, project: str) -> str:
    most, tree = subject.server.max_files, subject.tree
    if most is not None and tree is not None and project and len(tree.files(project)) > most:
        raise NotOffered("to be given that many files of a project takes it hours")
    return subject.running.page(project)


def _loaded(subject: Subject, path: str, asking: Asking) -> dict[str, float]:
    running = subject.running
    headers = {**asking.headers, **_checked(running, path, asking.headers, known=asking.known)}
    if subject.warm_up:
        load.run(running, [Send(path)], subject.warm_up, headers, asking.connections)
    seconds = max(subject.effort.seconds, asking.seconds)
    result = load.run(running, [Send(path)], seconds, headers, asking.connections)
    return {"rate": result.rate, "cpu": result.cpu_microseconds, "p99": result.p99}


def _checked(running: Running, path: str, headers: Mapping[str, str], *, known: bool) -> dict[str, str]:
    """Check that the server answers as requested; return the additional headers of a request."""
    with running.client() as client:
        answer = client.send("GET", path, None, **{k.replace("-", "_"): v for k, v in headers.items()})
        found = {name.lower(): value for name, value in answer.headers.items()}
        if answer.status != 200:
            raise RuntimeError(f"GET {path}: {answer.status} {answer.body[:200]!r}")
        if "Accept-Encoding" in headers and found.get("content-encoding") != "gzip":
            raise NotOffered("its pages are not compressed")
        if headers.get("Accept") == JSON and "json" not in found.get("content-type", ""):
            raise NotOffered("it has no JSON pages")
        if not known:
            return {}
        asked = {"If-None-Match": found.get("etag", '"none"')}
        again = client.send("GET", path, None, If_None_Match=asked["If-None-Match"], Accept=headers["Accept"])
        if again.status != 304:
            raise NotOffered("it sends the whole page again")
        return asked


def _metadata(subject: Subject) -> dict[str, float]:
    with subject.running.client() as client:
        path = subject.running.page(data.PAGE_PROJECT)
        page = client.get(path, Accept=HTML)
    if not offers_metadata(page):
        raise NotOffered("it has no metadata files (PEP 658)")
    found = next(link for name, link in links(page, path).items() if name.endswith(".whl"))
    return _loaded(subject, f"{found}.metadata", Asking({}))


SMALL_PAGES = (
    measure("html", "10 files, HTML", data.PAGE_PROJECT, Asking(PLAIN)),
    measure("json", "10 files, JSON", data.PAGE_PROJECT, Asking(AS_JSON)),
    measure("html-gzip", "10 files, HTML, gzip", data.PAGE_PROJECT, Asking(GZIP)),
    measure("json-gzip", "10 files, JSON, gzip", data.PAGE_PROJECT, Asking(AS_JSON_GZIP)),
    measure("known", "10 files, 304", data.PAGE_PROJECT, Asking(PLAIN, known=True)),
)
"""The page of a small project, in each form that clients ask for."""
GROUP = Group(
    "pages",
    "Pages, 32 connections",
    "made",
    (
        *SMALL_PAGES,
        measure("big-html", "3,000 files, HTML", data.BIG_PROJECT, Asking(PLAIN)),
        measure("big-html-gzip", "3,000 files, HTML, gzip", data.BIG_PROJECT, Asking(GZIP)),
        measure("big-json-gzip", "3,000 files, JSON, gzip", data.BIG_PROJECT, Asking(AS_JSON_GZIP)),
        measure("root", "root page, 2,002 projects, HTML", "", Asking(PLAIN)),
        Measure(
            "metadata",
            (
                Figure("rate", "metadata file", "requests/s"),
                Figure("cpu", "metadata file: server CPU", "us per request", more_is_better=False),
            ),
            lambda subject: {name: value for name, value in _metadata(subject).items() if name != "p99"},
        ),
    ),
)
