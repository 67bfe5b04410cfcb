"""Downloads: what is at hand (hit), and what has to be brought first (miss)."""

import time
from http import HTTPStatus

from bench import data, load
from bench.load import Send
from bench.measure import Figure, Group, Measure, Subject
from bench.servers.base import NotOffered, Running
from bench.web import HTML, Client, links


def path_of(running: Running, size: str) -> str:
    """Return the path of the file of this size."""
    with running.client() as client:
        page = running.page(data.SIZED_PROJECT)
        version = list(data.SIZES).index(size) + 1
        found = links(client.get(page, Accept=HTML), page)
    return next(link for name, link in found.items() if f"-{version}.0-" in name)


def _is_redirected(client: Client, path: str) -> bool:
    """Return whether a file comes from S3 itself."""
    return client.send("GET", path).status == HTTPStatus.FOUND


def hit(name: str, size: str, connections: int, seconds: int = 1) -> Measure:
    """Return the measure of a file that is at hand."""
    title = f"{size}, {connections} connection{'s' if connections > 1 else ''}"

    def run(subject: Subject) -> dict[str, float | NotOffered]:
        running = subject.running
        path = path_of(running, size)
        with running.client() as client:
            redirected = _is_redirected(client, path)
            if not redirected:
                client.get(path)
        if subject.warm_up:
            load.run(running, [Send(path)], subject.warm_up, connections=connections)
        result = load.run(running, [Send(path)], max(seconds, subject.effort.seconds), connections=connections)
        handed_out = result.requests * data.SIZES[size] if redirected else result.bytes
        return {
            "rate": result.rate,
            "speed": NotOffered("the bytes come from S3") if redirected else result.megabytes_per_second,
            "cpu": result.cpu_seconds / (handed_out / 1e9),
        }

    return Measure(
        name,
        (
            Figure("rate", title, "requests/s"),
            Figure("speed", f"{title}: bytes", "MB/s"),
            Figure("cpu", f"{title}: server CPU", "s per GB", more_is_better=False),
        ),
        run,
    )


def _miss(subject: Subject) -> dict[str, float]:
    if not subject.server.caches:
        raise NotOffered("it keeps its files itself, or sends none")
    found: dict[str, float] = {}
    with subject.fresh(subject.tree) as running, running.client() as client:
        for name, size in (("5mb", "5 MB"), ("100mb", "100 MB")):
            path = path_of(running, size)
            begun = time.perf_counter()
            body = client.get(path)
            found[name] = len(body) / 1e6 / (time.perf_counter() - begun)
    return found


GROUP = Group(
    "files",
    "Downloads",
    "made",
    (
        hit("50kb", "50 KB", 32),
        hit("5mb", "5 MB", 1),
        hit("5mb-4", "5 MB", 4),
        hit("100mb", "100 MB", 1, seconds=2),
        Measure("miss", (Figure("5mb", "5 MB, a miss", "MB/s"), Figure("100mb", "100 MB, a miss", "MB/s")), _miss),
    ),
)
