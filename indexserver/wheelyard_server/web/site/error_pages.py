"""Errors of pages for people are pages, too, and a missing login leads to the login page."""

from http import HTTPStatus
from urllib.parse import urlencode

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler

from wheelyard_server.errors import SessionOverError, StorageError, UnauthenticatedError, WheelyardError
from wheelyard_server.web.error_statuses import status_of
from wheelyard_server.web.http import request_ids
from wheelyard_server.web.http.redirects import relative
from wheelyard_server.web.site.site import SITE

LOGIN = "/login/"
SINGLE_SIGN_ON = "/login/oidc/"
_MAX_SENTENCE_LENGTH = 1000
_STORAGE_FAILS = "The storage does not answer: try again in a moment"
PAGES = web.AppKey("pages", frozenset)
"""The handlers of pages for people."""


@web.middleware
async def errors_as_pages(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer an error of a page for people with a page; it belongs inside `errors_as_responses`."""
    if request.match_info.handler not in request.app[PAGES]:
        return await handler(request)
    try:
        return await handler(request)
    except SessionOverError:
        return _to_renewal(request)
    except UnauthenticatedError:
        return to_login(request)
    except WheelyardError as error:
        return await error_page(request, error)


def to_login(request: web.Request) -> web.Response:
    """Return the redirect to the login page, which leads back."""
    is_page = request.method in (hdrs.METH_GET, hdrs.METH_HEAD)
    location = login_url(request, request.path_qs) if is_page else relative(request, LOGIN)
    # Neither a challenge of HTTP nor a status that browsers answer with a login of their own.
    return web.Response(status=HTTPStatus.SEE_OTHER, headers={hdrs.LOCATION: location})


def _to_renewal(request: web.Request) -> web.Response:
    """Return the redirect that renews a session: the provider shows nothing, and leads back."""
    if request.method not in (hdrs.METH_GET, hdrs.METH_HEAD):
        return to_login(request)
    query = urlencode({"silent": "", "next": request.path_qs})
    location = f"{relative(request, SINGLE_SIGN_ON)}?{query}"
    return web.Response(status=HTTPStatus.SEE_OTHER, headers={hdrs.LOCATION: location})


def login_url(request: web.Request, next_path: str) -> str:
    """Return the reference to the login page, which leads to a path of this index."""
    return f"{relative(request, LOGIN)}?{urlencode({'next': next_path})}"


async def error_page(request: web.Request, error: WheelyardError) -> web.Response:
    """Return the page of an error."""
    status = HTTPStatus(status_of(error))
    sentence = _STORAGE_FAILS if isinstance(error, StorageError) else str(error)[:_MAX_SENTENCE_LENGTH]
    return await request.app[SITE].page(
        request, "error.html", status, title=status.phrase, sentence=sentence, request_id=request_ids.current()
    )
