"""A client of the management API that finds the index and the login as pip, uv and twine do."""

import base64
import json
import netrc
import os
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from http.client import HTTPException
from typing import IO, Any
from urllib.parse import SplitResult, unquote, urlencode, urlsplit

from wheelyard_server.errors import WheelyardError

TIMEOUT_SECONDS = 60
URL_VARIABLES = ("PIP_INDEX_URL", "UV_DEFAULT_INDEX", "TWINE_REPOSITORY_URL", "UV_PUBLISH_URL")
LOGIN_VARIABLES = (
    ("TWINE_REPOSITORY_URL", "TWINE_USERNAME", "TWINE_PASSWORD"),
    ("UV_PUBLISH_URL", "UV_PUBLISH_USERNAME", "UV_PUBLISH_PASSWORD"),
)
_ENDINGS = ("/simple", "/legacy", "/pypi")
HOW_TO_LOG_IN = ": put the login into the URL of the index (https://USER:TOKEN@HOST/simple/) or into ~/.netrc"


class ClientError(WheelyardError):
    """The index did not carry out the request; the text says why."""


@dataclass(frozen=True, slots=True)
class Login:
    """A user name and a token or password."""

    user: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Client:
    """The management API of the index at `base`, a URL without a trailing slash."""

    base: str
    login: Login | None

    def call(self, method: str, path: str, body: object = None) -> Any:
        """Return the answer; raise `ClientError` with the message of the index."""
        if body is None:
            return self._answer(self._request(method, path))
        return self._answer(self._request(method, path, json.dumps(body).encode(), "application/json"))

    def all_pages(self, path: str, query: Mapping[str, str], rows: str) -> Any:
        """Return the last page, with the rows of all pages under the key `rows`; raise `ClientError`."""
        answer = self.call("GET", f"{path}?{urlencode(query)}")
        found = answer[rows]
        # An older index answers in one page and has no `next`.
        while (last := answer.get("next")) is not None:
            answer = self.call("GET", f"{path}?{urlencode({**query, 'after': last})}")
            found += answer[rows]
        return {**answer, rows: found}

    def send(self, method: str, path: str, file: IO[bytes], content_type: str, seconds: float) -> Any:
        """Send a file, and return the answer within a time; raise `ClientError`."""
        request = self._request(method, path, file, content_type)
        request.add_header("Content-Length", str(os.fstat(file.fileno()).st_size))
        return self._answer(request, seconds)

    def _request(
        self, method: str, path: str, body: bytes | IO[bytes] | None = None, content_type: str = ""
    ) -> urllib.request.Request:
        request = urllib.request.Request(f"{self.base}/api/v1{path}", method=method)  # noqa: S310 - see `connect`
        if body is not None:
            request.data = body
            request.add_header("Content-Type", content_type)
        if self.login is not None:
            credentials = base64.b64encode(f"{self.login.user}:{self.login.password}".encode()).decode()
            request.add_header("Authorization", f"Basic {credentials}")
        return request

    def _answer(self, request: urllib.request.Request, seconds: float = TIMEOUT_SECONDS) -> Any:
        try:
            with _opener.open(request, timeout=seconds) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            hint = HOW_TO_LOG_IN if error.code == HTTPStatus.UNAUTHORIZED and self.login is None else ""
            raise ClientError(f"{_reason(error)}{hint}") from None
        except (OSError, HTTPException, ValueError) as error:
            raise ClientError(f"{self.base} does not answer like an index: {error}") from None


def connect(url: str | None, environment: Mapping[str, str]) -> Client:
    """Return the client for an index, given the URL of its simple or upload API, with or without a login.

    A missing URL or login comes from the variables of pip, uv and twine, and from ~/.netrc. The
    login of a tool is only sent to the host that the tool would send it to. Raises `ClientError`.
    """
    found = url or next((environment[name] for name in URL_VARIABLES if environment.get(name)), None)
    if found is None:
        raise ClientError(f"No index was given: use --index-url, or set {URL_VARIABLES[0]}")
    parts = urlsplit(found)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ClientError(f"The index URL must start with http:// or https://, not {parts.scheme}://")
    host = parts.netloc.rpartition("@")[2]
    path = parts.path.rstrip("/")
    for ending in _ENDINGS:
        path = path.removesuffix(ending)
    return Client(f"{parts.scheme}://{host}{path}", _login(parts, environment))


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Follows no redirect: a login is only for the host that it was given for."""

    def redirect_request(self, *_: Any) -> None:
        return None


_opener = urllib.request.build_opener(_NoRedirect)


def _login(url: SplitResult, environment: Mapping[str, str]) -> Login | None:
    if url.username:
        return Login(unquote(url.username), unquote(url.password or ""))
    for where, user, password in LOGIN_VARIABLES:
        if environment.get(password) and _origin(urlsplit(environment.get(where, ""))) == _origin(url):
            return Login(environment.get(user) or "__token__", environment[password])
    try:
        found = netrc.netrc().authenticators(url.hostname or "")
    except (OSError, netrc.NetrcParseError):
        return None
    return Login(found[0], found[2]) if found else None


def _origin(url: SplitResult) -> tuple[str, str | None, int | None]:
    return url.scheme, url.hostname, url.port


def _reason(error: urllib.error.HTTPError) -> str:
    try:
        return str(json.load(error)["detail"])
    except (ValueError, KeyError, TypeError):
        return f"{error.code} {error.reason}"
