"""Who may talk with an index's pods, and with whom they may talk."""

from dataclasses import dataclass

from wheelyard_operator.resource.meta import Manifest

_EVERY_POD: Manifest = {"namespaceSelector": {}}


@dataclass(frozen=True)
class Network:
    """Peers in the form that a NetworkPolicy has them. Of those that come, none is nobody."""

    cluster: tuple[Manifest, ...]
    external: tuple[Manifest, ...]
    metrics: tuple[Manifest, ...]
    """Besides the operator."""
    storage: tuple[Manifest, ...]
    """Where the storage is. None is wherever the endpoint says."""
    storage_ports: tuple[int, ...]
    """At which the storage's own pods listen. None are those of the endpoint."""
    dns: tuple[Manifest, ...]
    """Where names are resolved. None is anywhere."""

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
        )
