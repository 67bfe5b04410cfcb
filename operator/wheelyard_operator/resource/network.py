"""The peers that may connect to the pods of an index, and those that the pods may connect to."""

from dataclasses import dataclass

from wheelyard_operator.resource.meta import Manifest

_EVERY_POD: Manifest = {"namespaceSelector": {}}


@dataclass(frozen=True)
class Network:
    """Peers as in a NetworkPolicy. No incoming peers means that none may connect."""

    cluster: tuple[Manifest, ...]
    external: tuple[Manifest, ...]
    metrics: tuple[Manifest, ...]
    """In addition to the operator."""
    storage: tuple[Manifest, ...]
    """Peers that run the storage. Empty means the address of the endpoint."""
    storage_ports: tuple[int, ...]
    """Ports of the pods of the storage. Empty means the port of the endpoint."""
    dns: tuple[Manifest, ...]
    """Peers that run DNS. Empty means any address."""
    upstreams: tuple[Manifest, ...]
    """Peers that run upstreams, or the proxy, in addition to public addresses."""
    upstream_ports: tuple[int, ...]
    """Ports of those peers. Empty means the ports of the upstreams or of the proxy."""

    @classmethod
    def parse(cls, body: Manifest) -> "Network":
        """Take it from `spec.networkPolicy`."""
        return cls(
            cluster=tuple(body.get("clusterFrom", (_EVERY_POD,))),
            external=tuple(body.get("externalFrom", ())),
            metrics=tuple(body.get("metricsFrom", ())),
            storage=tuple(body.get("storageTo", ())),
            storage_ports=tuple(body.get("storagePorts", ())),
            dns=tuple(body.get("dnsTo", ())),
            upstreams=tuple(body.get("upstreamTo", ())),
            upstream_ports=tuple(body.get("upstreamPorts", ())),
        )
