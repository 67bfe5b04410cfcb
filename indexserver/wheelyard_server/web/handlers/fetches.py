"""The operations of the management API that ask the fetch log."""

import re

from wheelyard_server.errors import InvalidRequestError
from wheelyard_server.names import parse_project_name, parse_version
from wheelyard_server.settings import MAX_FETCH_LOG_DAYS
from wheelyard_server.web.handlers.fetch_schemas import Fetches, ProjectStatistics
from wheelyard_server.web.handlers.operations import Call, Operation

MAX_DAYS = MAX_FETCH_LOG_DAYS + 1
"""All that are kept, and today."""
DEFAULT_DAYS = 90
STATISTICS_DAYS = 30
_SHA256 = re.compile(r"[0-9a-f]{64}")


async def list_fetches(call: Call) -> Fetches:
    """Show who fetched the file with a digest, or files of a project."""
    days, sha256 = days_of(call, DEFAULT_DAYS), call.query.get("sha256", "").lower()
    project, version = call.query.get("project", ""), call.query.get("version", "")
    if bool(sha256) is bool(project) or (version and not project):
        raise InvalidRequestError("Ask for `sha256`, or for `project` with or without `version`")
    if project:
        wanted = str(parse_version(version)) if version else ""
        return Fetches.of(*await call.catalog.who_fetched_project(parse_project_name(project), wanted, days))
    if not _SHA256.fullmatch(sha256):
        raise InvalidRequestError("`sha256` must be 64 hexadecimal digits")
    return Fetches.of(*await call.catalog.who_fetched_digest(sha256, days))


async def get_statistics(call: Call) -> ProjectStatistics:
    """Show how often a project was fetched."""
    name = parse_project_name(call.path["project"])
    return ProjectStatistics.of(*await call.catalog.statistics(name, days_of(call, STATISTICS_DAYS)))


def days_of(call: Call, default: int) -> int:
    """Return the `days` of a query; raise `InvalidRequestError`."""
    return call.number("days", MAX_DAYS, default)


FETCH_OPERATIONS = (
    Operation(
        "GET",
        "/api/v1/fetches",
        "Show who fetched a file, a version or a project",
        list_fetches,
        Fetches,
        query={
            "sha256": "the digest of the file, in hex; of projects that you may not manage, nothing is shown",
            "project": "the project; needs the permission to manage it",
            "version": "one version of the project",
            "days": f"the number of days, today included: from 1 to {MAX_DAYS}, by default {DEFAULT_DAYS}",
        },
    ),
    Operation(
        "GET",
        "/api/v1/projects/{project}/statistics",
        "Show how often a project was fetched, by version, client and day",
        get_statistics,
        ProjectStatistics,
        query={"days": f"the number of days, today included: from 1 to {MAX_DAYS}, by default {STATISTICS_DAYS}"},
    ),
)
