"""The one place where errors become statuses.

The reason phrase is written for people: twine and poetry show it. uv asks for JSON and shows its `code`. The
management API answers with problem details, RFC 9457.
"""

import logging
from collections.abc import Mapping
from http import HTTPStatus

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler

from wheelyard_server import errors
from wheelyard_server.web import request_ids

log = logging.getLogger(__name__)

_STATUS: dict[type[errors.WheelyardError], int] = {
    errors.InvalidRequestError: 400,
    errors.InvalidUploadError: 400,
    errors.FilenameDeletedError: 400,
    errors.UnauthenticatedError: 401,
    errors.ForbiddenError: 403,
    errors.ProjectClosedError: 403,
    errors.NotFoundError: 404,
    errors.FileExistsWithOtherContentError: 409,
    errors.FileTooLargeError: 413,
    errors.TooManyAttemptsError: 429,
    errors.BusyError: 503,
    errors.UnsafeStorageError: 503,
}
_API = "/api/"
_RETRY_AFTER_SECONDS = 5
_REASON_LENGTH = 300
_DETAIL_LENGTH = 1000


@web.middleware
async def errors_as_responses(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer every error of ours with its status; an answer that has begun is cut off instead."""
    try:
        return await handler(request)
    except web.HTTPError as error:
        if not request.path.startswith(_API):
            raise
        allowed = {"Allow": error.headers[hdrs.ALLOW]} if hdrs.ALLOW in error.headers else {}
        return _problem(error.status, (error.text or error.reason).strip(), allowed)
    except ConnectionError:
        # Nobody is there to read it; the access log tells it from a request that was served.
        return web.Response(status=400, text="The connection ended before the request did\n")
    except errors.StorageError as error:
        log.error("%s %s: %s", request.method, request.path, error)  # noqa: TRY400 - the reason is all there is
        return _response(request, 503, "The storage does not answer, try again")
    except errors.WheelyardError as error:
        status = status_of(error)
        log.info("%s %s refused with %d: %.1000s", request.method, request.path, status, error)
        wait = error.seconds if isinstance(error, errors.TooManyAttemptsError) else _RETRY_AFTER_SECONDS
        return _response(request, status, str(error), wait)


def status_of(error: BaseException) -> int:
    """Return the status that an error becomes."""
    if isinstance(error, web.HTTPException):
        return error.status
    if isinstance(error, ConnectionError):
        return 400
    if isinstance(error, errors.StorageError):
        return 503
    return next((status for each, status in _STATUS.items() if isinstance(error, each)), 500)


def _response(
    request: web.Request, status: int, message: str, retry_after: int = _RETRY_AFTER_SECONDS
) -> web.Response:
    # What came from outside must not end the header line early, nor leave its character set.
    reason = "".join(char if " " <= char <= "~" else "?" for char in message[:_REASON_LENGTH])
    headers = {}
    if status == 401:
        headers["WWW-Authenticate"] = 'Basic realm="Wheelyard"'
    if status in (429, 503):
        headers["Retry-After"] = str(retry_after)
    if request.path.startswith(_API):
        return _problem(status, message, headers)
    # uv reads an application/problem+json of an upload as final, so the upload API has a form of its own.
    if "json" in request.headers.get("Accept", ""):
        body = {"code": reason, "message": reason, "title": reason}
        return web.json_response(body, status=status, reason=reason, headers=headers)
    return web.Response(text=f"{reason}\n", status=status, reason=reason, headers=headers)


def _problem(status: int, detail: str, headers: Mapping[str, str]) -> web.Response:
    """Return problem details, RFC 9457."""
    # `instance` would have to be a URI, and what a proxy calls a request is none.
    body = {
        "status": status,
        "title": HTTPStatus(status).phrase,
        "detail": detail[:_DETAIL_LENGTH],
        "requestId": request_ids.current(),
    }
    return web.json_response(body, status=status, headers=headers, content_type="application/problem+json")
