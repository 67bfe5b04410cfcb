"""What handlers are given: typed keys of the application and of a request."""

from datetime import UTC, datetime
from typing import Any, NamedTuple

from aiohttp import web

from wheelyard_server.access.audit import AuditRecord
from wheelyard_server.access.authenticate import PresentedCredentials, authenticate
from wheelyard_server.access.guard import GuardedCatalog
from wheelyard_server.access.passwords import PasswordChecker
from wheelyard_server.access.reloading import Access, CurrentAccess
from wheelyard_server.access.rules import Principal, Rules
from wheelyard_server.background import Background
from wheelyard_server.catalog.catalog import Catalog
from wheelyard_server.catalog.scratch import Scratch
from wheelyard_server.web.admission import Admission
from wheelyard_server.web.http.proxies import client_of, public_path

BACKGROUND = web.AppKey("background", Background)
SENDERS = web.AppKey("senders", str)
"""Who sends requests, in the name of the loop that cuts them off."""
ADMISSION = web.AppKey("admission", Admission)
CATALOG = web.AppKey("catalog", Catalog)
ACCESS = web.AppKey("access", CurrentAccess)
EXTERNAL_PORT: web.AppKey[int | None] = web.AppKey("external_port", object)  # type: ignore[arg-type]
PASSWORDS = web.AppKey("passwords", PasswordChecker)
SCRATCH = web.AppKey("scratch", Scratch)
RECORD = web.RequestKey("record", AuditRecord)
"""Of every request that reaches a handler."""
_PRESENTED = web.RequestKey("showing", PresentedCredentials)


class _Login(NamedTuple):
    access: Access
    """By which this is the principal."""
    principal: Principal


_LOGIN = web.RequestKey("login", _Login)


async def guarded_catalog(request: web.Request) -> GuardedCatalog:
    """Return the catalog as the sender of this request may see it by the rules of this moment.

    Raises what `authenticate` raises for credentials that are not valid.
    """
    access, rules = request.app[ACCESS].access, rules_of(request)
    login = request.get(_LOGIN)
    if login is None or login.access is not access:
        principal = await authenticate(
            _presented_credentials(request), access.accepted_users, request.app[PASSWORDS]
        )
        login = request[_LOGIN] = _Login(access, principal)
    return GuardedCatalog(request.app[CATALOG], rules, login.principal, request[RECORD])


def rules_of(request: web.Request) -> Rules:
    """Return the rules of this moment on the listener that the request came to."""
    rules = request.app[ACCESS].access.rules
    return rules.external if arrived_from_outside(request) else rules


def _presented_credentials(request: web.Request) -> PresentedCredentials:
    presented = request.get(_PRESENTED)
    if presented is None:
        header = request.headers.get("Authorization")
        presented = request[_PRESENTED] = PresentedCredentials(header, client_of(request), datetime.now(UTC))
    return presented


def arrived_from_outside(request: web.Request) -> bool:
    """Tell by the socket that the request came to: nothing that a client sends can change that."""
    return is_outside(request.app[EXTERNAL_PORT], request.get_extra_info("sockname"))


def is_outside(external_port: int | None, socket: tuple[Any, ...] | None) -> bool:
    """Return whether a connection to this socket comes from outside."""
    # Of a client that has gone nobody knows any more where it came from: then from outside.
    return external_port is not None and (socket is None or bool(socket[1] == external_port))


def root_url(request: web.Request) -> str:
    """Return the URL of this index's root as the client knows it, without the slash at its end."""
    return origin(request) + public_path(request)


def origin(request: web.Request) -> str:
    """Return the scheme and host under which the client knows this server.

    A proxy that ends TLS says so in `X-Forwarded-Proto`. Anybody may set it: it must only ever matter for links in
    the answer to the same request. See docs/security.md.
    """
    forwarded = request.headers.get("X-Forwarded-Proto", "").strip().lower()
    return f"{forwarded if forwarded in ('http', 'https') else request.scheme}://{request.host}"
