"""What gates do with malware and young releases: real clients ask, and what they print is read.

Most figures count clients: pip and uv.
"""

import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from pathlib import Path
from tempfile import mkdtemp
from typing import NamedTuple

from bench.measure import Figure, Group, Measure, Subject
from bench.servers.base import Running
from bench.servers.gates import AGE_DAYS, POLL_SECONDS, Ability, Excepted, Gate, World
from bench.web import HTML, links
from clients.command import output, run
from clients.environments import UV, program
from support import osv
from support.osv_server import osv_server
from support.upstreams.running import upstream
from support.upstreams.stock import Stock

EVIL, YOUNG, OTHER = "made-evil", "made-young", "made-other"
"""Each has the versions 1.0 and 2.0. Of the young and the other one, 2.0 is a day old."""
ADVISORY = "MAL-2026-1001"
EXCEPTED_SECONDS = 8
PATIENCE_SECONDS = 30
_STEP_SECONDS = 0.05
_OF_COOLDOWN = re.compile(rf"cooldown|{AGE_DAYS} days|until \d{{4}}-", re.IGNORECASE)


class Tried(NamedTuple):
    """What came of a client."""

    version: str
    """The version that it installed, "" if none."""
    said: str


@dataclass(frozen=True)
class Opened:
    """A gate that runs, and a folder for clients."""

    gate: Gate
    running: Running
    home: Path
    memory: Path

    def path(self, project: str, version: str) -> str:
        """Return the path of a file that is on its page."""
        return self._listed(project)[_filename(project, version)]

    def lists(self, project: str, version: str) -> bool:
        """Return whether a file is on its page."""
        return _filename(project, version) in self._listed(project)

    def serves(self, path: str) -> bool:
        """Return whether a file is sent."""
        with self.running.client() as client:
            return client.send("GET", path).status == HTTPStatus.OK

    def install(self, wanted: str) -> Sequence[Tried]:
        """Have pip and uv install a requirement, without a cache."""
        pip = (program("pip"), "install", "--quiet", "--no-cache-dir", "--index-url")
        uv = (UV, "pip", "install", "--no-cache", "--default-index")
        return [
            _tried(Path(mkdtemp(dir=self.memory)), *each, self.running.index_url(), wanted) for each in (pip, uv)
        ]

    def install_url(self, project: str, path: str) -> Sequence[Tried]:
        """Have them install a file by its URL, as it is in lock files."""
        return self.install(f"{project} @ {self.running.url}{path}")

    def _listed(self, project: str) -> Mapping[str, str]:
        page = self.running.page(project)
        with self.running.client() as client:
            return links(client.get(page, Accept=HTML), page)


def _tried(folder: Path, *command: object) -> Tried:
    done = run(*command, "--no-deps", "--target", folder / "target", cwd=folder)
    installed = [each.name.split("-")[1].removesuffix(".dist") for each in folder.glob("target/*.dist-info")]
    return Tried("".join(installed), output(done))


def _filename(project: str, version: str) -> str:
    return f"{project.replace('-', '_')}-{version}-py3-none-any.whl"


def _count(tried: Sequence[Tried], is_so: Callable[[Tried], bool]) -> int:
    return sum(map(is_so, tried))


def _is_refused(tried: Tried) -> bool:
    return not tried.version


@contextmanager
def _world() -> Iterator[World]:
    stock = Stock()
    for project in (EVIL, YOUNG, OTHER):
        stock.wheel(project, "1.0")
        stock.wheel(project, "2.0")
    for project in (YOUNG, OTHER):
        yesterday = datetime.now(UTC) - timedelta(days=1)
        stock.change(project, _filename(project, "2.0"), upload_time=yesterday)
    with osv_server(_advisory("MAL-2026-1000", "made-unrelated")) as feed, upstream("pypi", stock) as source:
        yield World(source, feed)


def _advisory(identifier: str, project: str) -> osv.OsvJson:
    """Return a report without the empty field that pypiron 0.0.29 does not read."""
    made = osv.malware(identifier, project, "2.0", modified=datetime.now(UTC))
    return {key: value for key, value in made.items() if value is not None}


def _gate(subject: Subject) -> Gate:
    assert isinstance(subject.server, Gate)
    return subject.server


@contextmanager
def _opened(subject: Subject, home: Path, world: World, *, cooldown: bool) -> Iterator[Opened]:
    gate = _gate(subject)
    running = gate.open(home, world, cooldown=cooldown)
    try:
        yield Opened(gate, running, home, subject.memory)
    finally:
        running.stop()


def _wait(until: Callable[[], bool], what: str) -> float:
    """Return how many seconds it took."""
    begun = time.monotonic()
    while not until():
        if time.monotonic() > begun + PATIENCE_SECONDS:
            raise RuntimeError(f"after {PATIENCE_SECONDS} s, {what}")
        time.sleep(_STEP_SECONDS)
    return time.monotonic() - begun


def _malware(subject: Subject) -> dict[str, float]:
    _gate(subject).require(Ability.FEED)
    with _world() as world, _opened(subject, subject.folder(), world, cooldown=False) as opened:
        path = opened.path(EVIL, "2.0")
        assert opened.serves(path)
        world.feed.show(_advisory(ADVISORY, EVIL))
        seconds = _wait(lambda: not opened.serves(path), "the file is still served")
        by_url, pinned, free = opened.install_url(EVIL, path), opened.install(f"{EVIL}==2.0"), opened.install(EVIL)
    return {
        "url": _count(by_url, _is_refused),
        "pin": _count(pinned, _is_refused),
        "clean": _count(free, lambda each: each.version == "1.0"),
        "explained-url": _count(by_url, lambda each: ADVISORY in each.said),
        "explained-pin": _count(pinned, lambda each: ADVISORY in each.said),
        "seconds": seconds,
    }


