"""`kubectl wheelyard logs`: of all servers of an index, as one log."""

from __future__ import annotations

import json
import queue
import threading
import time
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from wheelyard_operator.desired.common import SERVER
from wheelyard_operator.kube import ApiError
from wheelyard_operator.kubectl.errors import PluginError
from wheelyard_operator.kubectl.logline import parsed, readable
from wheelyard_operator.kubectl.podlogs import Extent, followed
from wheelyard_operator.kubectl.rotate import seconds_of
from wheelyard_operator.kubectl.targets import index_named
from wheelyard_operator.observe import pods

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from wheelyard_operator.kubectl.connection import Connection
    from wheelyard_operator.kubectl.podlogs import Line
    from wheelyard_operator.kubectl.terminal import Terminal
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
    parser.add_argument("-o", "--output", choices=["json"], help="a JSON object a line, as the servers wrote it")
    parser.set_defaults(run=run)
    yield parser


def run(arguments: argparse.Namespace, connection: Connection, terminal: Terminal) -> int:
    """Print it."""
    index = index_named(connection, arguments.index)
    if not pods(connection.kube, index) and not arguments.follow:
        raise PluginError(f"PackageIndex {index.id} has no servers now: see kubectl wheelyard status.")
    printer = Printer(terminal, as_json=bool(arguments.output))
    for pod, line in (_follow if arguments.follow else _present)(connection, index, _extent(arguments)):
        printer(pod, line)
    return 0


@dataclass
class Printer:
    """Prints lines, each with the end of its pod's name."""

    terminal: Terminal
    as_json: bool
    colours: dict[str, str] = field(default_factory=dict)

    def __call__(self, pod: str, line: Line) -> None:
        """Print one line."""
        fields = parsed(line.text)
        if self.as_json:
            print(json.dumps({"pod": pod, **fields}), file=self.terminal.out, flush=True)
            return
        colour = self.colours.setdefault(pod, _COLOURS[len(self.colours) % len(_COLOURS)])
        prefix = self.terminal.paint(pod.rpartition("-")[2], colour)
        level = _LEVELS.get(str(fields.get("level")))
        for text in readable(fields).split("\n"):
            self.terminal.line(f"{prefix} {self.terminal.paint(text, level) if level else text}")


def _extent(arguments: argparse.Namespace) -> Extent:
    tail = arguments.tail
    if tail is None and not arguments.since:
        tail = _TAIL
    return Extent(
        follow=arguments.follow,
        since_seconds=seconds_of(arguments.since) if arguments.since else None,
        tail=None if tail is None or tail < 0 else tail,
    )


def _present(connection: Connection, index: PackageIndex, extent: Extent) -> Iterator[tuple[str, Line]]:
    """Give what there is, in the order in which it was written."""
    found = []
    for pod in pods(connection.kube, index):
        name = pod["metadata"]["name"]
        try:
            found += [(name, line) for line in connection.logs(index.meta.namespace, name, SERVER, extent)]
        except ApiError as error:
            # It has not started, or is gone already: it has no log.
            if error.status not in {400, 404}:
                raise
    yield from sorted(found, key=lambda each: datetime.fromisoformat(each[1].time))


def _follow(connection: Connection, index: PackageIndex, extent: Extent) -> Iterator[tuple[str, Line]]:
    """Give lines as they come, of every server that there is or will be, until somebody interrupts it."""
    lines: queue.Queue[tuple[str, Line] | ApiError] = queue.Queue()
    known: set[str] = set()
    while True:
        for pod in pods(connection.kube, index):
            name = pod["metadata"]["name"]
            if name not in known and _has_started(pod):
                known.add(name)
                follower = _Follower(connection, index.meta.namespace, name, lines)
                threading.Thread(target=follower.run, args=(extent,), daemon=True).start()
        # Of servers that start from now on, everything is new.
        extent = Extent(follow=True)
        until = time.monotonic() + 2 * _LOOK_SECONDS
        while (left := until - time.monotonic()) > 0:
            try:
                each = lines.get(timeout=left)
            except queue.Empty:
                break
            if isinstance(each, ApiError):
                raise each
            yield each


@dataclass(frozen=True)
class _Follower:
    connection: Connection
    namespace: str
    pod: str
    lines: queue.Queue[tuple[str, Line] | ApiError]

    def run(self, extent: Extent) -> None:
        try:
            for line in followed(self._read, extent, self._ended, lambda: time.sleep(_LOOK_SECONDS)):
                self.lines.put((self.pod, line))
        except ApiError as error:
            self.lines.put(error)

    def _read(self, extent: Extent) -> Iterator[Line]:
        try:
            yield from self.connection.logs(self.namespace, self.pod, SERVER, extent)
        except ApiError as error:
            # The container is between two starts, or the pod is gone, which `_ended` finds.
            if error.status not in {400, 404}:
                raise

    def _ended(self) -> bool:
        pod = self.connection.kube.get("Pod", self.namespace, self.pod)
        return pod is None or pod.get("status", {}).get("phase") in {"Succeeded", "Failed"}


def _has_started(pod: Manifest) -> bool:
    return bool(pod.get("status", {}).get("phase", "Pending") != "Pending")
