"""`kubectl wheelyard sessions end`: ends all logins to the pages of an index."""

import argparse
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from wheelyard_operator.kubectl.annotations import annotate, display_name
from wheelyard_operator.kubectl.connection import Connection
from wheelyard_operator.kubectl.errors import PluginError
from wheelyard_operator.kubectl.targets import find_index
from wheelyard_operator.kubectl.terminal import Terminal
from wheelyard_operator.resource import END_SESSIONS_ANNOTATION


def add_to(verbs: Any) -> Iterator[argparse.ArgumentParser]:
    """Add the command."""
    sessions = verbs.add_parser(
        "sessions", help="end all logins to the pages of an index", description="Manage logins to pages."
    )
    below = sessions.add_subparsers(required=True, metavar="COMMAND")
    parser = below.add_parser(
        "end",
        help="end all logins to the pages of an index",
        description="End all logins to the pages of an index, within seconds, and replace the key that signs them."
        " Everyone logs in again. Tokens and passwords stay valid.",
    )
    parser.add_argument("index", metavar="INDEX", help="the name of the PackageIndex")
    parser.set_defaults(run=end)
    yield parser


def end(arguments: argparse.Namespace, connection: Connection, terminal: Terminal) -> int:
    """Request it from the operator, which answers each value of the annotation once."""
    index = find_index(connection, arguments.index)
    name = display_name(index)
    if index.meta.paused:
        raise PluginError(f"{name} is paused: run kubectl wheelyard resume index/{index.meta.name} first.")
    if not index.web.enabled:
        raise PluginError(f"{name} has no pages, and no sessions: spec.web.enabled is false.")
    annotate(connection.kube, index, END_SESSIONS_ANNOTATION, datetime.now(UTC).isoformat())
    terminal.line(f"{name}: all sessions end within seconds. People log in again.")
    return 0
