"""`wheelyard vulnerabilities`: known vulnerabilities in files that clients fetched."""

import argparse
import json
import os
from typing import Any

from wheelyard_server.commands import Subparsers, sentence
from wheelyard_server.commands.api_command import add_index_url
from wheelyard_server.commands.client import Client, connect
from wheelyard_server.commands.fetches import coverage_as_text
from wheelyard_server.commands.text import counted, table

_PURPOSE = "show every known vulnerability in files that were fetched, by the number of fetches"
_COLUMNS = ("fetches", "severity", "project", "version", "id", "fixed", "summary")
_MAX_SUMMARY_LENGTH = 80


def add_to(commands: Subparsers) -> None:
    """Add the command."""
    parser = commands.add_parser("vulnerabilities", help=_PURPOSE, description=sentence(_PURPOSE))
    parser.add_argument(
        "--days", type=int, default=30, metavar="N", help="files that were fetched in so many days (default: 30)"
    )
    parser.add_argument(
        "--format",
        choices=("table", "json", "sarif", "cyclonedx"),
        default="table",
        help="cyclonedx lists everything that was fetched (default: table)",
    )
    add_index_url(parser)
    parser.add_argument(
        "--json", dest="format", action="store_const", const="json", help="the same as --format json"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print the answer."""
    answer = vulnerabilities(connect(arguments.index_url, os.environ), arguments)
    print(shown(answer) if arguments.format == "table" else json.dumps(answer))  # noqa: T201 - the command's output
    return 0


def vulnerabilities(client: Client, arguments: argparse.Namespace) -> Any:
    """Return the answer in the format."""
    form = "json" if arguments.format == "table" else arguments.format
    return client.call("GET", f"/vulnerabilities?days={arguments.days}&format={form}")


def shown(answer: Any) -> str:
    """Return the vulnerabilities as a table, with what the answer cannot know below it."""
    rows = [_row(each) for each in answer["vulnerabilities"]]
    none = f"No known vulnerability in {counted(answer['releases'], 'fetched release', 'fetched releases')}."
    parts = [table(_COLUMNS, rows) if rows else none]
    if not answer["areAdvisoriesKnown"]:
        parts = ["This index has no advisories yet, so no vulnerability can be found."]
    if answer["omitted"] or answer["omittedProjects"]:
        omitted = counted(answer["omitted"], "vulnerability", "vulnerabilities")
        projects = counted(answer["omittedProjects"], "project", "projects")
        parts.append(f"Left out: {omitted} and {projects}.")
    return "\n\n".join([*parts, "\n".join(coverage_as_text(answer["coverage"]))])


def _row(vulnerability: Any) -> dict[str, Any]:
    severity = "Malware" if vulnerability["isMalware"] else vulnerability["severity"]
    fixed, summary = ", ".join(vulnerability["fixed"]), vulnerability["summary"][:_MAX_SUMMARY_LENGTH]
    return {**vulnerability, "severity": severity, "fixed": fixed, "summary": summary}
