"""`wheelyard quarantine`: refuses files by hand, at once and on all servers of an index."""

import argparse
from typing import Any
from urllib.parse import quote

from wheelyard_server.commands import Subparsers
from wheelyard_server.commands.api_command import add_api_command
from wheelyard_server.commands.client import Client, ClientError
from wheelyard_server.commands.releases import project_and_version
from wheelyard_server.commands.text import table

_COLUMNS = ("project", "version", "sha256", "by", "at", "reason")


def add_to(commands: Subparsers) -> None:
    """Add the command."""
    parser = add_api_command(
        commands,
        "quarantine",
        quarantine,
        "refuse the files of a release at once, on all servers of the index, until you lift it",
        shown,
    )
    parser.add_argument("what", nargs="?", metavar="PROJECT[==VERSION]")
    parser.add_argument("--sha256", metavar="DIGEST", help="a file, whatever its project and name")
    parser.add_argument("--reason", metavar="TEXT", help="required; clients whose downloads are refused see it")
    action = parser.add_mutually_exclusive_group()
    action.add_argument("--lift", action="store_true", help="end the quarantine of exactly this")
    action.add_argument("--list", action="store_true", help="only show what is quarantined")


def quarantine(client: Client, arguments: argparse.Namespace) -> Any:
    """Change the quarantine, or only show it."""
    if arguments.list:
        return client.call("GET", "/quarantine")
    path = _path(arguments)
    if arguments.lift:
        return client.call("DELETE", path)
    if not arguments.reason:
        raise ClientError("Say why with --reason: clients whose downloads are refused see it")
    return client.call("PUT", path, {"reason": arguments.reason})


def shown(answer: Any) -> str:
    """Return the entries as a table."""
    return table(_COLUMNS, answer["entries"]) if answer["entries"] else "Nothing is quarantined."


def _path(arguments: argparse.Namespace) -> str:
    if (arguments.what is None) == (arguments.sha256 is None):
        raise ClientError("Name either PROJECT[==VERSION] or --sha256 DIGEST; --list shows what is quarantined")
    if arguments.sha256 is not None:
        return f"/quarantine/files/{quote(arguments.sha256.removeprefix('sha256:'), safe='')}"
    project, version = project_and_version(arguments.what)
    of_version = f"/versions/{quote(version, safe='')}" if version else ""
    return f"/quarantine/projects/{quote(project, safe='')}{of_version}"
