"""The status of each of our own errors, and the middleware that answers with it."""

import logging

from aiohttp import web
from aiohttp.typedefs import Handler

from wheelyard_server import errors
from wheelyard_server.web.http.problem_details import problem

log = logging.getLogger(__name__)

_STATUS: dict[type[errors.WheelyardError], int] = {
    errors.InvalidRequestError: 400,
    errors.InvalidUploadError: 400,
    errors.SignOnError: 400,
    errors.FilenameDeletedError: 400,
    errors.UnauthenticatedError: 401,
    errors.ForbiddenError: 403,
    errors.ProjectClosedError: 403,
    errors.RefusedFileError: 403,
    errors.NotFoundError: 404,
    errors.UpstreamFileMissingError: 404,
    errors.FileExistsWithOtherContentError: 409,
    errors.NameOwnedError: 409,
    errors.NothingWaitsError: 409,
    errors.RegistrationError: 410,
    errors.FileTooLargeError: 413,
    errors.InvalidPublisherError: 422,
    errors.TooManyAttemptsError: 429,
    errors.TooManyNewNamesError: 429,
    errors.RefreshedLatelyError: 429,
    errors.ProviderError: 502,
    errors.UpstreamAnswerError: 502,
    errors.BusyError: 503,
    errors.UnsafeStorageError: 503,
    errors.UpstreamUnavailableError: 503,
}
"""By type: the first that fits counts. No failure of an upstream but a missing file is a 404: pip and uv
take a 404 for "not here" and ask their next index."""
_RETRY_AFTER_SECONDS = 5
_WithSeconds = (
    errors.TooManyAttemptsError
    | errors.TooManyNewNamesError
    | errors.RefreshedLatelyError
    | errors.UpstreamUnavailableError
)
"""Errors that say when a client may try again."""


@web.middleware
async def errors_as_responses(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer each of our own errors with its status; an answer that has begun is cut off instead."""
    try:
        return await handler(request)
    except ConnectionError:
        # No client is there to read it, but in the access log it differs from a request that was
        # served.
        return problem(400, "The connection ended before the request did")
    except errors.StorageError as error:
        log.error("%s %s: %s", request.method, request.path, error)  # noqa: TRY400 - the reason is all there is
        return _response(503, "The storage does not answer: try again")
    except errors.WheelyardError as error:
        status = status_of(error)
        if not isinstance(error, errors.RefusedFileError):  # See `Decisions`.
            log.info("%s %s refused with %d: %.1000s", request.method, request.path, status, error)
        wait = error.seconds if isinstance(error, _WithSeconds) else _RETRY_AFTER_SECONDS
        more = _refusal(error.refusal) if isinstance(error, errors.RefusedFileError) else {}
        return _response(status, str(error), wait, **more)


def status_of(error: BaseException) -> int:
    """Return the status of the answer to an error."""
    if isinstance(error, web.HTTPException):
        return error.status
    if isinstance(error, ConnectionError):
        return 400
    if isinstance(error, errors.StorageError):
        return 503
    return next((status for each, status in _STATUS.items() if isinstance(error, each)), 500)


def _refusal(refusal: errors.Refusal) -> dict[str, object]:
    """Return the members of problem details that are for programs."""
    members = {"rule": refusal.rule, "until": refusal.until, "advisories": refusal.advisories}
    return {name: value for name, value in members.items() if value}


def _response(status: int, message: str, retry_after: int = _RETRY_AFTER_SECONDS, **more: object) -> web.Response:
    headers = {}
    if status == 401:
        # PyPI's realm: distutils has a login for no other.
        headers["WWW-Authenticate"] = 'Basic realm="pypi"'
    if status in (429, 503):
        headers["Retry-After"] = str(retry_after)
    return problem(status, message, headers, more)
