"""One connection to a server, as the measures use it that look at single requests."""

import base64
import http.client
import re
from collections.abc import Iterable, Mapping
from html import unescape
from typing import Self
from urllib.parse import urljoin, urlsplit

HTML = "application/vnd.pypi.simple.v1+html, text/html;q=0.5"
JSON = "application/vnd.pypi.simple.v1+json"


class Answer:
    """What came back."""

    def __init__(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.body = body


class Client:
    """Keeps its connection; for use with `with`."""

    def __init__(self, url: str, headers: Mapping[str, str] | None = None, timeout: float = 120) -> None:
        self._url = url
        self._headers = {"Accept": "*/*", **(headers or {})}
        self._connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=timeout)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self._connection.close()

    def send(self, method: str, path: str, body: bytes | Iterable[bytes] | None = None, **headers: str) -> Answer:
        """Send a request and read its whole answer; redirects are the caller's."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        try:
            self._connection.request(method, path, body, {**self._headers, **named})
            response = self._connection.getresponse()
            return Answer(response.status, dict(response.getheaders()), response.read())
        except (OSError, http.client.HTTPException):
            self._connection.close()
            raise

    def get(self, path: str, **headers: str) -> bytes:
        """Return the body of an answer that must be good."""
        answer = self.send("GET", path, None, **headers)
        if answer.status != http.client.OK:
            raise RuntimeError(f"GET {path}: {answer.status} {answer.body[:200]!r}")
        return answer.body


def basic(user: str, password: str) -> str:
    """Return the value of an Authorization header."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def links(page: bytes, base: str) -> dict[str, str]:
    """Return the paths of the files that a project page (HTML) links to, by filename."""
    found = (unescape(each) for each in re.findall(r'href="([^"]+)"', page.decode()))
    paths = (urlsplit(urljoin(base, each)).path for each in found)
    return {path.rpartition("/")[2]: path for path in paths}


def offers_metadata(page: bytes) -> bool:
    """Return whether a project page (HTML) says that its wheels' metadata is there for itself (PEP 658)."""
    return b"data-core-metadata" in page or b"data-dist-info-metadata" in page
