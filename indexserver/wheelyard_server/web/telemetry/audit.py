"""The audit log: one line for every attempt to write, and one for every refusal."""

import logging
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Handler

from wheelyard_server.access.audit import AuditOutcome, AuditRecord, AuditVerb
from wheelyard_server.access.rules import ANONYMOUS
from wheelyard_server.errors import RefusedFileError
from wheelyard_server.web.context import RECORD, listener_of
from wheelyard_server.web.error_statuses import status_of
from wheelyard_server.web.http.proxies import client_of

log = logging.getLogger("audit")

_REFUSALS = (401, 403, 422, 429)
"""No login, no permission, no trust in the CI token, or too many wrong passwords."""

_CLAIMED_LENGTH = 200
_MAX_REASON_LENGTH = 1000


@web.middleware
async def audit_requests(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Keep the record of a request, and write its line before the answer is sent.

    It must see the errors themselves, so it belongs inside `errors_as_responses`.
    """
    record = request[RECORD] = AuditRecord()
    try:
        response = await handler(request)
    except BaseException as error:
        record.fail(error)
        if not (isinstance(error, RefusedFileError) and record.verb is AuditVerb.READ):
            # `Decisions` logs a line an hour, also for a file that a thousand jobs ask for.
            _conclude(request, record, status_of(error))
        raise
    _conclude(request, record, response.status)
    return response


def _conclude(request: web.Request, record: AuditRecord, status: int) -> None:
    record.outcome = _outcome(record, status)
    if record.outcome is not None:
        fields = _fields(request, record, status)
        log.info("%s %s", record.verb, record.outcome, extra={"fields": fields})


def _outcome(record: AuditRecord, status: int) -> AuditOutcome | None:
    if status in _REFUSALS or record.hidden:
        return AuditOutcome.REFUSED
    if record.verb is AuditVerb.READ:
        return None
    return AuditOutcome.DONE if status < 400 else AuditOutcome.FAILED


def _fields(request: web.Request, record: AuditRecord, status: int) -> dict[str, Any]:
    """Return the known ones of the fields that docs/operations.md describes."""
    fields = {
        "verb": record.verb,
        "outcome": record.outcome,
        "status": status,
        "user": str(record.principal or ANONYMOUS),
        "claimed": record.presented_user[:_CLAIMED_LENGTH],
        "method": record.method,
        "project": record.project,
        "files": record.files,
        "sha256": record.sha256,
        "client": client_of(request),
        "listener": listener_of(request),
        "reason": record.reason[:_MAX_REASON_LENGTH],
    }
    return {name: value for name, value in fields.items() if value}
