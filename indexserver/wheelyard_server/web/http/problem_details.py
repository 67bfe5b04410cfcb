"""Refusals as problem details (RFC 9457).

The `detail` is also the reason phrase: twine, poetry and pip show the phrase, and uv shows the
detail if the media type is exactly this one.
"""

from collections.abc import Mapping
from http import HTTPStatus
from types import MappingProxyType
from typing import Any

import msgspec
from aiohttp import hdrs, web

from wheelyard_server.web.http import request_ids

PROBLEM = "application/problem+json"
MAX_REASON_LENGTH = 300
MAX_DETAIL_LENGTH = 1000
_NOTHING: Mapping[str, Any] = MappingProxyType({})
_BODY_HEADERS = {hdrs.CONTENT_TYPE, hdrs.CONTENT_LENGTH}


def as_problem(error: web.HTTPError) -> web.Response:
    """Return the problem details of an error of aiohttp's, with the error's headers."""
    headers = {name: value for name, value in error.headers.items() if name not in _BODY_HEADERS}
    return problem(error.status, _sentence(error), headers)


def _sentence(error: web.HTTPError) -> str:
    text = (error.text or "").strip()
    if text != f"{error.status}: {error.reason}":
        return text
    match error:
        case web.HTTPNotFound():
            return "This path does not exist"
        case web.HTTPMethodNotAllowed():
            return f"This path does not accept {error.method}, only {', '.join(sorted(error.allowed_methods))}"
        case _:
            return error.reason


def problem(
    status: int, sentence: str, headers: Mapping[str, str] = _NOTHING, more: Mapping[str, Any] = _NOTHING
) -> web.Response:
    """Return a refusal: problem details (RFC 9457) with `more` members, and the same sentence as reason phrase."""
    # What clients sent must not end the header line early, nor leave its character set.
    reason = "".join(char if " " <= char <= "~" else "?" for char in sentence[:MAX_REASON_LENGTH])
    # Not as `instance`, which must be a URI: the id may come from a proxy.
    body = {
        "status": status,
        "title": HTTPStatus(status).phrase,
        "detail": sentence[:MAX_DETAIL_LENGTH].encode(errors="replace").decode(),
        "requestId": request_ids.current(),
        **more,
    }
    typed = {**headers, hdrs.CONTENT_TYPE: PROBLEM}
    return web.Response(body=msgspec.json.encode(body), status=status, reason=reason, headers=typed)
