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
    """Add a command that prints the answer of the action, for people or as JSON.

    Its exit code is 0, unless the default `exit_code` of the parser is a function of the answer.
    """
    parser = commands.add_parser(name, help=purpose, description=sentence(purpose))
    add_index_url(parser)
    parser.add_argument("--json", action="store_true", help="print the answer as JSON")

    def run(arguments: argparse.Namespace) -> int:
        answer = action(connect(arguments.index_url, os.environ), arguments)
        print(json.dumps(answer) if arguments.json else shown(answer))  # noqa: T201 - the command's output
        return int(arguments.exit_code(answer))

    parser.set_defaults(run=run, exit_code=lambda _: 0)
    return parser


def add_index_url(parser: argparse.ArgumentParser) -> None:
    """Add the option that names the index; see `connect`."""
    parser.add_argument(
        "--index-url",
        metavar="URL",
        help="as for pip; the login may be in it, in the variables of twine and uv, or in ~/.netrc",
    )
