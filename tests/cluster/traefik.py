"""Traefik at the edge of the local cluster: an Ingress controller and a Gateway, as a process of this machine."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from . import kinds, local, network, pypi, tools
from .handle import Cluster
from .paths import HERE
from .processes import Program, Supervisor
from .progress import ClusterError

ADDRESS = network.HOST
"""The address of its port 443, for pods and for this machine."""
CLASS = "traefik"
"""The class of its Ingresses and Gateways; its controllers have the names below."""
INGRESS_CONTROLLER = "traefik.io/ingress-controller"
GATEWAY_CONTROLLER = "traefik.io/gateway-controller"
INGRESSES = "kubernetesingress"
GATEWAYS = "kubernetesgateway"
_PING = f"{network.PRIVATE}:8099"
_NAME = "traefik"


def check() -> None:
    """Raise ClusterError where it cannot run: it must reach pods by their own addresses."""
    if kinds.chosen() is not local:
        raise ClusterError("Traefik runs as a process of this machine, which reaches pods with CLUSTER=local only")


def gateway_crds() -> Path:
    """Return the folder with the CRDs of the Gateway API, in the version that this Traefik knows."""
    return tools.module_folder(HERE / "tools/gateway-api", "sigs.k8s.io/gateway-api") / "config/crd/standard"


@contextmanager
def running(cluster: Cluster, directory: Path, provider: str) -> Iterator[None]:
    """Run it for as long as a block takes, as controller of `INGRESSES` or `GATEWAYS`; it logs to the directory."""
    check()
    supervisor, program = Supervisor(directory), _program(cluster, provider)
    supervisor.start(program)
    try:
        supervisor.wait(program)
        yield
    finally:
        supervisor.stop(_NAME)


def _program(cluster: Cluster, provider: str) -> Program:
    options = (
        f"--entrypoints.websecure.address={ADDRESS}:443",
        # As its Helm chart has it: otherwise each Ingress needs an annotation of Traefik's own in
        # addition to its `tls`.
        "--entrypoints.websecure.http.tls=true",
        # By itself Traefik cuts an upload that takes more than a minute.
        "--entrypoints.websecure.transport.respondingtimeouts.readtimeout=0",
        f"--entrypoints.ping.address={_PING}",
        "--ping.entrypoint=ping",
        f"--providers.{provider}",
        # What changes counts at once, not after 2 seconds.
        "--providers.providersthrottleduration=100ms",
        "--global.checknewversion=false",
        "--global.sendanonymoususage=false",
        "--accesslog",
    )
    return Program(
        name=_NAME,
        command=(str(pypi.traefik()), *options),
        ready=f"http://{_PING}/ping",
        environment={"KUBECONFIG": str(cluster.kubeconfig)},
    )
