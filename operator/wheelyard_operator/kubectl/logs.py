"""`kubectl wheelyard logs`: merges the logs of all servers of an index into one."""

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
from wheelyard_operator.kubectl.logline import format_line, parse_line
from wheelyard_operator.kubectl.podlogs import Line, LogOptions, follow
from wheelyard_operator.kubectl.retries import is_transient, with_retries
from wheelyard_operator.kubectl.rotate import duration_seconds
from wheelyard_operator.kubectl.targets import find_index
from wheelyard_operator.kubectl.terminal import Terminal
from wheelyard_operator.observe import read_pods
from wheelyard_operator.resource import Manifest, PackageIndex

_TAIL = 100
_POLL_SECONDS = 1.0
_COLORS = ("cyan", "magenta", "yellow", "blue", "green")
_LEVELS = {"WARNING": "yellow", "ERROR": "red", "CRITICAL": "red"}


def add_to(verbs: Any) -> Iterator[argparse.ArgumentParser]:
    """Add the command."""
    parser = verbs.add_parser(
        "logs",
        help="print the logs of all servers of an index as one log",
        description="Print the logs of all servers of an index as one log, in the order of time. Each line begins"
        " with the end of its pod's name.",
    )
    parser.add_argument("index", metavar="INDEX", help="the name of the PackageIndex")
    parser.add_argument(
        "-f", "--follow", action="store_true", help="keep printing, also from servers that start later"
    )
    parser.add_argument(
        "--since", metavar="TIME", help="only lines that are at most this old, such as 90s, 10m, 2h"
    )
    parser.add_argument(
        "--tail",
        type=int,
        metavar="LINES",
        help=f"at most this many lines of each server; -1 means all (default: {_TAIL}, with --since all)",
    )
    parser.add_argument(
        "-o",
        "--output",
        choices=["json"],
        help="print each line as the JSON object that the server wrote",
    )
    parser.set_defaults(run=run)
    yield parser


def run(arguments: argparse.Namespace, connection: Connection, terminal: Terminal) -> int:
    """Print the merged log."""
    index = find_index(connection, arguments.index)
    if not read_pods(connection.kube, index) and not arguments.follow:
        raise PluginError(f"PackageIndex {index.id} has no servers at the moment: see kubectl wheelyard status.")
    printer = Printer(terminal, as_json=bool(arguments.output))
    reader = _reader(arguments, connection, index)
    for pod, entry in reader.follow() if arguments.follow else reader.present():
        printer(pod, entry.fields)
    return 0


@dataclass
class Printer:
    """Prints lines, each after the end of its pod's name."""

    terminal: Terminal
    as_json: bool
    colors: dict[str, str] = field(default_factory=dict)

    def __call__(self, pod: str, fields: dict[str, Any]) -> None:
        """Print one line."""
        if self.as_json:
            print(json.dumps({"pod": pod, **fields}), file=self.terminal.out, flush=True)
            return
        color = self.colors.setdefault(pod, _COLORS[len(self.colors) % len(_COLORS)])
        prefix = self.terminal.paint(pod.rpartition("-")[2], color)
        level = _LEVELS.get(str(fields.get("level")))
        for text in format_line(fields).split("\n"):
            self.terminal.line(f"{prefix} {self.terminal.paint(text, level) if level else text}")


@dataclass(frozen=True)
class _Entry:
    time: str
    fields: dict[str, Any]


@dataclass(frozen=True)
class _Reader:
    """Reads the logs of an index's servers, as pairs of a pod's name and a line."""

    connection: Connection
    index: PackageIndex
    since_seconds: int | None
    tail: int | None
    """None means all."""

    def present(self) -> Iterator[tuple[str, _Entry]]:
        """Yield the existing lines, in the order in which they were written."""
        names = [str(pod["metadata"]["name"]) for pod in read_pods(self.connection.kube, self.index)]
        found = [(name, entry) for name in names for entry in self._past(name)]
        yield from sorted(found, key=lambda each: datetime.fromisoformat(each[1].time))

    def follow(self) -> Iterator[tuple[str, _Entry]]:
        """Yield existing and new lines of every server, also of later ones, until interrupted."""
        lines: queue.Queue[tuple[str, _Entry] | ApiError] = queue.Queue()
        known: set[str] = set()
        while True:
            for pod in with_retries(lambda: read_pods(self.connection.kube, self.index), _wait):
                name = pod["metadata"]["name"]
                if name not in known and _has_started(pod):
                    known.add(name)
                    threading.Thread(target=self._follow_one, args=(name, lines), daemon=True).start()
            until = time.monotonic() + _POLL_SECONDS
            while (left := until - time.monotonic()) > 0:
                try:
                    each = lines.get(timeout=left)
                except queue.Empty:
                    break
                if isinstance(each, ApiError):
                    raise each
                yield each

    def _past(self, pod: str) -> list[_Entry]:
        return list(_entries(self._read(pod, LogOptions(since_seconds=self.since_seconds, tail=self.tail))))

    def _follow_one(self, pod: str, lines: queue.Queue[tuple[str, _Entry] | ApiError]) -> None:
        def ended() -> bool:
            body = with_retries(lambda: self.connection.kube.get("Pod", self.index.meta.namespace, pod), _wait)
            return body is None or body.get("status", {}).get("phase") in {"Succeeded", "Failed"}

        try:
            past = with_retries(lambda: self._past(pod), _wait)
            for entry in past:
                lines.put((pod, entry))
            # Without a line to continue from: after the last one that --since or --tail left out.
            start = past[-1].time if past else with_retries(lambda: self._end_of(pod), _wait)
            new_lines = follow(lambda options: self._read(pod, options), ended, _wait, start)
            for entry in _entries(new_lines):
                lines.put((pod, entry))
        except ApiError as error:
            lines.put(error)

    def _end_of(self, pod: str) -> str:
        return max((line.time for line in self._read(pod, LogOptions(tail=1))), default="")

    def _read(self, pod: str, options: LogOptions) -> Iterator[Line]:
        try:
            yield from self.connection.logs(self.index.meta.namespace, pod, SERVER, options)
        except ApiError as error:
            # The container has not started, is restarting, or is gone already.
            if error.status not in {400, 404} and not (options.follow and is_transient(error)):
                raise


def _entries(lines: Iterator[Line]) -> Iterator[_Entry]:
    return (_Entry(line.time, parse_line(line.text)) for line in lines)


def _reader(arguments: argparse.Namespace, connection: Connection, index: PackageIndex) -> _Reader:
    tail = arguments.tail
    if tail is None and not arguments.since:
        tail = _TAIL
    return _Reader(
        connection=connection,
        index=index,
        since_seconds=duration_seconds(arguments.since) if arguments.since else None,
        tail=None if tail is None or tail < 0 else tail,
    )


def _wait() -> None:
    time.sleep(_POLL_SECONDS)


def _has_started(pod: Manifest) -> bool:
    return bool(pod.get("status", {}).get("phase", "Pending") != "Pending")
