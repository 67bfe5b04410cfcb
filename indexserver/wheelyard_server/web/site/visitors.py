"""The visitor of a page: anonymous, or the bearer of a session cookie.

Pages read no Authorization header: browsers would send a Basic login along with requests from
everywhere. All other paths of the index never read the cookie.
"""

from aiohttp import web

from wheelyard_server.access.catalog_access import SessionLogin
from wheelyard_server.access.guard import GuardedCatalog
from wheelyard_server.errors import InvalidRequestError, SessionOverError
from wheelyard_server.web.context import CATALOG_ACCESS, RECORD, listener_of
from wheelyard_server.web.http.proxies import client_of
from wheelyard_server.web.site.cookies import cookie_name

SESSION = "wheelyard"
"""The name of the session cookie, see `cookie_name`."""
_LOGIN = "/login/"
_VISITOR = web.RequestKey("visitor", GuardedCatalog)


async def visitor(request: web.Request) -> GuardedCatalog:
    """Return the catalog as the visitor may use it now.

    Raises `SessionOverError` for a session that the provider may renew, once: the page of an error
    is for anonymous. So are the pages of logins.
    """
    found = request.get(_VISITOR)
    if found is None:
        access = request.app[CATALOG_ACCESS]
        login = SessionLogin(access.sessions, session_cookie(request), client_of(request))
        found = await access.guarded_catalog(login, listener_of(request), request[RECORD])
        request[_VISITOR] = found
        if found.principal.is_anonymous and has_renewable(request) and not request.path.startswith(_LOGIN):
            raise SessionOverError
    return found


def has_renewable(request: web.Request) -> bool:
    """Return whether the visitor has a session of the provider, of any age."""
    cookie = session_cookie(request)
    return bool(cookie) and request.app[CATALOG_ACCESS].sessions.is_renewable(cookie)


def session_cookie(request: web.Request) -> str:
    """Return the value of the session cookie, "" if there is none, or if it came by plain HTTP from elsewhere."""
    try:
        name = cookie_name(request, SESSION)
    except InvalidRequestError:
        return ""
    return request.cookies.get(name, "")
