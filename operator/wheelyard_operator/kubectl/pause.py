"""`kubectl wheelyard pause` and `resume`: stops the operator from changing a resource, and undoes that."""

import argparse
from collections.abc import Iterator
from typing import Any

from wheelyard_operator.kubectl.annotations import annotate, display_name
from wheelyard_operator.kubectl.connection import Connection
from wheelyard_operator.kubectl.targets import find_target
from wheelyard_operator.kubectl.terminal import Terminal
from wheelyard_operator.resource import PAUSED_ANNOTATION


def add_to(verbs: Any) -> Iterator[argparse.ArgumentParser]:
    """Add the commands."""
    for verb, run, purpose in (
        ("pause", pause, "stop the operator from changing an index or a user until it is resumed"),
        ("resume", resume, "let the operator change a paused index or user again"),
    ):
        parser = verbs.add_parser(verb, help=purpose, description=f"{purpose[0].upper()}{purpose[1:]}.")
        parser.add_argument("target", metavar="index/NAME|user/NAME", help="the PackageIndex or IndexUser")
        parser.set_defaults(run=run)
        yield parser


def pause(arguments: argparse.Namespace, connection: Connection, terminal: Terminal) -> int:
    """Set the annotation."""
    resource = find_target(connection, arguments.target)
    annotate(connection.kube, resource, PAUSED_ANNOTATION, "true")
    terminal.line(
        f"{display_name(resource)} is paused: pods keep running, and nothing is changed, including permissions."
    )
    return 0


def resume(arguments: argparse.Namespace, connection: Connection, terminal: Terminal) -> int:
    """Remove the annotation."""
    resource = find_target(connection, arguments.target)
    annotate(connection.kube, resource, PAUSED_ANNOTATION, None)
    was = "is resumed" if resource.meta.paused else "was not paused"
    terminal.line(f"{display_name(resource)} {was}.")
    return 0
