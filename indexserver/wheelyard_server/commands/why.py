"""`wheelyard why`: which files of a project an index offers, and why not the others."""

import argparse
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

from wheelyard_server.commands import Subparsers
from wheelyard_server.commands.api_command import add_api_command
from wheelyard_server.commands.client import Client
from wheelyard_server.commands.releases import project_and_version


def add_to(commands: Subparsers) -> None:
    """Add the command."""
    parser = add_api_command(commands, "why", why, "explain which files are offered, and why not the others", shown)
    parser.add_argument("what", metavar="PROJECT[==VERSION]")


def why(client: Client, arguments: argparse.Namespace) -> Any:
    """Return the decisions about all files of a project or version."""
    project, version = project_and_version(arguments.what)
    query = {"version": version} if version else {}
    return client.all_pages(f"/projects/{quote(project, safe='')}/decisions", query, "files")


def shown(answer: Any) -> str:
    """Return the decisions for people: files to which no rule objects are only counted."""
    return "\n".join(_lines(answer))


def _lines(answer: Any) -> Iterator[str]:
    upstream = answer["upstream"]
    yield f"{answer['name']}{f', mirrored from {upstream}' if upstream else ''}"
    if not answer["onName"]["served"]:
        yield f"The name has no page. {answer['onName']['reason']}"
    remarkable = [file for file in answer["files"] if file["objections"] or not file["verdict"]["listed"]]
    for file in remarkable:
        yield f"{file['filename']}: {_state(file['verdict'])}"
        yield from (f"  {line}" for line in _reasons(file))
    others = len(answer["files"]) - len(remarkable)
    if others or not answer["files"]:
        yield _others(others, "other " if remarkable else "")
    yield from answer["notes"]


def _others(number: int, other: str) -> str:
    if number == 1:
        return f"1 {other}file is offered, and no rule objects to it."
    return f"{number} {other}files are offered, and no rule objects to them." if number else "No file is known."


def _state(verdict: Any) -> str:
    end = f" until {verdict['until']}" if verdict["until"] else ""
    if not verdict["served"]:
        return f"refused by {verdict['rule']}{end}"
    return f"offered{end}" if verdict["listed"] else f"not on the page ({verdict['rule']}), but its URL works"


def _reasons(file: Any) -> Iterator[str]:
    for objection in file["objections"]:
        ids = f" [{', '.join(objection['advisories'])}]" if objection["advisories"] else ""
        only = " (only reported)" if objection["action"] == "Report" else ""
        yield f"{objection['rule']}{only}: {objection['reason']}{ids}"
        exception = objection["exception"]
        if exception is not None:
            by = f", approved by {exception['approvedBy']}" if exception["approvedBy"] else ""
            source = f", from {exception['source']}" if exception["source"] else ""
            yield f"  excepted until {exception['until']}: {exception['reason']}{by}{source}"
    if not file["objections"] and file["verdict"]["reason"]:
        yield file["verdict"]["reason"]
