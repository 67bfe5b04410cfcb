"""A real API server without a cluster: etcd, kube-apiserver and the project's CRDs, private to a test.

No controllers and no kubelet: objects stay as they were written, and what those would do the test
does itself.
"""

import base64
import json
import secrets
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from . import debian, pypi, tools
from .paths import REPOSITORY
from .processes import Program, Supervisor, local_environment
from .versitygw import free_port


@dataclass(frozen=True)
class ApiServer:
    """A running API server, and how to log in as its administrator."""

    url: str
    kubeconfig: Path
    certificate: Path
    """Its own, by which it is to be known."""
    token: str
    audit_log: Path
    """One JSON line for every request that was answered: https://kubernetes.io/docs/reference/config-api/apiserver-audit.v1/."""

    def kubectl(self, *arguments: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
        """Run kubectl as the administrator; the command may fail."""
        command = [str(pypi.kubectl()), "--kubeconfig", str(self.kubeconfig), *arguments]
        environment = local_environment()
        return subprocess.run(
            command, env=environment, input=stdin, capture_output=True, text=True, timeout=60, check=False
        )


@contextmanager
def running(directory: Path, kubernetes: tools.Tool = tools.KUBERNETES) -> Iterator[ApiServer]:
    """Run one on free ports of 127.0.0.1, with everything in `directory`; on exit it has stopped.

    It needs no root and no cluster; the binaries come from the cache (the first time they take some
    minutes).
    """
    debian.provide("etcd", "etcd-server")
    supervisor = Supervisor(directory)
    etcd, server, handle = _etcd(directory), None, None
    try:
        supervisor.start(etcd)
        server, handle = _api_server(directory, etcd.ready.removesuffix("/health"), kubernetes)
        supervisor.wait(etcd)
        supervisor.start(server)
        supervisor.wait(server)
        _write_kubeconfig(handle)
        _apply_crds(handle)
        yield handle
    finally:
        supervisor.stop(*(part.name for part in (server, etcd) if part))


def _etcd(directory: Path) -> Program:
    clients, peers = (f"http://127.0.0.1:{free_port()}" for _ in range(2))
    flags = {
        "data-dir": directory / "etcd",
        "listen-client-urls": clients,
        "advertise-client-urls": clients,
        "listen-peer-urls": peers,
        "initial-advertise-peer-urls": peers,
        "initial-cluster": f"default={peers}",
        "unsafe-no-fsync": "true",
        "log-level": "warn",
    }
    return Program("etcd", ("etcd", *_flags(flags)), ready=f"{clients}/health")


def _api_server(directory: Path, etcd: str, kubernetes: tools.Tool) -> tuple[Program, ApiServer]:
    port, token, files = free_port(), secrets.token_urlsafe(24), directory / "files"
    files.mkdir(parents=True, exist_ok=True)
    handle = ApiServer(
        url=f"https://127.0.0.1:{port}",
        kubeconfig=directory / "kubeconfig",
        certificate=files / "apiserver.crt",
        token=token,
        audit_log=directory / "audit.log",
    )
    (files / "tokens.csv").write_text(f'{token},admin,admin,"system:masters"\n')
    (files / "audit.yaml").write_text(
        '{"apiVersion": "audit.k8s.io/v1", "kind": "Policy", "omitStages": ["RequestReceived"],'
        ' "rules": [{"level": "Metadata"}]}'
    )
    signing = files / "service-accounts.key"
    subprocess.run(
        ["openssl", "genpkey", "-algorithm", "RSA", "-out", str(signing)], check=True, capture_output=True
    )
    flags = {
        "bind-address": "127.0.0.1",
        # Nothing here reaches it by the Service `kubernetes`, which takes no address of
        # 127.0.0.0/8.
        "endpoint-reconciler-type": "none",
        "secure-port": port,
        "cert-dir": files,
        "etcd-servers": etcd,
        "token-auth-file": files / "tokens.csv",
        "authorization-mode": "RBAC",
        # Pods here never start, so there need not be a ServiceAccount for each.
        "disable-admission-plugins": "ServiceAccount",
        "service-cluster-ip-range": "10.91.0.0/16",
        "service-account-issuer": "https://kubernetes.default.svc.cluster.local",
        "service-account-key-file": signing,
        "service-account-signing-key-file": signing,
        "audit-policy-file": files / "audit.yaml",
        "audit-log-path": handle.audit_log,
    }
    binary = tools.built(kubernetes) / "kube-apiserver"
    return Program("kube-apiserver", (str(binary), *_flags(flags)), ready=f"{handle.url}/readyz"), handle


def _write_kubeconfig(server: ApiServer) -> None:
    authority = base64.b64encode(server.certificate.read_bytes()).decode()
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "test",
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "admin"}}],
        "clusters": [{"name": "test", "cluster": {"server": server.url, "certificate-authority-data": authority}}],
        "users": [{"name": "admin", "user": {"token": server.token}}],
    }
    server.kubeconfig.touch(mode=0o600)
    server.kubeconfig.write_text(json.dumps(document))


def _apply_crds(server: ApiServer) -> None:
    for arguments in (
        ("apply", "--server-side", "-f", str(REPOSITORY / "crds")),
        ("wait", "--for=condition=Established", "crd", "--all", "--timeout=30s"),
    ):
        server.kubectl(*arguments).check_returncode()


def _flags(flags: dict[str, object]) -> list[str]:
    return [f"--{name}={value}" for name, value in flags.items()]
