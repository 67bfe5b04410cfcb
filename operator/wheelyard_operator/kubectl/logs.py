"""`kubectl wheelyard logs`: of all servers of an index, as one log."""

import argparse
import json
import queue
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from wheelyard_operator.desired.common import SERVER
from wheelyard_operator.kube import ApiError
from wheelyard_operator.kubectl.connection import Connection
from wheelyard_operator.kubectl.errors import PluginError
from wheelyard_operator.kubectl.logline import parsed, readable
from wheelyard_operator.kubectl.podlogs import Extent, Line, followed
from wheelyard_operator.kubectl.retries import passes, patiently
from wheelyard_operator.kubectl.rotate import seconds_of
from wheelyard_operator.kubectl.targets import index_named
from wheelyard_operator.kubectl.terminal import Terminal
from wheelyard_operator.observe import read_pods
from wheelyard_operator.resource import Manifest, PackageIndex

_TAIL = 100
_LOOK_SECONDS = 1.0
_COLOURS = ("cyan", "magenta", "yellow", "blue", "green")
_LEVELS = {"WARNING": "yellow", "ERROR": "red", "CRITICAL": "red"}


def add_to(verbs: Any) -> Iterator[argparse.ArgumentParser]:
    """Add the command."""
    parser = verbs.add_parser("logs", help="of all servers of an index, as one log")
    parser.add_argument("index", metavar="INDEX")
    parser.add_argument("-f", "--follow", action="store_true", help="go on, also with servers that start later")
    parser.add_argument("--since", metavar="TIME", help="only what is younger: 90s, 10m, 2h")
    parser.add_argument(
        "--tail", type=int, metavar="LINES", help=f"of each server (default: {_TAIL}; all with --since); -1 is all"
    )
    parser.add_argument(
        "-o",
        "--output",
        choices=["json"],
        help="a JSON object a line, as the servers wrote it",
    )
    parser.set_defaults(run=run)
    yield parser


def run(arguments: argparse.Namespace, connection: Connection, terminal: Terminal) -> int:
    """Print it."""
    index = index_named(connection, arguments.index)
    if not read_pods(connection.kube, index) and not arguments.follow:
        raise PluginError(f"PackageIndex {index.id} has no servers now: see kubectl wheelyard status.")
    printer = Printer(terminal, as_json=bool(arguments.output))
    reader = _reader(arguments, connection, index)
    for pod, entry in reader.follow() if arguments.follow else reader.present():
        printer(pod, entry.fields)
    return 0


@dataclass
class Printer:
    """Prints lines, each with the end of its pod's name."""

    terminal: Terminal
    as_json: bool
    colours: dict[str, str] = field(default_factory=dict)

    def __call__(self, pod: str, fields: dict[str, Any]) -> None:
        """Print one line."""
        if self.as_json:
            print(json.dumps({"pod": pod, **fields}), file=self.terminal.out, flush=True)
            return
        colour = self.colours.setdefault(pod, _COLOURS[len(self.colours) % len(_COLOURS)])
        prefix = self.terminal.paint(pod.rpartition("-")[2], colour)
        level = _LEVELS.get(str(fields.get("level")))
        for text in readable(fields).split("\n"):
            self.terminal.line(f"{prefix} {self.terminal.paint(text, level) if level else text}")


@dataclass(frozen=True)
class _Entry:
    time: str
    fields: dict[str, Any]


@dataclass(frozen=True)
class _Reader:
    """Reads the logs of an index's servers."""

    connection: Connection
    index: PackageIndex
    since_seconds: int | None
    tail: int | None
    """None is all."""

    def present(self) -> Iterator[tuple[str, _Entry]]:
        """Return what there is, in the order in which it was written."""
        names = [str(pod["metadata"]["name"]) for pod in read_pods(self.connection.kube, self.index)]
        found = [(name, entry) for name in names for entry in self._past(name)]
        yield from sorted(found, key=lambda each: datetime.fromisoformat(each[1].time))

    def follow(self) -> Iterator[tuple[str, _Entry]]:
        """Return also what comes, of every server that there is or will be, until somebody interrupts it."""
        lines: queue.Queue[tuple[str, _Entry] | ApiError] = queue.Queue()
        known: set[str] = set()
        while True:
            for pod in patiently(lambda: read_pods(self.connection.kube, self.index), _wait):
                name = pod["metadata"]["name"]
                if name not in known and _has_started(pod):
                    known.add(name)
                    threading.Thread(target=self._follow_one, args=(name, lines), daemon=True).start()
            until = time.monotonic() + _LOOK_SECONDS
            while (left := until - time.monotonic()) > 0:
                try:
                    each = lines.get(timeout=left)
                except queue.Empty:
                    break
                if isinstance(each, ApiError):
                    raise each
                yield each

    def _past(self, pod: str) -> list[_Entry]:
        return list(_entries(self._read(pod, Extent(since_seconds=self.since_seconds, tail=self.tail))))

    def _follow_one(self, pod: str, lines: queue.Queue[tuple[str, _Entry] | ApiError]) -> None:
        def ended() -> bool:
            body = patiently(lambda: self.connection.kube.get("Pod", self.index.meta.namespace, pod), _wait)
            return body is None or body.get("status", {}).get("phase") in {"Succeeded", "Failed"}

        try:
            past = patiently(lambda: self._past(pod), _wait)
            for entry in past:
                lines.put((pod, entry))
            # Without a line to go on from, everything is new but what --since or --tail left out.
            start = past[-1].time if past else patiently(lambda: self._end_of(pod), _wait)
            coming = followed(lambda extent: self._read(pod, extent), ended, _wait, start)
            for entry in _entries(coming):
                lines.put((pod, entry))
        except ApiError as error:
            lines.put(error)

    def _end_of(self, pod: str) -> str:
        return max((line.time for line in self._read(pod, Extent(tail=1))), default="")

    def _read(self, pod: str, extent: Extent) -> Iterator[Line]:
        try:
            yield from self.connection.logs(self.index.meta.namespace, pod, SERVER, extent)
        except ApiError as error:
            # It has not started, is between two starts, or is gone already.
            if error.status not in {400, 404} and not (extent.follow and passes(error)):
                raise


def _entries(lines: Iterator[Line]) -> Iterator[_Entry]:
    return (_Entry(line.time, parsed(line.text)) for line in lines)


def _reader(arguments: argparse.Namespace, connection: Connection, index: PackageIndex) -> _Reader:
    tail = arguments.tail
    if tail is None and not arguments.since:
        tail = _TAIL
    return _Reader(
        connection=connection,
        index=index,
        since_seconds=seconds_of(arguments.since) if arguments.since else None,
        tail=None if tail is None or tail < 0 else tail,
    )


def _wait() -> None:
    time.sleep(_LOOK_SECONDS)


def _has_started(pod: Manifest) -> bool:
    return bool(pod.get("status", {}).get("phase", "Pending") != "Pending")
