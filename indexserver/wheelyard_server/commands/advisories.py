"""`wheelyard advisories load|accept|status`: the advisories of an index, by its management API."""

import argparse
import shutil
import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from wheelyard_server.commands import Subparsers, sentence
from wheelyard_server.commands.api_command import Action, add_api_command
from wheelyard_server.commands.client import Client, ClientError

_PATH = "/advisories"
_ZIP = "application/zip"
_SECONDS = 600


def add_to(commands: Subparsers) -> None:
    """Add the commands."""
    purpose = "the known malware and vulnerabilities of an index"
    parser = commands.add_parser("advisories", help=purpose, description=sentence(purpose))
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    load_parser = _add(actions, "load", load, "put an export of OSV's format in force, such as PyPI's all.zip")
    load_parser.add_argument("export", metavar="FILE|URL", help="a zip archive, or where to fetch one from here")
    load_parser.add_argument(
        "--accept", action="store_true", help="also if it lacks more than a tenth of the records in force"
    )
    _add(actions, "accept", accept, "let the feed take away the records that it lacks")
    _add(actions, "status", status, "show which advisories are in force, and what waits or fails")


def load(client: Client, arguments: argparse.Namespace) -> dict[str, Any]:
    """Send an export."""
    query = "?accept=true" if arguments.accept else ""
    with _opened(arguments.export) as file:
        answer: dict[str, Any] = client.send("PUT", f"{_PATH}{query}", file, _ZIP, _SECONDS)
    return answer


def accept(client: Client, _arguments: argparse.Namespace) -> dict[str, Any]:
    """Accept what waits."""
    answer: dict[str, Any] = client.call("POST", f"{_PATH}/accept")
    return answer


def status(client: Client, _arguments: argparse.Namespace) -> dict[str, Any]:
    """Show the state."""
    answer: dict[str, Any] = client.call("GET", _PATH)
    return answer


def _add(actions: Subparsers, name: str, action: Action, purpose: str) -> argparse.ArgumentParser:
    parser = add_api_command(actions, name, action, purpose, _text)
    parser.set_defaults(exit_code=_exit_code)
    return parser


def _exit_code(answer: dict[str, Any]) -> int:
    return 1 if answer["waiting"] is not None or answer["state"] == "Lost" else 0


@contextmanager
def _opened(source: str) -> Iterator[IO[bytes]]:
    """Open a file, or download it to one. What a person names is fetched from that person's machine."""
    if "://" not in source:
        with Path(source).open("rb") as file:
            yield file
        return
    if not source.startswith(("https://", "http://")):
        raise ClientError(f"The export must be a file or a URL of HTTP, not {source!r}")
    with tempfile.TemporaryFile() as file:
        try:
            with urllib.request.urlopen(source, timeout=_SECONDS) as answer:  # noqa: S310 - checked above
                shutil.copyfileobj(answer, file)
        except OSError as error:
            raise ClientError(f"{source} cannot be fetched: {error}") from None
        file.seek(0)
        yield file


def _text(answer: dict[str, Any]) -> str:
    """Return the state as lines for people."""
    lines = [f"{name}: {'-' if value in (None, '') else value}" for name, value in _values(answer)]
    waiting = answer["waiting"]
    return "\n".join(lines if waiting is None else [*lines, "", _TAKEN_AWAY.format(waiting["reason"])])


_TAKEN_AWAY = (
    "The feed takes away too much: {}. Its new records are in force, and those that it lacks stay."
    " If that is right: wheelyard advisories accept"
)


def _values(answer: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for name in ("state", "source", "records", "malware", "unreadable", "changed", "shown", "checked", "problem"):
        yield name, answer[name]
    if answer["failure"] is not None:
        yield "failing", f"{answer['failure']['reason']}, since {answer['failure']['since']}"
