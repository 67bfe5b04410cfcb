"""CodeArtifact and the part of STS that it needs: as a value, and as a small server for the real client.

No server offers CodeArtifact. The shapes are those of AWS's API references.
"""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from wheelyard_operator.condition_types import UPSTREAMS_READY
from wheelyard_operator.problems import Problem
from wheelyard_operator.provision.clients import Credentials
from wheelyard_operator.provision.code_artifact import Token
from wheelyard_operator.resource import CodeArtifact
from wheelyard_operator.times import later, timestamp


class FakeCodeArtifact:
    """CodeArtifact that knows domains by their access key ID or their role, and refuses all others."""

    def __init__(self, now: Callable[[], str]) -> None:
        self._now = now
        self.may_read: set[tuple[str, str]] = set()
        """Domains, each with the access key ID, or with the ARN and the external ID of a role."""
        self.asked: list[tuple[str, str]] = []
        self.lifetime = 12 * 3600
        self.refuses = True

    def check_region(self, domain: CodeArtifact) -> None:
        if domain.region == "nowhere-1":
            raise Problem(UPSTREAMS_READY, "RegionUnknown", "no region")

    def with_key(self, domain: CodeArtifact, key: Credentials) -> Token:
        return self._token(domain, key.key_id)

    def with_role(self, domain: CodeArtifact, external_id: str) -> Token:
        return self._token(domain, f"{domain.role_arn} {external_id}")

    def _token(self, domain: CodeArtifact, reader: str) -> Token:
        self.asked.append((domain.domain, reader))
        if self.refuses and (domain.domain, reader) not in self.may_read:
            raise Problem(UPSTREAMS_READY, "TokenRefused", f"CodeArtifact domain {domain.domain} refuses.")
        return Token(f"token {len(self.asked)} of {domain} for {reader}", later(self._now(), self.lifetime))


class CodeArtifactServer:
    """Answers GetAuthorizationToken and AssumeRole; whose key a request has is in its signature."""

    def __init__(self) -> None:
        self.now = "2030-01-01T00:00:00Z"
        self.readers: set[tuple[str, str]] = set()
        """Domains, each with an access key ID that may read it."""
        self.roles: dict[str, tuple[str, str]] = {}
        """By ARN: the access key ID that may assume a role, and the external ID that it demands, if any."""
        self.requests: list[tuple[str, str, dict[str, str]]] = []
        """The access key ID, the operation and the parameters of each request."""
        self.fails_with = ""

    def answer(self, key_id: str, path: str, parameters: dict[str, str]) -> tuple[int, str, str]:
        """Return the status, the content type and the body."""
        operation = parameters.get("Action", path)
        self.requests.append((key_id, operation, parameters))
        if operation == "AssumeRole":
            return self._assume(key_id, parameters)
        if self.fails_with:
            return 400, self.fails_with, json.dumps({"message": "no"})
        if (parameters["domain"], key_id) not in self.readers:
            return 403, "AccessDeniedException", json.dumps({"message": "no"})
        expires = timestamp(later(self.now, int(parameters["duration"])))
        return 200, "", json.dumps({"authorizationToken": f"token for {key_id}", "expiration": expires})

    def _assume(self, key_id: str, parameters: dict[str, str]) -> tuple[int, str, str]:
        allowed, external_id = self.roles.get(parameters["RoleArn"], ("", ""))
        if key_id != allowed or (external_id and parameters.get("ExternalId") != external_id):
            return 403, "", "<ErrorResponse><Error><Code>AccessDenied</Code></Error></ErrorResponse>"
        made = f"session {parameters['RoleArn'].rpartition('/')[2]}".replace(" ", "-")
        credentials = {"AccessKeyId": made, "SecretAccessKey": "s", "SessionToken": "t"}
        fields = "".join(f"<{name}>{value}</{name}>" for name, value in credentials.items())
        result = f"<Credentials>{fields}<Expiration>{self.now}</Expiration></Credentials>"
        text = f"<AssumeRoleResponse><AssumeRoleResult>{result}</AssumeRoleResult></AssumeRoleResponse>"
        return 200, "", text

    @contextmanager
    def serving(self) -> Iterator[str]:
        """Serve at a port of the kernel; give the URL."""
        served = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
                url = urlsplit(self.path)
                parameters = {key: values[0] for key, values in parse_qs(f"{url.query}&{body}").items()}
                key_id = self.headers["Authorization"].partition("Credential=")[2].partition("/")[0]
                status, error, text = served.answer(key_id, url.path, parameters)
                self.send_response(status)
                if error:
                    self.send_header("x-amzn-ErrorType", error)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text.encode())

            def log_message(self, *_: Any) -> None:
                """Keep quiet."""

        with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
            thread = threading.Thread(target=server.serve_forever, args=(0.02,))
            thread.start()
            try:
                yield f"http://127.0.0.1:{server.server_port}"
            finally:
                server.shutdown()
                thread.join()
