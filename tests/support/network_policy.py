"""What a NetworkPolicy allows, by the rules of Kubernetes: there is no network here that would enforce one.

https://kubernetes.io/docs/reference/kubernetes-api/policy-resources/network-policy-v1/
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from typing import Any

Manifest = dict[str, Any]


@dataclass(frozen=True)
class Peer:
    """The other end of a connection: a pod, or an address of no pod."""

    namespace: Mapping[str, str] = field(default_factory=dict)
    """Labels of the pod's namespace; of one outside of the cluster, none."""
    pod: Mapping[str, str] | None = None
    address: str = "10.0.0.1"


def namespace_labels(name: str) -> dict[str, str]:
    """Return what every namespace of this name has."""
    return {"kubernetes.io/metadata.name": name}


def lets_in(policy: Manifest, source: Peer, port: int, protocol: str = "TCP") -> bool:
    """Return whether pods of the policy may be connected to."""
    return _allowed(policy, "Ingress", "from", source, port, protocol)


def lets_out(policy: Manifest, target: Peer, port: int, protocol: str = "TCP") -> bool:
    """Return whether pods of the policy may connect."""
    return _allowed(policy, "Egress", "to", target, port, protocol)


def _allowed(policy: Manifest, direction: str, peers: str, other: Peer, port: int, protocol: str) -> bool:
    spec = policy["spec"]
    if direction not in spec["policyTypes"]:
        return True
    home = policy["metadata"]["namespace"]
    return any(
        _fits_port(rule.get("ports", []), port, protocol)
        and (not rule.get(peers) or any(_fits_peer(each, other, home) for each in rule[peers]))
        for rule in spec.get(direction.lower(), [])
    )


def _fits_port(ports: list[Manifest], port: int, protocol: str) -> bool:
    return not ports or any((each["protocol"], each["port"]) == (protocol, port) for each in ports)


def _fits_peer(rule: Manifest, other: Peer, home: str) -> bool:
    if "ipBlock" in rule:
        block, address = rule["ipBlock"], ip_address(other.address)
        left_out = any(address in ip_network(each) for each in block.get("except", []))
        return address in ip_network(block["cidr"]) and not left_out
    if other.pod is None:
        return False
    in_namespace = (
        _selects(rule["namespaceSelector"], other.namespace)
        if "namespaceSelector" in rule
        else other.namespace.get("kubernetes.io/metadata.name") == home
    )
    return in_namespace and _selects(rule.get("podSelector", {}), other.pod)


def _selects(selector: Manifest, labels: Mapping[str, str]) -> bool:
    assert set(selector) <= {"matchLabels"}, "no other kind of selector is known here"
    wanted: dict[str, str] = selector.get("matchLabels", {})
    return wanted.items() <= labels.items()
