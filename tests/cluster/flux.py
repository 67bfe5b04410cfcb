"""Flux's kustomize-controller, and something that stands in for its source-controller, at a real API server.

The test decides the content of the repository: an archive that a small HTTP server has, as the
status of a GitRepository names it.
"""

import gzip
import hashlib
import http.server
import io
import json
import tarfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from . import tools
from .apiserver import ApiServer
from .processes import Program, Supervisor
from .versitygw import free_port

_SOURCES = (("GitRepository", "gitrepositories"), ("OCIRepository", "ocirepositories"), ("Bucket", "buckets"))
_SOURCE_GROUP = "source.toolkit.fluxcd.io"


class Git:
    """A repository, as kustomize-controller gets to see it."""

    def __init__(self, url: str, files: dict[str, bytes]) -> None:
        self._url = url
        self._files = files
        self.revision = 0

    def commit(self, *manifests: dict[str, Any]) -> dict[str, Any]:
        """Have these in it and nothing else; return the status of the GitRepository that says so."""
        self.revision += 1
        archive = _archive(yaml.safe_dump_all(manifests).encode())
        name = f"{self.revision}.tar.gz"
        self._files[f"/{name}"] = archive
        revision = f"main@sha1:{self.revision:040x}"
        artifact = {
            "path": name,
            "url": f"{self._url}/{name}",
            "revision": revision,
            "digest": f"sha256:{hashlib.sha256(archive).hexdigest()}",
            "lastUpdateTime": "2030-01-01T00:00:00Z",
            "size": len(archive),
        }
        ready = {
            "type": "Ready",
            "status": "True",
            "reason": "Succeeded",
            "message": revision,
            "lastTransitionTime": "2030-01-01T00:00:00Z",
        }
        return {"artifact": artifact, "conditions": [ready], "observedGeneration": 1}


@contextmanager
def running(server: ApiServer, directory: Path) -> Iterator[Git]:
    """Run the controller; on exit it has stopped."""
    _serve_kinds(server)
    supervisor, program = Supervisor(directory), _controller(server, directory)
    with _files() as (url, files):
        try:
            supervisor.start(program)
            supervisor.wait(program)
            yield Git(url, files)
        finally:
            supervisor.stop(program.name)


def _controller(server: ApiServer, directory: Path) -> Program:
    health, metrics = free_port(), free_port()
    scratch = directory / "tmp"
    scratch.mkdir(parents=True)
    command = (
        *(str(tools.built(tools.FLUX) / "kustomize-controller"), "--watch-all-namespaces", "--log-level=info"),
        *(f"--health-addr=127.0.0.1:{health}", f"--metrics-addr=127.0.0.1:{metrics}"),
    )
    environment = {"KUBECONFIG": str(server.kubeconfig), "RUNTIME_NAMESPACE": "default", "TMPDIR": str(scratch)}
    return Program("kustomize-controller", command, f"http://127.0.0.1:{health}/readyz", environment)


def _serve_kinds(server: ApiServer) -> None:
    folder = tools.module_folder(tools.FLUX.folder, tools.FLUX.requires) / "config/crd/bases"
    own = [yaml.safe_load(each.read_text()) for each in folder.glob("*.yaml")]
    crds = [*own, *(_source_kind(kind, plural) for kind, plural in _SOURCES)]
    body = json.dumps({"apiVersion": "v1", "kind": "List", "items": crds})
    server.kubectl("apply", "--server-side", "-f", "-", stdin=body).check_returncode()
    names = [each["metadata"]["name"] for each in crds]
    server.kubectl("wait", "--for=condition=Established", "crd", *names, "--timeout=30s").check_returncode()


def _source_kind(kind: str, plural: str) -> dict[str, Any]:
    """Describe a kind of source-controller, whatever is in it: its own definitions are in another module."""
    names = {"kind": kind, "plural": plural, "singular": kind.lower(), "listKind": f"{kind}List"}
    anything = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    version = {
        "name": "v1",
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": {"type": "object", "properties": {"spec": anything, "status": anything}}},
        "subresources": {"status": {}},
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{_SOURCE_GROUP}"},
        "spec": {"group": _SOURCE_GROUP, "names": names, "scope": "Namespaced", "versions": [version]},
    }


def _archive(content: bytes) -> bytes:
    packed = io.BytesIO()
    with gzip.GzipFile(fileobj=packed, mode="wb") as stream, tarfile.open(fileobj=stream, mode="w") as archive:
        member = tarfile.TarInfo("manifests.yaml")
        member.size, member.mode = len(content), 0o644
        archive.addfile(member, io.BytesIO(content))
    return packed.getvalue()


@contextmanager
def _files() -> Iterator[tuple[str, dict[str, bytes]]]:
    files: dict[str, bytes] = {}

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            content = files.get(self.path)
            self.send_response(200 if content else 404)
            self.send_header("Content-Length", str(len(content or b"")))
            self.end_headers()
            self.wfile.write(content or b"")

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", files
        finally:
            server.shutdown()
