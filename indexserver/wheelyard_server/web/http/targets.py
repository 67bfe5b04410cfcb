"""The target of a request: every path has one spelling, and all others are refused.

The same bytes must mean the same to a proxy, to the router and to the storage. So nothing is
decoded twice, resolved or repaired, and other spellings never reach the router.
"""

import re
from dataclasses import dataclass
from http import HTTPStatus

from aiohttp import hdrs, web

from wheelyard_server.names import NormalizedName
from wheelyard_server.web.http.headers import complete
from wheelyard_server.web.http.problem_details import problem

# Matched after one decoding that keeps %2F and %25: an encoded slash or percent sign is refused,
# too. A segment is never "." or "..", and only the last one may be empty.
_PATH = re.compile(r"/(?:(?!\.{1,2}(?:/|\Z))[A-Za-z0-9._+!~-]+(?:/|\Z))*")
MIRROR = "/mirror/"
"""The beginning of the paths of mirrored files: an upstream's name and the path there follow."""
# Upstreams choose these paths, so they may have any printable character, in UTF-8. An encoded slash
# or percent sign and invalid UTF-8 keep their percent sign, and are refused.
_MIRRORED = re.compile(rf"{MIRROR}[a-z0-9-]+(?:/(?!\.{{1,2}}(?:/|\Z))[^/\\%]+)+")
_HOST = re.compile(r"(?:[A-Za-z0-9._-]{1,255}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?")

NO_SUCH_PATH = "No path of this index looks like this"


@dataclass(frozen=True, slots=True, eq=False)
class Target:
    """The page or file that a request line asks for."""

    route: str
    """The route's template, as the metrics have it."""
    method: str
    path: str
    """As the log has it."""
    project: NormalizedName
    sha256: str = ""
    filename: str = ""
    """Empty for the project's page."""
    upstream: str = ""
    """The upstream of a mirrored file."""
    upstream_path: str = ""
    """The path of a mirrored file at the upstream, decoded, without the first slash."""


def refusal(request: web.BaseRequest, header_bytes: int) -> web.Response | None:
    """Return the answer to a request that can be read in more than one way or has larger headers, or None."""
    if sum(len(name) + len(value) for name, value in request.raw_headers) > header_bytes:
        return _refuse(
            HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
            "The headers are too large together: send fewer or shorter ones",
        )
    if not is_host(request.headers.get(hdrs.HOST, "")):
        return _refuse(HTTPStatus.BAD_REQUEST, "The Host header is missing or is not a host name")
    if not _is_path(request.rel_url.path_safe):
        return _refuse(HTTPStatus.NOT_FOUND, NO_SUCH_PATH)
    return None


def _is_path(path: str) -> bool:
    """Return whether a path, decoded once, has its only spelling."""
    return _PATH.fullmatch(path) is not None or (path.isprintable() and _MIRRORED.fullmatch(path) is not None)


def is_host(value: str) -> bool:
    """Return whether the value of a Host header can be read in one way only."""
    return _HOST.fullmatch(value) is not None


def _refuse(status: HTTPStatus, sentence: str) -> web.Response:
    response = problem(status, sentence)
    complete(response.headers)
    return response
