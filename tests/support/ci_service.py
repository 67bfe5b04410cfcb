"""A CI service of the tests, over HTTP: an OpenID Connect issuer, and what a job asks for its token."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from support.issuers import TestIssuer

JOB_SECRET = "of-the-job"


@dataclass(frozen=True)
class CIService:
    """Its URL, and the claims of its jobs."""

    issuer: TestIssuer
    asked: list[str]
    """Paths, in order."""

    @property
    def url(self) -> str:
        return self.issuer.url

    def job(self, audience: str) -> dict[str, str]:
        """Return the environment of a job of GitHub Actions and of GitLab CI."""
        return {
            "GITHUB_ACTIONS": "true",
            "ACTIONS_ID_TOKEN_REQUEST_URL": f"{self.url}/token?api-version=2.0",
            "ACTIONS_ID_TOKEN_REQUEST_TOKEN": JOB_SECRET,
            "AUDIENCE": audience,
        }


@contextmanager
def ci_service(**claims: Any) -> Iterator[CIService]:
    """Run one whose jobs have these claims."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            content = _answer(service.issuer, self.path, self.headers.get("Authorization", ""))
            self.send_response(200 if content is not None else 404)
            self.end_headers()
            self.wfile.write(json.dumps(content).encode())

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        url = f"http://127.0.0.1:{server.server_port}"
        service = CIService(TestIssuer(url, number=1, claims=claims), asked)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield service
        server.shutdown()
        thread.join()


def _answer(issuer: TestIssuer, target: str, authorization: str) -> Any:
    parts = urlsplit(target)
    if parts.path == "/.well-known/openid-configuration":
        return {"issuer": issuer.url, "jwks_uri": f"{issuer.url}/keys"}
    if parts.path == "/keys":
        return {"keys": list(issuer.public.keys)}
    if parts.path == "/token" and JOB_SECRET in authorization:
        return {"value": issuer.sign(aud=parse_qs(parts.query)["audience"][0])}
    return None
