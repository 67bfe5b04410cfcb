"""What a measure is, and what it is given."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import mkdtemp

from bench import data, texts
from bench.data import Tree
from bench.effort import Effort
from bench.servers.base import NotOffered, Running, Server, program_name
from bench.servers.publishing import wait_until_answers

TREES: dict[str, Callable[[], Tree | None]] = {
    "made": data.made,
    "real": data.real,
    "huge": lambda: data.HUGE,
    "described": texts.described,
    "slow": texts.slow,
    "searched": texts.searched,
    "none": lambda: None,
}


@dataclass(frozen=True)
class Figure:
    """A number that a measure gives."""

    name: str
    title: str
    unit: str
    more_is_better: bool = True


@dataclass
class Subject:
    """A server in a group of measures, on a disk and in memory of its own."""

    server: Server
    tree: Tree | None
    effort: Effort
    disk: Path
    memory: Path
    is_first: bool = True
    """Whether this is the first round of a measure."""
    _running: Running | None = field(default=None, init=False)
    _failure: Exception | None = field(default=None, init=False)

    @property
    def warm_up(self) -> int:
        """Return how many seconds of load come before the one that counts."""
        return self.effort.warm_up if self.is_first else 0

    @property
    def log_name(self) -> str:
        """Return what the server's logs are named after."""
        return program_name(self.server)

    @property
    def running(self) -> Running:
        """Return the server with the group's wheels, started when it is first needed, shared by the group.

        One that has died is started again; one that cannot be started is not tried again.
        """
        if self._failure is not None:
            raise self._failure
        if self._running is not None and not self._running.pids:
            self.stop()
        if self._running is None:
            try:
                self._running = self._started(self.tree)
            except Exception as error:
                self._failure = error
                raise
        return self._running

    @contextmanager
    def fresh(self, tree: Tree | None) -> Iterator[Running]:
        """Run another server for this measure alone, with these wheels or without any."""
        running = self._started(tree)
        try:
            yield running
        finally:
            running.stop()

    @contextmanager
    def starting(self, tree: Tree | None) -> Iterator[Running]:
        """Run one that may not answer yet."""
        running = self.server.start(self.folder(), tree)
        try:
            yield running
        finally:
            running.stop()

    def folder(self) -> Path:
        """Return a new empty folder on the disk."""
        return Path(mkdtemp(dir=self.disk))

    def stop(self) -> None:
        """End the shared one."""
        if self._running is not None:
            self._running.stop()
            self._running = None

    def _started(self, tree: Tree | None) -> Running:
        running = self.server.start(self.folder(), tree)
        try:
            wait_until_answers(running, first_path(running, tree))
        except BaseException:
            running.stop()
            raise
        return running


def first_path(running: Running, tree: Tree | None) -> str:
    """Return what a server is asked to find out whether it works; the root page may take long to make."""
    if tree is None or running.server.ready:
        return running.server.ready or running.page("")
    if tree == data.HUGE:
        return running.page("" if running.server.name == "nginx" else "huge-00007")
    return running.page(tree.projects()[0])


@dataclass(frozen=True)
class Measure:
    """Something that is measured of each server, in several rounds."""

    name: str
    figures: Sequence[Figure]
    run: Callable[[Subject], Mapping[str, "float | NotOffered"]]
    """Returns the figures that there are, or why there is none; raises `NotOffered` for all of them."""
    most_rounds: int = 100
    rounds_for_one: int = 1
    """Rounds instead of each one of a run that has several, for short measures that differ much between rounds."""

    def rounds(self, effort: Effort) -> int:
        """Return how often it is measured in a run."""
        if effort.rounds == 1:
            return 1
        return min(effort.rounds * self.rounds_for_one, self.most_rounds)


@dataclass(frozen=True)
class Group:
    """Measures of servers that hold the same wheels."""

    name: str
    title: str
    tree: str
    """One of `TREES`."""
    measures: Sequence[Measure]
