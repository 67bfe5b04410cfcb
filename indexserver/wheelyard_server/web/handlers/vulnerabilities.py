"""The operation of the management API that asks for vulnerabilities in fetched files."""

import asyncio

import msgspec

from wheelyard_server.errors import InvalidRequestError
from wheelyard_server.web.handlers.fetches import MAX_DAYS, days_of
from wheelyard_server.web.handlers.operations import Call, Operation, Report
from wheelyard_server.web.handlers.reports import CYCLONEDX_TYPE, SARIF_TYPE, cyclonedx, sarif
from wheelyard_server.web.handlers.vulnerability_schemas import Vulnerabilities

DEFAULT_DAYS = 30
_REPORTS = {"sarif": (sarif, SARIF_TYPE), "cyclonedx": (cyclonedx, CYCLONEDX_TYPE)}


async def list_vulnerabilities(call: Call) -> Vulnerabilities | Report:
    """Show every known vulnerability in files that were fetched."""
    form, days = call.query.get("format", "json"), days_of(call, DEFAULT_DAYS)
    if form != "json" and form not in _REPORTS:
        raise InvalidRequestError("`format` must be json, sarif or cyclonedx")
    found, coverage = await call.catalog.exposures(days)
    if form == "json":
        return Vulnerabilities.of(found, coverage)
    make, content_type = _REPORTS[form]
    # Thousands of releases take longer than other requests should wait.
    return Report(await asyncio.to_thread(lambda: msgspec.json.encode(make(found))), content_type)


VULNERABILITY_OPERATIONS = (
    Operation(
        "GET",
        "/api/v1/vulnerabilities",
        "Show every known vulnerability in files that were fetched, by the number of fetches",
        list_vulnerabilities,
        Vulnerabilities,
        query={
            "days": f"files that were fetched in so many days, today included: from 1 to {MAX_DAYS}, by default"
            f" {DEFAULT_DAYS}",
            "format": "json, sarif (2.1.0), or cyclonedx (1.6), which lists everything that was fetched",
        },
        reports=(SARIF_TYPE, CYCLONEDX_TYPE),
    ),
)
