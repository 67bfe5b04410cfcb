"""Argo CD's application controller, ApplicationSet controller and repo server, for a test of the GitOps examples.

They run on this machine and sync to a cluster that is up. Its web server, single sign-on and
notifications are left out.
"""

import json
import secrets
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from . import debian, tools
from .handle import Cluster
from .processes import Program, Supervisor
from .progress import ClusterError
from .versitygw import free_port

NAMESPACE = "argocd"
RESYNC_SECONDS = 5
"""Instead of three minutes."""
_SERVED_SECONDS = 30
_KINDS = ("application", "applicationset", "appproject")


@contextmanager
def running(cluster: Cluster, directory: Path, settings: dict[str, str]) -> Iterator[None]:
    """Run Argo CD with these keys in its ConfigMap argocd-cm; on exit it has stopped and its namespace is gone.

    Applications are removed before without what they manage. `directory` gets logs, caches and
    clones.
    """
    supervisor = Supervisor(directory)
    _serve_kinds(cluster)
    _apply(cluster, *_configuration(settings))
    programs = _programs(cluster, directory)
    try:
        for program in programs:
            supervisor.start(program)
            supervisor.wait(program)
        yield
    finally:
        supervisor.stop(*(each.name for each in reversed(programs)))
        _remove(cluster)


def configure(cluster: Cluster, settings: dict[str, str]) -> None:
    """Replace what argocd-cm says; Argo CD takes it in at once."""
    _apply(cluster, _configmap("argocd-cm", settings))


def _programs(cluster: Cluster, directory: Path) -> tuple[Program, ...]:
    redis, repo, repo_metrics, controller, sets, sets_health = (free_port() for _ in range(6))
    programs = tools.built(tools.ARGOCD)
    environment = {
        "ARGOCD_FAKE_IN_CLUSTER": "true",
        "ARGOCD_GPG_ENABLED": "false",
        "HOME": str(directory),
        "HOSTNAME": "argocd-application-controller-0",
        "KUBECONFIG": str(cluster.kubeconfig),
        "PATH": f"{programs}:{cluster.helm.parent}:/usr/local/bin:/usr/bin:/bin",
        "TMPDIR": str(_made(directory / "tmp")),
        **{f"ARGOCD_{name}_DATA_PATH": str(_made(directory / name.lower())) for name in ("TLS", "SSH", "GPG")},
    }
    caches = ("--redis", f"127.0.0.1:{redis}")
    repo_server = f"127.0.0.1:{repo}"

    def part(name: str, ready: int, *options: str) -> Program:
        command = (str(programs / name), "--namespace", NAMESPACE, "--loglevel", "info", *options)
        return Program(name, command, f"http://127.0.0.1:{ready}/metrics", environment)

    debian.provide("redis-server", debian.OF_TESTS["redis-server"])
    redis_server = (
        "redis-server",
        "--port",
        str(redis),
        "--bind",
        "127.0.0.1",
        "--save",
        "",
        "--dir",
        str(directory),
    )
    return (
        Program("redis", redis_server, f"tcp:127.0.0.1:{redis}"),
        Program(
            "argocd-repo-server",
            (
                *(str(programs / "argocd-repo-server"), "--loglevel", "info", "--port", str(repo)),
                *("--address", "127.0.0.1", "--metrics-port", str(repo_metrics), "--disable-tls", *caches),
            ),
            f"http://127.0.0.1:{repo_metrics}/metrics",
            environment,
        ),
        part(
            "argocd-application-controller",
            controller,
            *("--metrics-port", str(controller), "--repo-server", repo_server, "--repo-server-plaintext", *caches),
            *("--app-resync", str(RESYNC_SECONDS), "--app-resync-jitter", "0", "--self-heal-timeout-seconds", "2"),
        ),
        part(
            "argocd-applicationset-controller",
            sets,
            *("--metrics-addr", f"127.0.0.1:{sets}", "--probe-addr", f"127.0.0.1:{sets_health}"),
            *("--argocd-repo-server", repo_server, "--repo-server-plaintext"),
        ),
    )


