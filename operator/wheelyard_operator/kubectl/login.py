"""`kubectl wheelyard login`: prints commands of pip, uv and twine that use an index as a user."""

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
from wheelyard_operator.kubectl.annotations import display_name
from wheelyard_operator.kubectl.connection import Connection
from wheelyard_operator.kubectl.errors import PluginError
from wheelyard_operator.kubectl.targets import find_user
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
_TOKEN = "~token~"  # noqa: S105 - a placeholder for the token; no other value has it


def add_to(verbs: Any) -> Iterator[argparse.ArgumentParser]:
    """Add the command."""
    parser = verbs.add_parser(
        "login",
        help="print commands of pip, uv and twine that use an index as a user",
        description="Print commands of pip, uv and twine that use an index as a user. They contain the user's"
        " token, except with --hide-token.",
    )
    parser.add_argument("user", metavar="USER", help="the name of the IndexUser")
    parser.add_argument(
        "--for",
        dest="tool",
        choices=["all", *_COMMANDS, "env"],
        default="all",
        help="a tool, or env for exports (default: all tools)",
    )
    parser.add_argument(
        "--url", metavar="URL", help="the URL at which you reach the index (default: within the cluster)"
    )
    parser.add_argument(
        "--hide-token", action="store_true", help="print commands that read the token with kubectl when they run"
    )
    parser.add_argument("-o", "--output", choices=["json"], help="print the environment variables as a JSON object")
    parser.set_defaults(run=run)
    return iter((parser,))


def run(arguments: argparse.Namespace, connection: Connection, terminal: Terminal) -> int:
    """Print the commands, with the token or with a command that reads it."""
    if arguments.hide_token and arguments.output:
        raise PluginError("--hide-token needs a shell, which fills in the token: remove --hide-token or -o json.")
    user = find_user(connection, arguments.user)
    secret_name = secret_name_of(user)
    url = index_url(arguments.url or str(user.status.get("url", "")))
    if arguments.hide_token:
        token, token_command = _TOKEN, _token_command(user, secret_name, connection)
    else:
        token, token_command = read_token(connection, user, secret_name), ""
        terminal.note(f"The output contains the token of {user.username}: anyone who reads it can log in.")
    ready = wording.condition(user, READY)
    if ready["status"] != "True":
        terminal.note(f"The login may not work now: {ready['message']}")
    if not arguments.url:
        terminal.note("The URL is the one within the cluster; --url sets another one.")
    variables = {
        name: value for name, value in login_variables(url, user.username, token).items() if name.isupper()
    }
    if arguments.output:
        terminal.json(variables)
        return 0
    for line in shell_lines(variables, arguments.tool, _quote_with(token_command)):
        terminal.line(line)
    return 0


def shell_lines(variables: Mapping[str, str], tool: str, quote: Callable[[str], str]) -> Iterator[str]:
    """Yield lines for a shell: commands of one tool or of `all`, or exports for `eval` (`env`)."""
    if tool == "env":
        yield from (f"export {name}={quote(value)}" for name, value in variables.items())
        return
    for each in _COMMANDS if tool == "all" else (tool,):
        for names, command in _COMMANDS[each]:
            # In the environment, not in the arguments, which other users of the machine can see.
            present = (name for name in names if name in variables)
            yield " ".join([*(f"{name}={quote(variables[name])}" for name in present), command])


def _quote_with(token_command: str) -> Callable[[str], str]:
    """Return a function that quotes a value for a shell.

    In place of a hidden token the shell runs `token_command`.
    """

    def quote(value: str) -> str:
        return f'"{token_command}"'.join(shlex.quote(part) if part else "" for part in value.split(_TOKEN))

    return quote


def _token_command(user: IndexUser, secret_name: str, connection: Connection) -> str:
    flags = "".join(f"{shlex.quote(flag)} " for flag in connection.flags)
    return (
        f"$(kubectl {flags}-n {user.meta.namespace} get secret {secret_name}"
        f" -o go-template='{{{{.data.{PASSWORD} | base64decode}}}}')"
    )


def secret_name_of(user: IndexUser) -> str:
    """Return the name of the Secret with the user's token; raise PluginError if it has no token."""
    name = user.status.get("secretName")
    if not name:
        raise PluginError(f"{display_name(user)} has no login yet: {wording.condition(user, READY)['message']}")
    if not user.has_token:
        raise PluginError(
            f"{display_name(user)} has no token (spec.credentials.token is false): it logs in without one."
        )
    return str(name)


def read_token(connection: Connection, user: IndexUser, secret_name: str) -> str:
    """Return the token in a user's Secret; raise PluginError."""
    secret = connection.kube.get("Secret", user.meta.namespace, secret_name)
    token = decoded(secret, PASSWORD) if secret else ""
    if not tokens.is_token(token):
        raise PluginError(f"Secret {user.meta.namespace}/{secret_name} has no token at the moment: try again.")
    return token


def index_url(text: str) -> str:
    """Return the URL of an index with a trailing slash and without /simple; raise PluginError."""
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username:
        raise PluginError(f"{text!r} is not the URL of an index: write it as https://HOST/.")
    return f"{text.rstrip('/').removesuffix('/simple')}/"
