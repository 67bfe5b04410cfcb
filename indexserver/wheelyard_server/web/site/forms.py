"""Forms of pages: their fields, and the proof that the visitor sent them (CSRF, CWE-352).

A form counts if the browser says that it comes from a page of this index, and if it has the proof
that this very form was shown to the bearer of the session. `refuse_cross_site` has refused before
what other sites send.
"""

from urllib.parse import urlsplit

from aiohttp import hdrs, web
from multidict import MultiMapping

from wheelyard_server.errors import ForbiddenError, InvalidRequestError
from wheelyard_server.web.context import CATALOG_ACCESS
from wheelyard_server.web.site.visitors import session_cookie

FORM_TOKEN = "form-token"  # noqa: S105 - the name of a field
_TYPE = "application/x-www-form-urlencoded"
_SITE = "Sec-Fetch-Site"
MAX_FIELD_LENGTH = 1000
_SHOWN_AGAIN = "Open the page again, and send its form"


async def own_form(request: web.Request, page: str) -> MultiMapping[str]:
    """Return the fields of a form that a page has shown to this session; raise `ForbiddenError` for any other.

    `page` is the path that `form_token` was given.
    """
    fields = await anonymous_form(request)
    sessions, token = request.app[CATALOG_ACCESS].sessions, fields.get(FORM_TOKEN, "")
    if not sessions.is_form_token(token, session_cookie(request), page):
        raise ForbiddenError(f"This form was not made for your session, or your session has ended. {_SHOWN_AGAIN}")
    return fields


async def anonymous_form(request: web.Request) -> MultiMapping[str]:
    """Return the fields of a form that needs no session, from a page of this index."""
    if not _is_from_here(request):
        raise ForbiddenError(f"Your browser does not say that this form comes from this index. {_SHOWN_AGAIN}")
    if request.content_type != _TYPE:
        raise InvalidRequestError(f"A form is sent as {_TYPE}")
    fields = await request.post()
    texts = {name: value for name, value in fields.items() if isinstance(value, str)}
    if any(len(value) > MAX_FIELD_LENGTH for value in texts.values()):
        raise InvalidRequestError(f"A field of a form has at most {MAX_FIELD_LENGTH} characters")
    return fields  # type: ignore[return-value]  # This type has no files.


def form_token(request: web.Request, path: str) -> str:
    """Return the proof for the forms of a page, which they send as `FORM_TOKEN`."""
    return request.app[CATALOG_ACCESS].sessions.form_token(session_cookie(request), path)


def _is_from_here(request: web.Request) -> bool:
    """Return whether the browser names a page of this index; old browsers send only the origin (RFC 6454)."""
    site = request.headers.get(_SITE)
    if site is not None:
        return site.strip().lower() == "same-origin"
    origin = request.headers.get(hdrs.ORIGIN, "")
    return bool(origin) and urlsplit(origin).netloc.lower() == request.host.lower()
