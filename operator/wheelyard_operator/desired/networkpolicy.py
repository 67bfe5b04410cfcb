"""The NetworkPolicy of an index's pods."""

from collections.abc import Collection, Iterable
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from urllib.parse import urlsplit

from wheelyard_operator.desired.common import index_metadata, selector_labels
from wheelyard_operator.desired.index_file import EXTERNAL_PORT, METRICS_PORT, PORT, endpoint
from wheelyard_operator.egress import WORDS, EgressSettings, Host
from wheelyard_operator.resource import Manifest, Network, PackageIndex, S3Storage, VolumeStorage
from wheelyard_operator.resource.upstreams import port_of
from wheelyard_operator.settings import Settings

_HTTPS = 443
_DNS_PORTS = (53, 5353)
"""The ports on which the resolver's pods listen: on OpenShift 5353."""
_OPERATOR_PODS = {"app.kubernetes.io/name": "wheelyard", "app.kubernetes.io/component": "operator"}
"""Labels that the chart gives them."""
_POD_IDENTITY_AGENT = ("169.254.170.23/32", "fd00:ec2::23/128")
"""The agent of EKS on every node, at port 80."""
_NOT_PUBLIC = {
    "0.0.0.0/0": (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.168.0.0/16",
    ),
    "::/0": ("fc00::/7", "fe80::/10"),
}
"""All addresses, and the private and link-local ones of the IANA special-purpose registries."""


def networkpolicy(
    index: PackageIndex, settings: Settings, blocked: Collection[str] = (), token_host: str = ""
) -> Manifest | None:
    """Allow only named peers to the pods, and only what servers connect to from them.

    That is DNS, storage, upstreams, events, single sign-on and traces. `blocked` has the names of
    the upstreams that servers must not ask; `token_host` is the provider's host that they ask, in
    the form of `allowed_form`, "" for none.
    """
    network = index.network
    if network is None:
        return None
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": index_metadata(index, index.child_name),
        "spec": {
            "podSelector": {"matchLabels": selector_labels(index)},
            "policyTypes": ["Ingress", "Egress"],
            "ingress": _ingress(network, settings),
            "egress": _egress(index, network, settings, _hosts(index, blocked, token_host)),
        },
    }


def _ingress(network: Network, settings: Settings) -> list[Manifest]:
    # The kubelet's probes come from the node, which no policy blocks.
    listeners = (
        (network.cluster, PORT),
        (network.external, EXTERNAL_PORT),
        ((*_operator(settings), *network.metrics), METRICS_PORT),
    )
    # A rule without peers would allow all.
    return [{"from": list(peers), "ports": _tcp([port])} for peers, port in listeners if peers]


def _operator(settings: Settings) -> tuple[Manifest, ...]:
    """Allow the operator to ask servers whether they use their access file."""
    if not settings.pod_namespace:
        return ()
    home = {"kubernetes.io/metadata.name": settings.pod_namespace}
    return ({"namespaceSelector": {"matchLabels": home}, "podSelector": {"matchLabels": _OPERATOR_PODS}},)


def _egress(index: PackageIndex, network: Network, settings: Settings, hosts: Collection[str]) -> list[Manifest]:
    rules = [
        *_to_storage(index.storage, network, settings),
        *_to_upstreams(hosts, network, settings.egress),
        *_to_collector(settings),
    ]
    dns = [{"protocol": protocol, "port": each} for each in _DNS_PORTS for protocol in ("UDP", "TCP")]
    return [_to(network.dns, dns), *rules] if rules else []


def _to_storage(storage: S3Storage | VolumeStorage, network: Network, settings: Settings) -> list[Manifest]:
    if not isinstance(storage, S3Storage):
        return []
    host, port = _server(endpoint(storage, settings))
    rules = [_to(network.storage or _literal(host), _tcp(network.storage_ports or [port]))]
    if storage.cloud_role is not None:
        # For the role: the security token service, or the agent of the node.
        agent = [{"ipBlock": {"cidr": each}} for each in _POD_IDENTITY_AGENT]
        rules += [_to((), _tcp([_HTTPS])), _to(agent, _tcp([80]))]
    return rules


def _hosts(index: PackageIndex, blocked: Collection[str], token_host: str) -> set[str]:
    """Return the hosts of upstreams, advisories, events and sign-on, in the form of `allowed_form`."""
    sign_on = {token_host} if token_host else set()
    asked = [each for each in index.upstreams if not each.offline and each.name not in blocked]
    return {*(host for each in asked for host in each.hosts), *index.other_hosts, *sign_on}


def _to_upstreams(hosts: Collection[str], network: Network, egress: EgressSettings) -> list[Manifest]:
    """Allow public addresses and the named peers, and for hosts behind the proxy the proxy alone."""
    reached = {host for host in hosts if not egress.uses_proxy(_name(host))}
    direct = sorted({port_of(host) for host in reached})
    proxied = [port_of(egress.proxy)] if len(reached) < len(hosts) else []
    rules = [_to(_public(egress.denied_networks), _tcp(direct))] if direct else []
    # The platform team has listed exactly these addresses, which may be private.
    rules += [_to(peer, _tcp([port_of(each)])) for each in sorted(reached) if (peer := _literal(_name(each)))]
    if proxied and not network.upstreams:
        rules.append(_to(_literal(_server(egress.proxy)[0]), _tcp(proxied)))
    if hosts and network.upstreams:
        rules.append(_to(network.upstreams, _tcp(network.upstream_ports or sorted({*direct, *proxied}))))
    return rules


def _name(host: str) -> str:
    """Return the name of a host of an upstream, "" for PyPI and OSV, which no exception from the proxy can name."""
    found = Host.parse(host)
    return found.name if found and host not in WORDS else ""


def _public(denied: Iterable[str]) -> list[Manifest]:
    """Return the peers that have public addresses outside these networks."""
    networks = [ip_network(each) for each in denied]
    return [
        {"ipBlock": {"cidr": everything, "except": sorted({*private, *_inside(everything, networks)})}}
        for everything, private in _NOT_PUBLIC.items()
    ]


def _inside(everything: str, networks: Iterable[IPv4Network | IPv6Network]) -> list[str]:
    version = ip_network(everything).version
    return [str(each) for each in networks if each.version == version]


def _to_collector(settings: Settings) -> list[Manifest]:
    if not settings.tracing_endpoint:
        return []
    host, port = _server(settings.tracing_endpoint)
    return [_to(_literal(host), _tcp([port]))]


def _server(url: str) -> tuple[str, int]:
    """Return the host of a URL, "" if there is none, and its port."""
    parts = urlsplit(url)
    return parts.hostname or "", parts.port or (80 if parts.scheme == "http" else _HTTPS)


def _to(peers: Iterable[Manifest], ports: list[Manifest]) -> Manifest:
    """Allow traffic to these peers, to all if there are none."""
    listed = list(peers)
    return {"ports": ports, **({"to": listed} if listed else {})}


def _literal(host: str) -> list[Manifest]:
    try:
        address = ip_address(host)
    except ValueError:
        return []
    return [{"ipBlock": {"cidr": f"{address}/{address.max_prefixlen}"}}]


def _tcp(ports: Iterable[int]) -> list[Manifest]:
    return [{"protocol": "TCP", "port": port} for port in ports]
