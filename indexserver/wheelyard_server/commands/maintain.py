"""`wheelyard verify`, `gc`, `copy`, `assign` and `probe`: maintenance of a whole storage."""

import argparse
import asyncio
import re
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from wheelyard_server import settings, standalone
from wheelyard_server.catalog import ownership
from wheelyard_server.catalog.scratch import Scratch
from wheelyard_server.catalog.write_safety import WriteSafety
from wheelyard_server.commands import Subparsers, sentence
from wheelyard_server.errors import InvalidSettingsError, UnsafeStorageError, WheelyardError
from wheelyard_server.maintenance.copy import Copier
from wheelyard_server.maintenance.events import Assigned, Event, Finding, Proved, Report, Visited
from wheelyard_server.maintenance.gc import Collector
from wheelyard_server.maintenance.verify import StorageVerifier
from wheelyard_server.storage import Storage, layout
from wheelyard_server.storage.opening import open_storage

_STORAGE = "file:DIR|s3://BUCKET/PREFIX"
_INDEX = "NAMESPACE/NAME"
_INDEX_NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?/[a-z]([-a-z0-9]{0,38}[a-z0-9])?")
_PROGRESS_SECONDS = 10
_EXIT_CODES = "Exit codes: 0 if all is well, 1 if there are findings, 2 if the command failed."

Work = Callable[[argparse.Namespace, Report], Coroutine[Any, Any, None]]


def add_to(commands: Subparsers) -> None:
    """Add the commands."""
    verify_parser = _add(commands, "verify", verify, "check every document and file, without changing anything")
    _add_storage(verify_parser)
    verify_parser.add_argument(
        "--quick", action="store_true", help="compare the sizes of files instead of reading them"
    )
    gc_parser = _add(commands, "gc", gc, "remove objects that are no longer referenced")
    _add_storage(gc_parser)
    gc_parser.add_argument("--dry-run", action="store_true", help="only report what would be removed")
    gc_parser.add_argument(
        "--grace", type=float, default=24, metavar="HOURS", help="keep younger objects (default: %(default)s)"
    )
    gc_parser.add_argument(
        "--unnamed",
        action="store_true",
        help="also remove whole uploads that no document names, which may be lost writes",
    )
    copy_parser = _add(commands, "copy", copy, "copy everything new from one storage to another")
    copy_parser.add_argument("source", metavar="FROM", help=_STORAGE)
    copy_parser.add_argument("target", metavar="TO", help=_STORAGE)
    copy_parser.add_argument(
        "--for",
        dest="owner",
        type=_index,
        metavar=_INDEX,
        help="the PackageIndex that will own the copy (default: none)",
    )
    copy_parser.add_argument(
        "--without",
        choices=["mirrored"],
        help="leave out the bytes of upstreams, which the copy fetches again when they are needed",
    )
    assign_parser = _add(commands, "assign", assign_owner, "set the PackageIndex that owns a storage")
    assign_parser.add_argument("storage", metavar="STORAGE", help=_STORAGE)
    assign_parser.add_argument("--to", required=True, type=_index, metavar=_INDEX, help="the PackageIndex")
    assign_parser.add_argument(
        "--from",
        dest="previous",
        type=_index,
        metavar=_INDEX,
        help="the PackageIndex that owns it now",
    )
    probe_parser = _add(commands, "probe", probe, "prove that the storage's conditional writes are atomic")
    _add_storage(probe_parser)


async def verify(arguments: argparse.Namespace, report: Report) -> None:
    """Check the storage."""
    await StorageVerifier(_storage(arguments), report, arguments.quick).run()


async def gc(arguments: argparse.Namespace, report: Report) -> None:
    """Collect the storage's garbage."""
    grace = timedelta(hours=arguments.grace)
    storage, now = _storage(arguments), datetime.now(UTC)
    await Collector(storage, report, now, grace, arguments.dry_run, with_unnamed=arguments.unnamed).run()


async def copy(arguments: argparse.Namespace, report: Report) -> None:
    """Copy one storage to another."""
    source, target = _open(arguments.source), _open(arguments.target, may_be_new=True)
    with tempfile.TemporaryDirectory(prefix="wheelyard-copy-") as folder:
        scratch, with_mirrored = Scratch(Path(folder), sys.maxsize), arguments.without != "mirrored"
        await Copier(source, target, scratch, report, arguments.owner, with_mirrored).run()


