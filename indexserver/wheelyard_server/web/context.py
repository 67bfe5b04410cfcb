"""What handlers find in the application and in a request, by typed keys."""

from aiohttp import web

from wheelyard_server.access.audit import AuditRecord
from wheelyard_server.access.catalog_access import CatalogAccess, Login
from wheelyard_server.access.guard import GuardedCatalog
from wheelyard_server.access.listeners import ListenerPorts
from wheelyard_server.background import Background
from wheelyard_server.catalog.scratch import Scratch
from wheelyard_server.settings import Listener
from wheelyard_server.web.admission import Admission
from wheelyard_server.web.http.proxies import FORWARDED_PROTO, client_of, origin_by, public_path

BACKGROUND = web.AppKey("background", Background)
SENDERS = web.AppKey("senders", str)
"""The senders of the requests, for the name of the loop that checks their deadlines."""
ADMISSION = web.AppKey("admission", Admission)
CATALOG_ACCESS = web.AppKey("catalog_access", CatalogAccess)
LISTENER_PORTS = web.AppKey("listener_ports", ListenerPorts)
SCRATCH = web.AppKey("scratch", Scratch)
HAS_SITE = web.AppKey("has_site", bool)
"""Whether there are pages for people."""
RECORD = web.RequestKey("record", AuditRecord)
"""The audit record of each request that reaches a handler."""
_LOGIN = web.RequestKey("login", Login)


async def guarded_catalog(request: web.Request) -> GuardedCatalog:
    """Return the catalog as the sender of this request may use it now.

    Raises what `authenticate` raises for credentials that are not valid.
    """
    access = request.app[CATALOG_ACCESS]
    return await access.guarded_catalog(_login(request), listener_of(request), request[RECORD])


def _login(request: web.Request) -> Login:
    login = request.get(_LOGIN)
    if login is None:
        login = request[_LOGIN] = Login(request.headers.get("Authorization"), client_of(request))
    return login


def listener_of(request: web.Request) -> Listener:
    """Return the listener that the request came to."""
    return request.app[LISTENER_PORTS].listener_of(request.get_extra_info("sockname"))


def root_url(request: web.Request) -> str:
    """Return the URL of this index's root as the client knows it, without a slash at its end."""
    return origin(request) + public_path(request)


def origin(request: web.Request) -> str:
    """Return the scheme and host under which the client knows this server; see `origin_by`."""
    return origin_by(request.headers.get(FORWARDED_PROTO, ""), request.scheme, request.host)
