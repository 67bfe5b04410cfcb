"""The one place where errors become statuses.

Every refusal is problem details (RFC 9457), whose `detail` is the reason phrase as well: twine, poetry and pip show
the phrase, uv the details, if the media type is exactly theirs.
"""

import logging
from collections.abc import Mapping
from http import HTTPStatus
from types import MappingProxyType
from typing import Any

import msgspec
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
    errors.RegistrationError: 410,
    errors.FileTooLargeError: 413,
    errors.TooManyAttemptsError: 429,
    errors.BusyError: 503,
    errors.UnsafeStorageError: 503,
}
PROBLEM = "application/problem+json"
_RETRY_AFTER_SECONDS = 5
_REASON_LENGTH = 300
_DETAIL_LENGTH = 1000
_NOTHING: Mapping[str, Any] = MappingProxyType({})
_OF_THE_BODY = {hdrs.CONTENT_TYPE, hdrs.CONTENT_LENGTH}


@web.middleware
async def errors_as_responses(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer every error of ours with its status; an answer that has begun is cut off instead."""
    try:
        return await handler(request)
    except ConnectionError:
        # Nobody is there to read it; the access log tells it from a request that was served.
        return problem(400, "The connection ended before the request did")
    except errors.StorageError as error:
        log.error("%s %s: %s", request.method, request.path, error)  # noqa: TRY400 - the reason is all there is
        return _response(503, "The storage does not answer, try again")
    except errors.WheelyardError as error:
        status = status_of(error)
        log.info("%s %s refused with %d: %.1000s", request.method, request.path, status, error)
        wait = error.seconds if isinstance(error, errors.TooManyAttemptsError) else _RETRY_AFTER_SECONDS
        return _response(status, str(error), wait)


def status_of(error: BaseException) -> int:
    """Return the status that an error becomes."""
    if isinstance(error, web.HTTPException):
        return error.status
    if isinstance(error, ConnectionError):
        return 400
    if isinstance(error, errors.StorageError):
        return 503
    return next((status for each, status in _STATUS.items() if isinstance(error, each)), 500)


def _response(status: int, message: str, retry_after: int = _RETRY_AFTER_SECONDS) -> web.Response:
    headers = {}
    if status == 401:
        # PyPI's realm: distutils has a login for no other one.
        headers["WWW-Authenticate"] = 'Basic realm="pypi"'
    if status in (429, 503):
        headers["Retry-After"] = str(retry_after)
    return problem(status, message, headers)


def as_problem(error: web.HTTPError) -> web.Response:
    """Return what aiohttp or a handler refuses with an exception of aiohttp's, with the headers that it has."""
    headers = {name: value for name, value in error.headers.items() if name not in _OF_THE_BODY}
    return problem(error.status, _sentence(error), headers)


def _sentence(error: web.HTTPError) -> str:
    text = (error.text or "").strip()
    if text != f"{error.status}: {error.reason}":
        return text
    match error:
        case web.HTTPNotFound():
            return "There is nothing at this path"
        case web.HTTPMethodNotAllowed():
            return f"This path does not accept {error.method}, only {', '.join(sorted(error.allowed_methods))}"
        case _:
            return error.reason


def problem(
    status: int, sentence: str, headers: Mapping[str, str] = _NOTHING, more: Mapping[str, Any] = _NOTHING
) -> web.Response:
    """Return a refusal: problem details (RFC 9457) with `more` members, and the same sentence as reason phrase."""
    # What came from outside must not end the header line early, nor leave its character set.
    reason = "".join(char if " " <= char <= "~" else "?" for char in sentence[:_REASON_LENGTH])
    # `instance` would have to be a URI, and what a proxy calls a request is none.
    body = {
        "status": status,
        "title": HTTPStatus(status).phrase,
        "detail": sentence[:_DETAIL_LENGTH].encode(errors="replace").decode(),
        "requestId": request_ids.current(),
        **more,
    }
    typed = {**headers, hdrs.CONTENT_TYPE: PROBLEM}
    return web.Response(body=msgspec.json.encode(body), status=status, reason=reason, headers=typed)
