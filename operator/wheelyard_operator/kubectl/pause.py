"""`kubectl wheelyard pause` and `resume`: whether the operator changes a resource and what it made of it."""

import argparse
from collections.abc import Iterator
from typing import Any

from wheelyard_operator.kubectl.annotations import annotate, named
from wheelyard_operator.kubectl.connection import Connection
from wheelyard_operator.kubectl.targets import target
from wheelyard_operator.kubectl.terminal import Terminal
from wheelyard_operator.resource import PAUSED_ANNOTATION


def add_to(verbs: Any) -> Iterator[argparse.ArgumentParser]:
    """Add the commands."""
    for verb, run, purpose in (
        ("pause", pause, "have the operator change nothing of an index or a user, until it is resumed"),
        ("resume", resume, "take that back"),
    ):
        parser = verbs.add_parser(verb, help=purpose)
        parser.add_argument("target", metavar="index/NAME|user/NAME")
        parser.set_defaults(run=run)
        yield parser


def pause(arguments: argparse.Namespace, connection: Connection, terminal: Terminal) -> int:
    """Set the annotation."""
    resource = target(connection, arguments.target)
    annotate(connection.kube, resource, PAUSED_ANNOTATION, "true")
    terminal.line(f"{named(resource)} is paused: what runs goes on, and nothing is changed, rights included.")
    return 0


def resume(arguments: argparse.Namespace, connection: Connection, terminal: Terminal) -> int:
    """Remove the annotation."""
    resource = target(connection, arguments.target)
    annotate(connection.kube, resource, PAUSED_ANNOTATION, None)
    was = "is resumed" if resource.meta.paused else "was not paused"
    terminal.line(f"{named(resource)} {was}.")
    return 0
