"""`kubectl wheelyard why`: which files of a project an index offers, and why not the others."""

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from wheelyard_operator.kubectl.annotations import display_name
from wheelyard_operator.kubectl.connection import Connection
from wheelyard_operator.kubectl.decisions import IndexApi, explained
from wheelyard_operator.kubectl.errors import PluginError
from wheelyard_operator.kubectl.forward import forwarded
from wheelyard_operator.kubectl.login import index_url, read_token, secret_name_of
from wheelyard_operator.kubectl.targets import find_index, find_user
from wheelyard_operator.kubectl.terminal import Terminal, printable
from wheelyard_operator.resource import PackageIndex


def add_to(verbs: Any) -> Iterator[argparse.ArgumentParser]:
    """Add the command."""
    parser = verbs.add_parser(
        "why",
        help="explain which files of a project an index offers, and why not the others",
        description="Explain which files of a project or version an index offers, and why not the others. The index"
        " answers what the IndexUser of --user may read; without --user, what everyone may read.",
    )
    parser.add_argument("index", metavar="INDEX", help="the name of the PackageIndex")
    parser.add_argument("what", metavar="PROJECT[==VERSION]")
    parser.add_argument(
        "--user", metavar="[NAMESPACE/]USER", help="ask as this IndexUser, whose Secret you may read"
    )
    parser.add_argument(
        "--url", metavar="URL", help="the URL at which you reach the index (default: a port-forward to a server)"
    )
    parser.add_argument("-o", "--output", choices=["json"], help="print the index's answer")
    parser.set_defaults(run=run)
    yield parser


def run(arguments: argparse.Namespace, connection: Connection, terminal: Terminal) -> int:
    """Print the decisions."""
    project, _, version = arguments.what.partition("==")
    if not project:
        raise PluginError(f"{arguments.what!r} names no project: write PROJECT or PROJECT==VERSION.")
    index = find_index(connection, arguments.index)
    login = _login(connection, index, arguments.user) if arguments.user else ("", "")
    with _reached(connection, index, arguments.url) as base:
        answer = IndexApi(base, *login).decisions(project, version)
    if arguments.output:
        terminal.json(answer)
        return 0
    for line in explained(answer):
        terminal.line(printable(line))
    return 0


def _login(connection: Connection, index: PackageIndex, name: str) -> tuple[str, str]:
    """Return the name and token of an IndexUser of this index: no other index may see its token."""
    namespace, _, user_name = name.rpartition("/")
    user = find_user(replace(connection, namespace=namespace or connection.namespace), user_name)
    if user.index != index.meta.key:
        raise PluginError(f"{display_name(user)} is a user of another index, not of {display_name(index)}.")
    return user.username, read_token(connection, user, secret_name_of(user))


@contextmanager
def _reached(connection: Connection, index: PackageIndex, url: str | None) -> Iterator[str]:
    if url:
        yield index_url(url).rstrip("/")
        return
    with forwarded(connection, index) as forward:
        yield f"http://{forward.address}"
