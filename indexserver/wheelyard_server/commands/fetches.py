"""`wheelyard fetched` and `wheelyard statistics`: the fetch log on the command line."""

import argparse
import re
from typing import Any
from urllib.parse import quote, urlencode

from wheelyard_server.commands import Subparsers
from wheelyard_server.commands.api_command import add_api_command
from wheelyard_server.commands.client import Client
from wheelyard_server.commands.releases import project_and_version
from wheelyard_server.commands.text import counted, table

_SHA256 = re.compile(r"(?:sha256:)?([0-9a-fA-F]{64})")
_COLUMNS = ("user", "workload", "address", "client", "filename", "fetches", "first", "last")


def add_to(commands: Subparsers) -> None:
    """Add the commands."""
    parser = add_api_command(commands, "fetched", fetched, "show who fetched a file, a version or a project", shown)
    parser.add_argument("what", metavar="SHA256|PROJECT[==VERSION]")
    _add_days(parser, 90)
    parser = add_api_command(
        commands, "statistics", statistics, "show how often a project was fetched", statistics_as_text
    )
    parser.add_argument("project", metavar="PROJECT")
    _add_days(parser, 30)


def fetched(client: Client, arguments: argparse.Namespace) -> Any:
    """Return who fetched a file, a version or a project."""
    return client.call("GET", f"/fetches?{urlencode({**_query(arguments.what), 'days': arguments.days})}")


def _query(what: str) -> dict[str, str]:
    digest = _SHA256.fullmatch(what)
    if digest:
        return {"sha256": digest[1]}
    project, version = project_and_version(what)
    return {"project": project, "version": version} if version else {"project": project}


def statistics(client: Client, arguments: argparse.Namespace) -> Any:
    """Return the statistics of a project."""
    return client.call("GET", f"/projects/{quote(arguments.project, safe='')}/statistics?days={arguments.days}")


def shown(answer: Any) -> str:
    """Return who fetched what as a table, with what the answer cannot know below it."""
    rows = [{**row, "user": row["user"] or _anonymous(row)} for row in answer["fetches"]]
    head = table(_COLUMNS, rows) if rows else "No fetch is recorded."
    return "\n".join([head, "", *coverage_as_text(answer["coverage"])])


def statistics_as_text(answer: Any) -> str:
    """Return the statistics of a project as tables."""
    parts = [
        f"{answer['name']}: {counted(answer['fetches'], 'fetch', 'fetches')}",
        table(("version", "fetches", "last"), answer["versions"]),
        table(("client", "fetches"), answer["clients"]),
        table(("day", "version", "client", "fetches"), answer["days"]),
        "\n".join(coverage_as_text(answer["coverage"])),
    ]
    return "\n\n".join(filter(None, parts))


def coverage_as_text(coverage: Any) -> list[str]:
    """Return lines about what an answer is based on, and what it cannot know."""
    since = f"recorded since {coverage['since']}" if coverage["since"] else "nothing is recorded"
    numbers = {**coverage, "damaged": len(coverage["damaged"])}
    kept = counted(coverage["keptDays"], "day is", "days are")
    return [
        f"{counted(coverage['days'], 'day', 'days')}, {since}; {kept} kept.",
        *(f"{counted(numbers[name], one, many)} {rest}." for name, one, many, rest in _WARNINGS if numbers[name]),
        *coverage["notes"],
    ]


_TOO_MANY = "there were too many"
_WARNINGS = (
    ("omitted", "fetch is", "fetches are", "omitted: ask for fewer days, or for one version"),
    ("coarse", "fetch is", "fetches are", f"counted by network, or without the client: {_TOO_MANY}"),
    ("dropped", "fetch, of any file, is", "fetches, of any file, are", f"not attributed: {_TOO_MANY}"),
    (
        "killedServers",
        "server was killed: up to a minute of its",
        "servers were killed: up to a minute of their",
        "fetches may be missing",
    ),
    ("damaged", "part of the log is", "parts of the log are", "damaged: run `wheelyard verify`"),
)
"""A number of the coverage, the words for one and for more, and the rest of the sentence."""


def _anonymous(row: Any) -> str:
    return "(others)" if row["method"] == "other" else "(anonymous)"


def _add_days(parser: argparse.ArgumentParser, default: int) -> None:
    parser.add_argument(
        "--days", type=int, default=default, metavar="N", help="today and the days before it (default: %(default)s)"
    )
