"""`kubectl wheelyard open`: prints the URL of an index's pages, or opens it in a browser."""

import argparse
import webbrowser
from collections.abc import Iterator
from typing import Any, NoReturn

from wheelyard_operator.condition_types import EXPOSED
from wheelyard_operator.kubectl.annotations import display_name
from wheelyard_operator.kubectl.connection import Connection
from wheelyard_operator.kubectl.errors import PluginError
from wheelyard_operator.kubectl.forward import Forward, forwarded
from wheelyard_operator.kubectl.targets import find_index
from wheelyard_operator.kubectl.terminal import Terminal
from wheelyard_operator.resource import PackageIndex

_MAX_PORT = 65_535


def add_to(verbs: Any) -> Iterator[argparse.ArgumentParser]:
    """Add the command."""
    parser = verbs.add_parser(
        "open",
        help="print the URL of an index's pages, or open it in a browser",
        description="Print the URL of an index's pages. Without a URL outside the cluster, or with --forward, it is"
        " one of this machine, which leads to a server of the index until Ctrl-C.",
    )
    parser.add_argument("index", metavar="INDEX", help="the name of the PackageIndex")
    parser.add_argument("--browser", action="store_true", help="open the URL in a browser, too")
    parser.add_argument(
        "--forward", action="store_true", help="forward a port even if the index has an external URL"
    )
    parser.add_argument(
        "--port", type=_port, default=0, metavar="PORT", help="the port of this machine (default: any free one)"
    )
    parser.set_defaults(run=run)
    yield parser


def run(arguments: argparse.Namespace, connection: Connection, terminal: Terminal) -> int:
    """Print the URL, and keep it working until Ctrl-C if it is one of this machine."""
    index = find_index(connection, arguments.index)
    if not index.web.enabled:
        raise PluginError(f"{display_name(index)} has no pages: spec.web.enabled is false.")
    if index.external.url and not (arguments.forward or arguments.port):
        _show(index.external.url, terminal, in_browser=arguments.browser)
        _warn(index, terminal)
        return 0
    try:
        with forwarded(connection, index, arguments.port) as forward:
            _show(f"http://{forward.address}/", terminal, in_browser=arguments.browser)
            _keep(forward, index, terminal)
    except KeyboardInterrupt:
        return 0


def _port(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= _MAX_PORT:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port: a number from 1 to {_MAX_PORT}")
    return int(text)


def _show(url: str, terminal: Terminal, *, in_browser: bool) -> None:
    terminal.line(url)
    if in_browser and not webbrowser.open(url):
        terminal.note("No browser was found here: open the URL yourself.")


def _warn(index: PackageIndex, terminal: Terminal) -> None:
    for each in index.status.get("conditions", ()):
        if each["type"] == EXPOSED and each["status"] != "True":
            terminal.note(f"The URL may not work now: {each['message']}")


def _keep(forward: Forward, index: PackageIndex, terminal: Terminal) -> NoReturn:
    """Wait until the forward ends, which is an error: kubectl ends it with its pod."""
    terminal.note("It leads to a server of the index until Ctrl-C.")
    for note in forward.notes():
        terminal.note(note)
    raise PluginError(f"The connection to {display_name(index)} has ended: run the command again.")