def _custom_resources() -> list[dict[str, object]]:
    """Take its kinds from its module, as they belong to the version that is built."""
    folder = tools.module_folder(tools.ARGOCD.folder, tools.ARGOCD.requires) / "manifests/crds"
    return [yaml.safe_load((folder / f"{kind}-crd.yaml").read_text()) for kind in _KINDS]


def _configuration(settings: dict[str, str]) -> list[dict[str, object]]:
    parts = {"app.kubernetes.io/part-of": "argocd"}
    secret = {"name": "argocd-secret", "namespace": NAMESPACE, "labels": parts}
    keys = {"server.secretkey": secrets.token_urlsafe(32)}
    project = {
        "sourceRepos": ["*"],
        "destinations": [{"namespace": "*", "server": "*"}],
        "clusterResourceWhitelist": [{"group": "*", "kind": "*"}],
    }
    return [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}},
        _configmap("argocd-cm", settings),
        *(_configmap(f"argocd-{name}-cm", {}) for name in ("rbac", "cmd-params", "ssh-known-hosts", "tls-certs")),
        {"apiVersion": "v1", "kind": "Secret", "metadata": secret, "stringData": keys},
        {
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "AppProject",
            "metadata": {"name": "default", "namespace": NAMESPACE},
            "spec": project,
        },
    ]


def _configmap(name: str, data: dict[str, str]) -> dict[str, object]:
    metadata = {"name": name, "namespace": NAMESPACE, "labels": {"app.kubernetes.io/part-of": "argocd"}}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}


def _apply(cluster: Cluster, *manifests: dict[str, object], server_side: bool = False) -> None:
    flags = ("--server-side", "--force-conflicts") if server_side else ()
    body = json.dumps({"apiVersion": "v1", "kind": "List", "items": manifests})
    _kubectl(cluster, "apply", *flags, "-f", "-", stdin=body)


def _serve_kinds(cluster: Cluster) -> None:
    _apply(cluster, *_custom_resources(), server_side=True)
    end = time.monotonic() + _SERVED_SECONDS
    # Older versions of `kubectl wait` fail for a CRD that has no conditions yet.
    while not _are_served(cluster):
        if time.monotonic() > end:
            raise ClusterError(f"the API server does not serve {', '.join(_NAMES)}")
        time.sleep(0.2)


def _are_served(cluster: Cluster) -> bool:
    found = json.loads(_kubectl(cluster, "get", "crd", *_NAMES, "-o", "json"))["items"]
    return all(("Established", "True") in _conditions(each) for each in found)


def _conditions(resource: dict[str, Any]) -> list[tuple[str, str]]:
    return [(each["type"], each["status"]) for each in resource["status"]["conditions"] or ()]


def _remove(cluster: Cluster) -> None:
    """Without the finalizers, what the Applications manage stays as it is."""
    for kind in ("applicationsets", "applications"):
        for name in _kubectl(cluster, "-n", NAMESPACE, "get", f"{kind}.argoproj.io", "-o", "name").split():
            _kubectl(
                cluster, "-n", NAMESPACE, "patch", name, "--type=merge", "-p", '{"metadata":{"finalizers":null}}'
            )
            _kubectl(cluster, "-n", NAMESPACE, "delete", name, "--wait=false", "--ignore-not-found")
    _kubectl(cluster, "delete", "namespace", NAMESPACE, "--timeout=60s")
    _kubectl(cluster, "delete", "crd", *_NAMES, "--timeout=60s")


_NAMES = tuple(f"{kind}s.argoproj.io" for kind in _KINDS)


def _kubectl(cluster: Cluster, *arguments: str, stdin: str | None = None) -> str:
    command = [str(cluster.kubectl), "--kubeconfig", str(cluster.kubeconfig), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True, input=stdin).stdout


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder
