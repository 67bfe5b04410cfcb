"""`/login/oidc/`: single sign-on with the company's OpenID Connect provider (ADR 51)."""

from collections.abc import Iterator
from datetime import timedelta
from http import HTTPStatus

from aiohttp import hdrs, web

from wheelyard_server.access.audit import AuditVerb
from wheelyard_server.access.pending_logins import LIFETIME, is_state
from wheelyard_server.access.rules import Method
from wheelyard_server.access.single_sign_on import SignedOn, SingleSignOn
from wheelyard_server.errors import LoginNeededError, WheelyardError
from wheelyard_server.web.context import CATALOG_ACCESS, RECORD, root_url
from wheelyard_server.web.http.headers import NO_STORE
from wheelyard_server.web.http.proxies import client_of
from wheelyard_server.web.site.cookies import Cookie, SameSite, cookie_name, delete_cookie, set_cookie
from wheelyard_server.web.site.error_pages import error_page, login_url
from wheelyard_server.web.site.next_paths import next_path
from wheelyard_server.web.site.site import SITE
from wheelyard_server.web.site.visitors import SESSION, has_renewable, visitor

SINGLE_SIGN_ON = web.AppKey("single_sign_on", SingleSignOn)
CALLBACK = "/login/oidc/callback/"
"""The end of the redirect URI that the provider knows."""
_COOKIE = "wheelyard-login"
RENEWABLE = timedelta(days=1)
"""How long after its beginning a session can be renewed silently: its cookie outlives it until then."""
_MAX_PENDING = 3
"""Logins that a browser has begun at the same time, in as many tabs."""


async def begin(request: web.Request) -> web.Response:
    """Send the browser to the provider, with a cookie that proves later that the login began here."""
    name, is_silent = cookie_name(request, _COOKIE), "silent" in request.query
    redirect_uri, wanted = f"{root_url(request)}{CALLBACK}", next_path(request.query.get("next", "/"))
    begun = request.app[SINGLE_SIGN_ON].begin(redirect_uri, wanted, is_silent=is_silent)
    headers = {hdrs.LOCATION: begun.url, hdrs.CACHE_CONTROL: NO_STORE}
    response = web.Response(status=HTTPStatus.SEE_OTHER, headers=headers)
    if is_silent and has_renewable(request) and (await visitor(request)).principal.is_anonymous:
        # Once: if this renewal fails, the visitor is anonymous, and no page renews it again.
        delete_cookie(request, response, cookie_name(request, SESSION))
    for surplus in [*_pending(request, name)][_MAX_PENDING - 1 :]:
        delete_cookie(request, response, surplus)
    seconds = int(LIFETIME.total_seconds())
    set_cookie(request, response, Cookie(f"{name}-{begun.state}", begun.cookie, seconds, SameSite.LAX))
    return response


async def callback(request: web.Request) -> web.Response:
    """End a login that began here: the provider has sent the browser back."""
    state, record = request.query.get("state", ""), request[RECORD]
    name = f"{cookie_name(request, _COOKIE)}-{state if is_state(state) else 'none'}"
    try:
        response = await _finished(request, request.cookies.get(name, ""))
    except WheelyardError as error:
        record.reason = str(error)
        response = await error_page(request, error)
    finally:
        record.verb, record.method = AuditVerb.LOGIN, Method.SINGLE_SIGN_ON
    if name in request.cookies:
        delete_cookie(request, response, name)
    return response


async def _finished(request: web.Request, cookie: str) -> web.Response:
    sign_on = request.app[SINGLE_SIGN_ON]
    login = sign_on.pending(cookie)
    try:
        signed_on = await sign_on.finish(login, request.query, client_of(request))
    except LoginNeededError:
        location = login_url(request, login.next)
        return web.Response(status=HTTPStatus.SEE_OTHER, headers={hdrs.LOCATION: location})
    return await _signed_on(request, signed_on, login.next)


async def _signed_on(request: web.Request, signed_on: SignedOn, wanted: str) -> web.Response:
    """Return the page that begins a session and goes on by itself: a Strict cookie is not sent along a redirect."""
    response = await request.app[SITE].page(request, "signed_on.html", wanted=wanted)
    response.headers[hdrs.CACHE_CONTROL] = NO_STORE
    cookie = request.app[CATALOG_ACCESS].log_in_person(signed_on, request[RECORD])
    seconds = int(RENEWABLE.total_seconds())
    set_cookie(request, response, Cookie(cookie_name(request, SESSION), cookie, seconds, SameSite.STRICT))
    return response


def _pending(request: web.Request, name: str) -> Iterator[str]:
    """Return the names of the cookies of other logins."""
    for each in request.cookies:
        if each.startswith(f"{name}-") and is_state(each.removeprefix(f"{name}-")):
            yield each
