"""`/login/` and `/logout/`: sessions of people at the pages."""

from http import HTTPStatus

from aiohttp import hdrs, web

from wheelyard_server.access.audit import AuditVerb
from wheelyard_server.access.sessions import LIFETIME
from wheelyard_server.errors import BusyError, InvalidRequestError, LoginError, WheelyardError
from wheelyard_server.web.context import CATALOG_ACCESS, RECORD
from wheelyard_server.web.error_statuses import status_of
from wheelyard_server.web.http.headers import NO_STORE
from wheelyard_server.web.http.proxies import client_of
from wheelyard_server.web.http.redirects import relative
from wheelyard_server.web.site.cookies import Cookie, SameSite, cookie_name, delete_cookie, set_cookie
from wheelyard_server.web.site.forms import anonymous_form, own_form
from wheelyard_server.web.site.next_paths import next_path
from wheelyard_server.web.site.site import SITE
from wheelyard_server.web.site.visitors import SESSION

LOGOUT = "/logout/"
_CLOSED = (
    "This index has no keys of sessions, so its pages have no logins. Those who run it can write a sessions file"
)


async def login_page(request: web.Request) -> web.Response:
    """Show the form."""
    return await _form(request, next_path(request.query.get("next", "/")))


async def log_in(request: web.Request) -> web.Response:
    """Begin a session, and lead back to where the visitor wanted to go."""
    request[RECORD].verb = AuditVerb.LOGIN
    fields = await anonymous_form(request)
    name, access = cookie_name(request, SESSION), request.app[CATALOG_ACCESS]
    if not access.sessions.is_open:
        raise InvalidRequestError(_CLOSED)
    wanted, user = next_path(fields.get("next", "/")), fields.get("user", "").strip()
    try:
        cookie = await access.log_in(user, fields.get("secret", "").strip(), client_of(request), request[RECORD])
    except (LoginError, BusyError) as error:
        page = await _form(request, wanted, user, error)
        # The page itself is for an anonymous visitor.
        request[RECORD].fail(error)
        return page
    response = _to(request, wanted)
    set_cookie(request, response, Cookie(name, cookie, int(LIFETIME.total_seconds()), SameSite.STRICT))
    return response


async def log_out(request: web.Request) -> web.Response:
    """End the session of this browser."""
    request[RECORD].verb = AuditVerb.LOGOUT
    await own_form(request, LOGOUT)
    response = _to(request, "/")
    delete_cookie(request, response, cookie_name(request, SESSION))
    return response


async def _form(
    request: web.Request, wanted: str, user: str = "", error: WheelyardError | None = None
) -> web.Response:
    status = HTTPStatus.OK if error is None else HTTPStatus(status_of(error))
    sessions = request.app[CATALOG_ACCESS].sessions
    return await request.app[SITE].page(
        request,
        "login.html",
        # A 401 has a challenge of HTTP (RFC 9110, section 15.5.2), which pages never send.
        HTTPStatus.FORBIDDEN if status is HTTPStatus.UNAUTHORIZED else status,
        wanted=wanted,
        user=user,
        fault=_fault(request, error),
        is_open=sessions.is_open,
        issuer=sessions.issuer,
    )


def _fault(request: web.Request, error: WheelyardError | None) -> str:
    """Return why the visitor could not log in, or cannot; "" if nothing is known to be wrong."""
    if error is not None:
        return str(error)
    if not request.app[CATALOG_ACCESS].sessions.is_open:
        return _CLOSED
    try:
        cookie_name(request, SESSION)
    except InvalidRequestError as unsafe:
        return str(unsafe)
    return ""


def _to(request: web.Request, path: str) -> web.Response:
    headers = {hdrs.LOCATION: relative(request, path), hdrs.CACHE_CONTROL: NO_STORE}
    return web.Response(status=HTTPStatus.SEE_OTHER, headers=headers)
