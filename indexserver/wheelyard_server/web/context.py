"""What handlers are given: typed keys of the application and of a request."""

from aiohttp import web

from wheelyard_server.access.audit import AuditRecord
from wheelyard_server.access.authenticate import authenticate
from wheelyard_server.access.file import CurrentRules
from wheelyard_server.access.guard import GuardedCatalog
from wheelyard_server.catalog.catalog import Catalog
from wheelyard_server.catalog.scratch import Scratch
from wheelyard_server.web.admission import Admission

ADMISSION = web.AppKey("admission", Admission)
CATALOG = web.AppKey("catalog", Catalog)
RULES = web.AppKey("rules", CurrentRules)
EXTERNAL_PORT: web.AppKey[int | None] = web.AppKey("external_port", object)  # type: ignore[arg-type]
SCRATCH = web.AppKey("scratch", Scratch)
RECORD = web.RequestKey("record", AuditRecord)
"""Of every request that reaches a handler."""


def guarded_catalog(request: web.Request) -> GuardedCatalog:
    """Return the catalog as the sender of this request may see it.

    Raises `UnauthenticatedError` if the request has credentials that are not valid.
    """
    rules = request.app[RULES].rules
    if arrived_from_outside(request):
        rules = rules.external
    principal = authenticate(request.headers.get("Authorization"), rules)
    return GuardedCatalog(request.app[CATALOG], rules, principal, request[RECORD])


def arrived_from_outside(request: web.Request) -> bool:
    """Tell by the socket that the request came to: nothing that a client sends can change that."""
    port = request.app[EXTERNAL_PORT]
    socket = request.get_extra_info("sockname")
    # Of a client that has gone nobody knows any more where it came from: then from outside.
    return port is not None and (socket is None or bool(socket[1] == port))


def origin(request: web.Request) -> str:
    """Return the scheme and host under which the client knows this server.

    A proxy that ends TLS says so in `X-Forwarded-Proto`. Anybody may set it: it must only ever matter for links in
    the answer to the same request. See docs/security.md.
    """
    forwarded = request.headers.get("X-Forwarded-Proto", "").strip().lower()
    return f"{forwarded if forwarded in ('http', 'https') else request.scheme}://{request.host}"
