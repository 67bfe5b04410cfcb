"""A command that asks the management API of an index."""

import argparse
import json
import os
from collections.abc import Callable
from typing import Any

from wheelyard_server.commands import Subparsers, sentence
from wheelyard_server.commands.client import Client, connect
from wheelyard_server.commands.text import as_text

Action = Callable[[Client, argparse.Namespace], Any]


def add_api_command(
    commands: Subparsers, name: str, action: Action, purpose: str, shown: Callable[[Any], str] = as_text
) -> argparse.ArgumentParser:
    """Add a command that prints the answer of the action, for people or as JSON."""
    parser = commands.add_parser(name, help=purpose, description=sentence(purpose))
    parser.add_argument(
        "--index-url",
        metavar="URL",
        help="as for pip; the login may be in it, in the variables of twine and uv, or in ~/.netrc",
    )
    parser.add_argument("--json", action="store_true", help="print the answer as JSON")

    def run(arguments: argparse.Namespace) -> int:
        answer = action(connect(arguments.index_url, os.environ), arguments)
        print(json.dumps(answer) if arguments.json else shown(answer))  # noqa: T201 - the command's output
        return 0

    parser.set_defaults(run=run)
    return parser
