"""The command line: parses the arguments, connects to the cluster and reports errors."""

import argparse
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import TextIO

from wheelyard_operator.kube import ApiError
from wheelyard_operator.kubectl import (
    connection,
    login,
    logs,
    open_pages,
    pause,
    rotate,
    sessions,
    status,
    verify,
    why,
)
from wheelyard_operator.kubectl.errors import PluginError, plugin_error
from wheelyard_operator.kubectl.terminal import Terminal

_COMMANDS = (status, open_pages, login, sessions, logs, rotate, pause, verify, why)
_EPILOG = "Flags of kubectl, such as -n and --context, come after the command."


def run(arguments: Sequence[str], out: TextIO, err: TextIO, environment: Mapping[str, str]) -> int:
    """Run one command and return the exit code."""
    parsed = _parser().parse_args(arguments)
    terminal = Terminal.of(out, err, environment)
    try:
        connected = connection.connect(parsed)
        try:
            code: int = parsed.run(parsed, connected, terminal)
        except ApiError as error:
            raise plugin_error(error, connected.server) from error
    except PluginError as error:
        terminal.note(f"kubectl wheelyard: {error}")
        failure: int = parsed.failure
        return failure
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="kubectl wheelyard", description="Inspect and manage package indexes and their users.", epilog=_EPILOG
    )
    parser.add_argument(
        "--version",
        action="version",
        help="print the version and exit",
        version=f"kubectl-wheelyard {version('wheelyard')}",
    )
    parser.set_defaults(failure=1)
    verbs = parser.add_subparsers(required=True, metavar="COMMAND")
    for each in _COMMANDS:
        for command in each.add_to(verbs):
            connection.add_flags(command)
    return parser
