"""The connection to the cluster that kubectl uses: same kubeconfig, context and namespace."""

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import kubernetes
from kubernetes.config import ConfigException
from kubernetes.config.incluster_config import SERVICE_TOKEN_FILENAME

from wheelyard_operator.kube import Kube, RealKube
from wheelyard_operator.kubectl.errors import PluginError
from wheelyard_operator.kubectl.podlogs import PodLogs, RealPodLogs

FIELD_MANAGER = "wheelyard-plugin"
"""Flux removes fields that are not in Git from managers whose name begins with "kubectl" (docs/gitops.md)."""


@dataclass(frozen=True)
class Connection:
    """A cluster, and the namespace that a command works in."""

    kube: Kube
    logs: PodLogs
    namespace: str
    server: str
    """The API server's URL."""
    flags: tuple[str, ...] = ()
    """The flags that make kubectl use this cluster."""


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags of kubectl that choose cluster, namespace and user."""
    parser.add_argument("-n", "--namespace", metavar="NAME", help="default: the namespace of the context")
    parser.add_argument("--context", metavar="NAME", help="default: the current context of the kubeconfig")
    parser.add_argument("--kubeconfig", metavar="FILE", help="default: KUBECONFIG, or ~/.kube/config")
    parser.add_argument("--as", dest="impersonated", metavar="USER", help="act as this Kubernetes user")


def connect(arguments: argparse.Namespace) -> Connection:
    """Return the connection; raise PluginError if the kubeconfig or context does not exist."""
    configuration = kubernetes.client.Configuration()
    namespace = _load(configuration, arguments.kubeconfig, arguments.context)
    client: Any = kubernetes.client.ApiClient(configuration)
    if arguments.impersonated:
        client.set_default_header("Impersonate-User", arguments.impersonated)
    flags = {"--kubeconfig": arguments.kubeconfig, "--context": arguments.context, "--as": arguments.impersonated}
    return Connection(
        kube=RealKube(client, field_manager=FIELD_MANAGER),
        logs=RealPodLogs(client),
        namespace=arguments.namespace or namespace,
        server=configuration.host,
        flags=tuple(f"{flag}={value}" for flag, value in flags.items() if value),
    )


def _load(configuration: Any, file: str | None, context: str | None) -> str:
    """Load the credentials into `configuration`, and return the namespace."""
    try:
        kubernetes.config.load_kube_config(file, context, client_configuration=configuration)
        contexts, active = kubernetes.config.list_kube_config_contexts(file)
    except ConfigException as error:
        if file or context or not _in_pod():
            raise PluginError(
                f"No cluster: {error} Choose a kubeconfig with --kubeconfig or KUBECONFIG, and one of its contexts"
                " with --context."
            ) from None
        # In a pod without a kubeconfig, kubectl uses the pod's ServiceAccount, and so do we.
        kubernetes.config.load_incluster_config(configuration)
        return Path(SERVICE_TOKEN_FILENAME).with_name("namespace").read_text()
    chosen = next((each for each in contexts if each["name"] == context), active)
    return str(chosen["context"].get("namespace") or "default")


def _in_pod() -> bool:
    return Path(SERVICE_TOKEN_FILENAME).exists()
