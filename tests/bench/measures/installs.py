"""A real application: what people wait for, and what it costs the server."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import mkdtemp

from bench import data, load
from bench.load import Send
from bench.measure import Figure, Group, Measure, Subject
from bench.servers.base import Running
from bench.web import HTML, JSON, links
from clients.command import Done, output, run
from clients.environments import UV, program

_REQUIREMENTS = data.REQUIREMENTS.with_suffix(".in")
_SMALL_BYTES = 100_000
"""Larger wheels are left out of `installs`, where the network would be measured instead of the server."""


def _uv(running: Running, folder: Path, *command: object) -> Done:
    variables = {"UV_DEFAULT_INDEX": running.index_url(), "UV_CACHE_DIR": str(folder / "cache")}
    return run(UV, "pip", *command, cwd=folder, variables=variables)


def uv_install(running: Running, folder: Path) -> Callable[[], Done]:
    """Return `uv pip install` of the application into a new environment, without a cache."""
    environment = folder / "environment"
    made = run(UV, "venv", "--quiet", "--python", program("pip").with_name("python"), environment, cwd=folder)
    assert made.returncode == 0, output(made)
    return lambda: _uv(running, folder, "install", "--python", environment / "bin/python", "-r", _REQUIREMENTS)


def uv_compile(running: Running, folder: Path) -> Callable[[], Done]:
    """Return `uv pip compile` of the application, without a cache."""
    python = program("pip").with_name("python")
    command = ("compile", _REQUIREMENTS, "--python", python, "--output-file", folder / "locked.txt")
    return lambda: _uv(running, folder, *command)


def _pip_download(running: Running, folder: Path) -> Callable[[], Done]:
    pip = (program("pip"), "download", "--quiet", "--no-cache-dir", "--only-binary", ":all:")
    where = ("--dest", folder / "wheels", "--requirement", _REQUIREMENTS)
    return lambda: run(*pip, *where, cwd=folder, variables={"PIP_INDEX_URL": running.index_url()})


Prepare = Callable[[Running, Path], Callable[[], Done]]


def _timed(prepare: Prepare) -> Callable[[Subject], dict[str, float]]:
    def measured(subject: Subject) -> dict[str, float]:
        if subject.is_first and (subject.warm_up or subject.server.caches):
            prepare(subject.running, Path(mkdtemp(dir=subject.memory)))()
        return once(subject, subject.running, prepare)

    return measured


def _timed_cold(prepare: Prepare) -> Callable[[Subject], dict[str, float]]:
    def measured(subject: Subject) -> dict[str, float]:
        with subject.fresh(subject.tree) as running:
            return once(subject, running, prepare)

    return measured


def once(subject: Subject, running: Running, prepare: Prepare) -> dict[str, float]:
    """Return how long a client takes, and the processor time of the server."""
    command = prepare(running, Path(mkdtemp(dir=subject.memory)))
    before, begun = running.usage(), time.perf_counter()
    done = command()
    seconds, used = time.perf_counter() - begun, running.usage().since(before)
    if done.returncode:
        raise RuntimeError(output(done)[-600:])
    return {"seconds": seconds, "cpu": used.cpu_seconds}


def _installs(subject: Subject) -> dict[str, float]:
    requests = _pages_and_wheels(subject.running)
    headers = {"Accept": JSON, "Accept-Encoding": "gzip"}
    if subject.warm_up:
        load.run(subject.running, requests, subject.warm_up, headers)
    result = load.run(subject.running, requests, subject.effort.seconds, headers)
    return {"rate": result.rate / 2, "cpu": result.cpu_seconds / (result.requests / 2) * 1000}


def _pages_and_wheels(running: Running) -> Sequence[Send]:
    """Return the page of each project and its wheel, in turn."""
    found: list[Send] = []
    tree = data.real()
    with running.client() as client:
        for project in tree.projects():
            wheel = tree.files(project)[0]
            if wheel.stat().st_size <= _SMALL_BYTES:
                page = running.page(project)
                paths = links(client.get(page, Accept=HTML), page)
                found += [Send(page), Send(paths[wheel.name])]
    return found


def client(name: str, title: str, prepare: Prepare, rounds_for_one: int = 1, *, is_cold: bool = False) -> Measure:
    """Return the measure of a client's command; a cold one has a new server each time."""
    return Measure(
        name,
        (
            Figure("seconds", title, "s", more_is_better=False),
            Figure("cpu", f"{title}: server CPU", "s", more_is_better=False),
        ),
        _timed_cold(prepare) if is_cold else _timed(prepare),
        rounds_for_one=rounds_for_one,
    )


GROUP = Group(
    "installs",
    "A real application",
    "real",
    (
        client("uv-install", "uv pip install", uv_install),
        client("uv-compile", "uv pip compile", uv_compile),
        client("pip-download", "pip download", _pip_download, rounds_for_one=3),
        Measure(
            "pairs",
            (
                Figure("rate", "page and wheel (bytes or redirect) of small wheels", "installs/s"),
                Figure("cpu", "the same: server CPU", "s per 1,000 installs", more_is_better=False),
            ),
            _installs,
        ),
    ),
)