def _cooldown(subject: Subject) -> dict[str, float]:
    home = subject.folder()
    with _world() as world:
        with _opened(subject, home, world, cooldown=False) as before:
            cached, new = before.path(YOUNG, "2.0"), before.path(OTHER, "2.0")
            assert before.serves(cached)
        with _opened(subject, home, world, cooldown=True) as opened:
            pinned, free = opened.install(f"{YOUNG}==2.0"), opened.install(YOUNG)
            by_url, by_new_url = opened.install_url(YOUNG, cached), opened.install_url(OTHER, new)
    return {
        "pin": _count(pinned, _is_refused),
        "old": _count(free, lambda each: each.version == "1.0"),
        "url": _count(by_url, _is_refused),
        "new-url": _count(by_new_url, _is_refused),
        "explained-url": _count(by_url, lambda each: bool(_OF_COOLDOWN.search(each.said))),
        "explained-pin": _count(pinned, lambda each: bool(_OF_COOLDOWN.search(each.said))),
    }


def _exception(subject: Subject) -> dict[str, float]:
    _gate(subject).require(Ability.EXCEPTION)
    home = subject.folder()
    with _world() as world, _opened(subject, home, world, cooldown=True) as opened:
        assert not opened.lists(YOUNG, "2.0")
        until = datetime.now(UTC) + timedelta(seconds=EXCEPTED_SECONDS)
        opened.gate.make_exception(home, Excepted(YOUNG, "2.0", until))
        seconds = _wait(lambda: opened.lists(YOUNG, "2.0"), "the excepted file is not listed")
        excepted, other = opened.install(f"{YOUNG}==2.0"), opened.install(f"{OTHER}==2.0")
        _wait(lambda: datetime.now(UTC) > until, "the exception has not ended")
        ended = opened.install(f"{YOUNG}==2.0")
    return {
        "installed": _count(excepted, lambda each: each.version == "2.0"),
        "other": _count(other, _is_refused),
        "ended": _count(ended, _is_refused),
        "seconds": seconds,
    }


def _report(subject: Subject) -> dict[str, float]:
    _gate(subject).require(Ability.REPORT)
    home = subject.folder()
    with _world() as world, _opened(subject, home, world, cooldown=True) as opened:
        opened.gate.only_report(home)
        _wait(lambda: opened.lists(YOUNG, "2.0"), "the young file is not listed")
        tried = opened.install(YOUNG)
        return {
            "installed": _count(tried, lambda each: each.version == "2.0"),
            "counted": float(opened.gate.reported(home) > 0),
        }


def _preview(subject: Subject) -> dict[str, float]:
    _gate(subject).require(Ability.PREVIEW)
    home = subject.folder()
    with _world() as world, _opened(subject, home, world, cooldown=False) as opened:
        opened.install(OTHER)
        opened.install(EVIL)
        said = opened.gate.preview(opened.running, home, world, OTHER)
    return {"denied": float(OTHER in said and EVIL not in said)}


def _clients(name: str, title: str) -> Figure:
    return Figure(name, title, "clients of 2")


GROUP = Group(
    "policies",
    "Policies: a made upstream, a made feed",
    "none",
    (
        Measure(
            "malware",
            (
                _clients("url", "a malicious version is refused by URL"),
                _clients("pin", "a malicious version is refused by =="),
                _clients("clean", "an older version is installed instead"),
                _clients("explained-url", "asked by URL, the client names the advisory"),
                _clients("explained-pin", "asked by ==, the client names the advisory"),
                Figure(
                    "seconds",
                    f"from the feed's showing it until it is refused, asked every {POLL_SECONDS} s",
                    "s",
                    more_is_better=False,
                ),
            ),
            _malware,
        ),
        Measure(
            "cooldown",
            (
                _clients("pin", "a young version is refused by =="),
                _clients("old", "an older version than the young one is installed instead"),
                _clients("url", "a young version that is cached is refused by URL"),
                _clients("new-url", "a young version that is not cached is refused by URL"),
                _clients("explained-url", "asked by URL, the client says until when it waits"),
                _clients("explained-pin", "asked by ==, the client says until when it waits"),
            ),
            _cooldown,
            most_rounds=1,
        ),
        Measure(
            "exception",
            (
                _clients("installed", "an excepted young version is installed"),
                _clients("other", "the young version of another project is refused meanwhile"),
                _clients("ended", "the excepted version is refused after the end of the exception"),
                Figure("seconds", "until the exception is in force", "s", more_is_better=False),
            ),
            _exception,
            most_rounds=1,
        ),
        Measure(
            "report",
            (
                _clients("installed", "a cooldown that only reports lets a young version through"),
                Figure("counted", "the report has it", "of 1"),
            ),
            _report,
            most_rounds=1,
        ),
        Measure(
            "preview",
            (Figure("denied", "a new rule's refusals, and no others, are listed beforehand", "of 1"),),
            _preview,
            most_rounds=1,
        ),
    ),
)
