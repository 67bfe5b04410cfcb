"""`kubectl wheelyard login`: how pip, uv and twine use an index as a user, ready to run."""

import argparse
import shlex
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from wheelyard_operator import tokens
from wheelyard_operator.condition_types import READY
from wheelyard_operator.desired.common import decoded
from wheelyard_operator.desired.credentials import PASSWORD
from wheelyard_operator.desired.user_secret import login_variables
from wheelyard_operator.kubectl import wording
from wheelyard_operator.kubectl.annotations import named
from wheelyard_operator.kubectl.connection import Connection
from wheelyard_operator.kubectl.errors import PluginError
from wheelyard_operator.kubectl.targets import user_named
from wheelyard_operator.kubectl.terminal import Terminal
from wheelyard_operator.resource import IndexUser

_PIP = ("PIP_INDEX_URL", "PIP_TRUSTED_HOST")
_COMMANDS = {
    "pip": ((_PIP, "pip install PACKAGE"),),
    "uv": (
        (("UV_DEFAULT_INDEX",), "uv pip install PACKAGE"),
        (("UV_PUBLISH_URL", "UV_PUBLISH_USERNAME", "UV_PUBLISH_PASSWORD"), "uv publish dist/*"),
    ),
    "twine": ((("TWINE_REPOSITORY_URL", "TWINE_USERNAME", "TWINE_PASSWORD"), "twine upload dist/*"),),
}
_TOKEN = "~token~"  # noqa: S105 - stands where the token goes; no other value has it


def add_to(verbs: Any) -> Iterator[argparse.ArgumentParser]:
    """Add the command."""
    parser = verbs.add_parser(
        "login",
        help="how pip, uv and twine use an index as a user, with the user's token",
        description="Print commands that use an index as a user. They have the user's token, unless --hide-token.",
    )
    parser.add_argument("user", metavar="USER", help="the IndexUser")
    parser.add_argument(
        "--for", dest="tool", choices=["all", *_COMMANDS, "env"], default="all", help="default: all"
    )
    parser.add_argument("--url", metavar="URL", help="where you reach the index (default: within the cluster)")
    parser.add_argument(
        "--hide-token", action="store_true", help="have the commands read the token by kubectl when they run"
    )
    parser.add_argument("-o", "--output", choices=["json"], help="the environment variables as an object")
    parser.set_defaults(run=run)
    return iter((parser,))


def run(arguments: argparse.Namespace, connection: Connection, terminal: Terminal) -> int:
    """Print what is to be run, with the token or with how it is read."""
    if arguments.hide_token and arguments.output:
        raise PluginError("--hide-token is for a shell, which has to fill in the token: leave it out, or -o json.")
    user = user_named(connection, arguments.user)
    secret_name = _secret_name(user)
    url = _url(arguments.url or str(user.status.get("url", "")))
    if arguments.hide_token:
        token, reading = _TOKEN, _reading(user, secret_name, connection)
    else:
        token, reading = _token_of(connection, user, secret_name), ""
        terminal.note(f"This has the token of {user.username}: whoever reads it can log in.")
    ready = wording.condition(user, READY)
    if ready["status"] != "True":
        terminal.note(f"It may not work now: {ready['message']}")
    if not arguments.url:
        terminal.note("The address is that within the cluster; --url gives another one.")
    variables = {
        name: value for name, value in login_variables(url, user.username, token).items() if name.isupper()
    }
    if arguments.output:
        terminal.json(variables)
        return 0
    for line in lines(variables, arguments.tool, _quoting(reading)):
        terminal.line(line)
    return 0


def lines(variables: Mapping[str, str], tool: str, quoted: Callable[[str], str]) -> Iterator[str]:
    """Return what a shell can run: of one tool, of `all`, or as exports for `eval` (`env`)."""
    if tool == "env":
        yield from (f"export {name}={quoted(value)}" for name, value in variables.items())
        return
    for each in _COMMANDS if tool == "all" else (tool,):
        for names, command in _COMMANDS[each]:
            # Before the command, not in it: other users of the machine see a command's arguments.
            there = (name for name in names if name in variables)
            yield " ".join([*(f"{name}={quoted(variables[name])}" for name in there), command])


def _quoting(reading: str) -> Callable[[str], str]:
    """Return how a value is written in a shell, with what the shell runs in place of a token that is hidden."""

    def quoted(value: str) -> str:
        return f'"{reading}"'.join(shlex.quote(part) if part else "" for part in value.split(_TOKEN))

    return quoted


def _reading(user: IndexUser, secret_name: str, connection: Connection) -> str:
    flags = "".join(f"{shlex.quote(flag)} " for flag in connection.flags)
    return (
        f"$(kubectl {flags}-n {user.meta.namespace} get secret {secret_name}"
        f" -o go-template='{{{{.data.{PASSWORD} | base64decode}}}}')"
    )


def _secret_name(user: IndexUser) -> str:
    name = user.status.get("secretName")
    if not name:
        raise PluginError(f"{named(user)} has no login yet: {wording.condition(user, READY)['message']}")
    if not user.has_token:
        raise PluginError(
            f"{named(user)} has no token (spec.credentials.token is false): it logs in by other means."
        )
    return str(name)


def _token_of(connection: Connection, user: IndexUser, secret_name: str) -> str:
    secret = connection.kube.get("Secret", user.meta.namespace, secret_name)
    token = decoded(secret, PASSWORD) if secret else ""
    if not tokens.is_token(token):
        raise PluginError(f"Secret {user.meta.namespace}/{secret_name} has no token now: try again in a moment.")
    return token


def _url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username:
        raise PluginError(f"{text!r} is not the address of an index: write it as https://HOST/.")
    return f"{text.rstrip('/').removesuffix('/simple')}/"
