"""Single requests, as raw as a test needs them: no redirect is followed, no status is an exception."""

import http.client
import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any, NamedTuple

from support.patience import HANG_SECONDS


class Fetched(NamedTuple):
    """An answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    is_whole: bool = True
    """False: the connection was closed before all of the body was there."""

    def json(self) -> Any:
        """Return the body as JSON."""
        return json.loads(self.body)


class _StaysHere(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> None:
        return None


_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}), _StaysHere)


def fetch(url: str, **headers: str) -> Fetched:
    """Return the answer to a GET; `If_None_Match` is a header."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    try:
        with _OPENER.open(urllib.request.Request(url, headers=named), timeout=HANG_SECONDS) as answer:
            return _read(answer)
    except urllib.error.HTTPError as error:
        with error:
            return _read(error)


def _read(answer: Any) -> Fetched:
    try:
        return Fetched(answer.status, answer.headers, answer.read())
    except http.client.IncompleteRead as error:
        return Fetched(answer.status, answer.headers, error.partial, is_whole=False)