async def assign_owner(arguments: argparse.Namespace, report: Report) -> None:
    """Set the owner of a storage."""
    before = await ownership.assign_owner(_open(arguments.storage), arguments.to, arguments.previous)
    report(Assigned(arguments.to, before))


async def probe(arguments: argparse.Namespace, report: Report) -> None:
    """Prove that writing is safe, which replaces an earlier result."""
    try:
        server = await WriteSafety(_storage(arguments, may_be_new=True)).prove()
    except UnsafeStorageError as error:
        report(Finding(layout.CONDITIONAL_WRITES, str(error)))
    else:
        report(Proved(*(server or ("", ""))))


@dataclass
class _Printer:
    """Prints results to stdout and the progress, for people, to stderr."""

    as_json: bool
    counts: Counter[str] = field(default_factory=Counter)
    problems: int = 0
    printed: float = field(default_factory=time.monotonic)

    def __call__(self, event: Event) -> None:
        self.counts[type(event).__name__.lower()] += 1
        self.problems += event.is_problem
        if isinstance(event, Visited):
            self._print_progress()
        elif self.as_json:
            print(msgspec.json.encode(event).decode(), flush=True)  # noqa: T201 - the command's output
        elif event.text:
            print(f"{type(event).__name__.lower()}: {event.text}", flush=True)  # noqa: T201 - the command's output

    def finish(self) -> int:
        """Print the summary and return the exit code."""
        names = {"visited": "projects", "finding": "findings", "copiedfetches": "fetchDays"}
        totals = {names.get(name, name): count for name, count in self.counts.items()}
        totals = {"projects": 0, "findings": 0, **totals}
        if self.as_json:
            print(msgspec.json.encode({"event": "summary", **totals}).decode())  # noqa: T201
        else:
            print(", ".join(f"{count} {name}" for name, count in totals.items()))  # noqa: T201
        return 1 if self.problems else 0

    def _print_progress(self) -> None:
        now = time.monotonic()
        if sys.stderr.isatty():
            print(f"\r{self.counts['visited']} projects ", end="", file=sys.stderr, flush=True)  # noqa: T201
        elif now - self.printed > _PROGRESS_SECONDS:
            self.printed = now
            print(f"{self.counts['visited']} projects so far", file=sys.stderr, flush=True)  # noqa: T201


def _add(commands: Subparsers, name: str, work: Work, purpose: str) -> argparse.ArgumentParser:
    parser = commands.add_parser(name, help=purpose, description=f"{sentence(purpose)} {_EXIT_CODES}")
    parser.add_argument("--json", action="store_true", help="print a JSON object for each finding or action")

    def run(arguments: argparse.Namespace) -> int:
        printer = _Printer(arguments.json)
        try:
            asyncio.run(work(arguments, printer))
        except (WheelyardError, OSError) as error:
            print(f"wheelyard: {error}", file=sys.stderr)  # noqa: T201 - the reason
            return 2
        return printer.finish()

    parser.set_defaults(run=run)
    return parser


def _add_storage(parser: argparse.ArgumentParser) -> None:
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--config", type=Path, metavar="FILE", help="the index.yaml of the server")
    which.add_argument("--storage", metavar=_STORAGE)


def _storage(arguments: argparse.Namespace, *, may_be_new: bool = False) -> Storage:
    if arguments.config is not None:
        return open_storage(settings.parse(arguments.config.read_bytes()).storage)
    return _open(arguments.storage, may_be_new=may_be_new)


def _index(text: str) -> str:
    if _INDEX_NAME.fullmatch(text) is None:
        raise argparse.ArgumentTypeError(f"{text!r} is not {_INDEX} of a PackageIndex, such as packages/main")
    return text


def _open(url: str, *, may_be_new: bool = False) -> Storage:
    where = standalone.storage_of(url)
    if where.folder is not None:
        # Opening a folder creates it, and a typo must not look like an empty storage.
        needed = where.folder.path.parent if may_be_new else where.folder.path
        if not needed.is_dir():
            raise InvalidSettingsError(f"The folder {needed} does not exist")
    return open_storage(where)
