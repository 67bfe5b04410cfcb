"""The management API on the command line: `wheelyard whoami`, `projects`, `yank`, `delete` and so on."""

import argparse
import sys
from typing import Any
from urllib.parse import quote

from wheelyard_server.commands import Subparsers
from wheelyard_server.commands.api_command import add_api_command
from wheelyard_server.commands.client import Client
from wheelyard_server.commands.text import as_text, project_as_text
from wheelyard_server.model.status import Status

_ARCHIVES = (".whl", ".tar.gz", ".zip")


def add_to(commands: Subparsers) -> None:
    """Add the commands."""
    add_api_command(commands, "whoami", whoami, "show your user and permissions")
    projects_parser = add_api_command(commands, "projects", projects, "list or search projects")
    projects_parser.add_argument("words", nargs="*", metavar="WORD", help="must occur in the name or the summary")
    projects_parser.add_argument(
        "--upstream", metavar="NAME", help="those that are mirrored from this upstream; * are those of any"
    )
    projects_parser.add_argument(
        "--shadowing",
        action="store_true",
        help="those of the index's own whose name an upstream has, too; asks for each, and needs manage",
    )
    yank_parser = add_api_command(
        commands, "yank", yank, "yank a version or file: installers skip it unless it is pinned exactly"
    )
    _add_selection(yank_parser)
    yank_parser.add_argument("--reason", default="", help="installers show it")
    _add_selection(add_api_command(commands, "unyank", unyank, "undo a yank"))
    delete_parser = add_api_command(
        commands, "delete", delete, "permanently delete a file, a version or a whole project"
    )
    _add_selection(delete_parser, or_all=True)
    delete_parser.add_argument("--yes", action="store_true", help="do not ask for confirmation")
    claim_parser = add_api_command(
        commands, "claim", claim, "make the name of an upstream's project this index's own, to publish it here"
    )
    claim_parser.add_argument("project", metavar="PROJECT")
    claim_parser.add_argument("--yes", action="store_true", help="do not ask for confirmation")
    for name, action, purpose in (
        ("release", release, "give a name without files of its own back to the upstreams"),
        ("refresh", refresh, "ask the upstream for a project now, at most once a minute"),
    ):
        shown = project_as_text if action is refresh else as_text
        add_api_command(commands, name, action, purpose, shown).add_argument("project", metavar="PROJECT")
    status_parser = add_api_command(
        commands, "status", status, "set the status of a project (PEP 792)", project_as_text
    )
    status_parser.add_argument("project", metavar="PROJECT")
    status_parser.add_argument("status", choices=[str(each) for each in Status])
    status_parser.add_argument("--reason", default="", help="tools show it")


def whoami(client: Client, _arguments: argparse.Namespace) -> Any:
    """Return the user and the permissions."""
    return client.call("GET", "/whoami")


def projects(client: Client, arguments: argparse.Namespace) -> Any:
    """Return the projects of all pages."""
    query = {"q": " ".join(arguments.words)}
    if arguments.upstream is not None:
        query["upstream"] = arguments.upstream
    found = client.all_pages("/projects", query, "projects")["projects"]
    return {"projects": _shadowing(client, found) if arguments.shadowing else found}


def _shadowing(client: Client, found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return a row for each project and upstream that has its name, too."""
    rows = []
    for project in found:
        answer = client.call("GET", f"/projects/{quote(project['name'], safe='')}/shadows")
        rows += [{"name": answer["name"], "here": project["version"], **each} for each in answer["shadows"]]
    return rows


def yank(client: Client, arguments: argparse.Namespace) -> Any:
    """Yank a version or file."""
    return client.call("PUT", f"{_files(arguments)}/yank", {"reason": arguments.reason})


def unyank(client: Client, arguments: argparse.Namespace) -> Any:
    """Undo a yank."""
    return client.call("DELETE", f"{_files(arguments)}/yank")


def delete(client: Client, arguments: argparse.Namespace) -> Any:
    """Delete after a confirmation."""
    _confirm(
        arguments,
        f"Delete {arguments.project} ({arguments.what or 'the whole project'}) from {client.base}?"
        " This is permanent: the filenames can never be used for other content.",
        "nothing was deleted",
    )
    return client.call("DELETE", _files(arguments))


def claim(client: Client, arguments: argparse.Namespace) -> Any:
    """Claim a name after a confirmation."""
    _confirm(
        arguments,
        f"Claim {arguments.project} for {client.base}? Every file that an upstream has under this name is refused"
        " from then on, also to those who install it today.",
        "nothing was claimed",
    )
    return client.call("POST", f"{_project(arguments)}/claim")


def release(client: Client, arguments: argparse.Namespace) -> Any:
    """Give a name back to the upstreams."""
    return client.call("POST", f"{_project(arguments)}/release")


def refresh(client: Client, arguments: argparse.Namespace) -> Any:
    """Ask the upstream for a project, and return the project."""
    return client.call("POST", f"{_project(arguments)}/refresh")


def status(client: Client, arguments: argparse.Namespace) -> Any:
    """Set the status of a project."""
    body = {"status": arguments.status, "reason": arguments.reason}
    return client.call("PUT", f"{_project(arguments)}/status", body)


def _add_selection(parser: argparse.ArgumentParser, *, or_all: bool = False) -> None:
    purpose = "a version, or the name of a file" + ("; the whole project if it is missing" if or_all else "")
    parser.add_argument("project", metavar="PROJECT")
    parser.add_argument("what", nargs="?" if or_all else None, metavar="VERSION|FILE", help=purpose)


def _confirm(arguments: argparse.Namespace, question: str, otherwise: str) -> None:
    """End the command unless the user confirms it."""
    if arguments.yes:
        return
    text = f"{question} Type the project's name to confirm: "
    print(text, end="", file=sys.stderr, flush=True)  # noqa: T201 - a question to the user
    if sys.stdin.readline().strip() != arguments.project:
        sys.exit(f"wheelyard: {otherwise}")


def _project(arguments: argparse.Namespace) -> str:
    return f"/projects/{quote(arguments.project, safe='')}"


def _files(arguments: argparse.Namespace) -> str:
    path = _project(arguments)
    if arguments.what is None:
        return path
    kind = "files" if arguments.what.endswith(_ARCHIVES) else "versions"
    return f"{path}/{kind}/{quote(arguments.what, safe='')}"
