from dataclasses import replace
from typing import Any

import pytest

from support.network_policy import Peer, lets_in, lets_out, namespace_labels
from unit.wheelyard_operator.fakes import SETTINGS, an_index
from wheelyard_operator.desired.common import selector_labels
from wheelyard_operator.desired.index_file import EXTERNAL_PORT, METRICS_PORT, PORT
from wheelyard_operator.desired.networkpolicy import networkpolicy
from wheelyard_operator.egress import EgressSettings
from wheelyard_operator.resource import Manifest

IN_CLUSTER = replace(SETTINGS, pod_namespace="wheelyard-system")
CHART_LABELS = {"app.kubernetes.io/name": "wheelyard", "app.kubernetes.io/component": "operator"}
OPERATOR = Peer(namespace_labels("wheelyard-system"), CHART_LABELS)
BUILD = Peer(namespace_labels("ci"), {"app": "build"})
NEIGHBOUR = Peer(namespace_labels("packages"), {"app": "neighbour"})
INGRESS = Peer(namespace_labels("ingress"), {"app": "controller"})
PROMETHEUS = Peer(namespace_labels("monitoring"), {"app": "prometheus"})
INTERNET = Peer(address="203.0.113.9")
EVERYBODY = {
    "operator": OPERATOR,
    "build": BUILD,
    "neighbour": NEIGHBOUR,
    "ingress": INGRESS,
    "prometheus": PROMETHEUS,
    "internet": INTERNET,
}


def policy(settings: Any = IN_CLUSTER, *, index: Manifest | None = None, **wishes: Any) -> Manifest:
    made = networkpolicy(an_index(spec={"networkPolicy": wishes}, **(index or {})), settings)
    assert made is not None
    return made


def who(made: Manifest, port: int) -> set[str]:
    return {name for name, peer in EVERYBODY.items() if lets_in(made, peer, port)}


def of(namespace: str, **pod: str) -> Manifest:
    selected = {"podSelector": {"matchLabels": pod}} if pod else {}
    return {"namespaceSelector": {"matchLabels": namespace_labels(namespace)}, **selected}


def test_there_is_no_network_policy_unless_requested() -> None:
    assert networkpolicy(an_index(), IN_CLUSTER) is None


def test_the_policy_selects_the_indexs_own_pods() -> None:
    assert policy()["spec"]["podSelector"] == {"matchLabels": selector_labels(an_index())}


def test_by_default_pods_come_to_their_listener_and_the_operator_to_the_metrics() -> None:
    made = policy()
    assert who(made, PORT) == {"operator", "build", "neighbour", "ingress", "prometheus"}
    assert who(made, EXTERNAL_PORT) == set()
    assert who(made, METRICS_PORT) == {"operator"}
    assert who(made, 22) == set()


def test_only_named_clients_are_let_in() -> None:
    made = policy(
        clusterFrom=[of("ci", app="build"), {"podSelector": {}}],
        externalFrom=[of("ingress")],
        metricsFrom=[of("monitoring", app="prometheus")],
    )
    assert who(made, PORT) == {"build", "neighbour"}
    assert who(made, EXTERNAL_PORT) == {"ingress"}
    assert who(made, METRICS_PORT) == {"operator", "prometheus"}


def test_clients_can_be_limited_to_none() -> None:
    assert who(policy(clusterFrom=[]), PORT) == set()


def test_a_load_balancer_without_pods() -> None:
    block = {"cidr": "203.0.113.0/24", "except": ["203.0.113.128/25"]}
    made = policy(externalFrom=[{"ipBlock": block}])
    assert who(made, EXTERNAL_PORT) == {"internet"}
    assert not lets_in(made, Peer(address="203.0.113.200"), EXTERNAL_PORT)


def test_an_operator_outside_of_the_cluster_has_no_namespace() -> None:
    assert who(policy(SETTINGS), METRICS_PORT) == set()


def out(made: Manifest, port: int, address: str = "203.0.113.9", protocol: str = "TCP") -> bool:
    return lets_out(made, Peer(address=address), port, protocol)


@pytest.mark.parametrize(
    ("endpoint", "open_ports"), [("", {443}), ("https://s3.example", {443}), ("http://s3.example:7070", {7070})]
)
def test_out_to_dns_and_the_storage_only(endpoint: str, open_ports: set[int]) -> None:
    made = policy(replace(IN_CLUSTER, s3_endpoint=endpoint))
    assert {port for port in (22, 80, 443, 6443, 7070, 8080) if out(made, port)} == open_ports
    assert out(made, 53, protocol="UDP")
    assert out(made, 53)
    assert not out(made, 443, protocol="UDP")


def test_a_storage_at_an_address_is_reached_there_alone() -> None:
    made = policy(replace(IN_CLUSTER, s3_endpoint="http://192.0.2.7:9000"))
    assert out(made, 9000, "192.0.2.7")
    assert not out(made, 9000, "192.0.2.8")
    v6 = policy(replace(IN_CLUSTER, s3_endpoint="http://[2001:db8::7]:9000"))
    assert out(v6, 9000, "2001:db8::7")
    assert not out(v6, 9000, "2001:db8::8")


def test_a_storage_within_the_cluster() -> None:
    s3, dns = Peer(namespace_labels("minio"), {}), Peer(namespace_labels("kube-system"), {})
    made = policy(storageTo=[of("minio")], storagePorts=[9000], dnsTo=[of("kube-system")])
    assert lets_out(made, s3, 9000)
    assert not lets_out(made, s3, 443)
    assert not lets_out(made, INTERNET, 9000)
    assert lets_out(made, dns, 53, "UDP")
    assert not lets_out(made, INTERNET, 53, "UDP")


def test_a_volume_allows_no_egress_to_storage() -> None:
    made = policy(index={"storage": {"volume": {"size": "1Gi"}}, "replicas": 1})
    assert not out(made, 443)
    assert not out(made, 53, protocol="UDP")


def test_a_role_comes_from_the_cloud_or_from_the_node() -> None:
    role: Manifest = {"s3__provision": {}, "s3__credentials": {"serviceAccount": {}}}
    made = policy(replace(IN_CLUSTER, s3_endpoint="http://192.0.2.7:9000"), index=role)
    assert out(made, 443), "STS"
    assert out(made, 80, "169.254.170.23")
    assert out(made, 80, "fd00:ec2::23")
    assert not out(made, 80)


@pytest.mark.parametrize("storage", [{}, {"storage": {"volume": {"size": "1Gi"}}, "replicas": 1}])
def test_egress_to_the_trace_collector_is_allowed_if_there_is_one(storage: Manifest) -> None:
    made = policy(replace(IN_CLUSTER, tracing_endpoint="http://collector:4318"), index=storage)
    assert out(made, 4318)
    assert out(made, 53, protocol="UDP")
    assert not out(made, 4317)
    literal = policy(replace(IN_CLUSTER, tracing_endpoint="http://192.0.2.9:4318"), index=storage)
    assert out(literal, 4318, "192.0.2.9")
    assert not out(literal, 4318, "192.0.2.8")


PYPI = {"name": "pypi", "pypi": {}}
NEXUS = {"name": "nexus", "url": "http://nexus.svc:8081/simple/", "fileHosts": ["files.nexus.svc:9443"]}
METADATA_SERVICE = Peer(address="169.254.169.254")
PRIVATE = {address: Peer(address=address) for address in ("10.1.2.3", "172.16.0.1", "192.168.1.1", "100.64.0.1")}
LINK_LOCAL = Peer(address="fe80::1")


def with_upstreams(*upstreams: Manifest, egress: EgressSettings | None = None, **wishes: Any) -> Manifest:
    settings = replace(IN_CLUSTER, egress=egress or EgressSettings())
    spec = {"networkPolicy": wishes, "upstreams": list(upstreams), "storage": {"volume": {"size": "1Gi"}}}
    made = networkpolicy(an_index(spec=spec), settings)
    assert made is not None
    return made


def test_without_upstreams_pods_on_a_volume_connect_to_nothing() -> None:
    assert with_upstreams()["spec"]["egress"] == []
    assert with_upstreams({**PYPI, "offline": True})["spec"]["egress"] == []


def test_pods_reach_public_upstreams_and_no_private_or_link_local_address() -> None:
    made = with_upstreams(PYPI)
    assert lets_out(made, INTERNET, 443)
    assert lets_out(made, Peer(address="2001:db8::1"), 443)
    assert not lets_out(made, INTERNET, 80)
    for peer in (METADATA_SERVICE, LINK_LOCAL, BUILD, *PRIVATE.values()):
        assert not lets_out(made, peer, 443)


def with_sign_on(token_host: str, egress: EgressSettings | None = None, **wishes: Any) -> Manifest:
    spec = {"networkPolicy": wishes, "storage": {"volume": {"size": "1Gi"}}}
    settings = replace(IN_CLUSTER, egress=egress or EgressSettings())
    made = networkpolicy(an_index(spec=spec), settings, token_host=token_host)
    assert made is not None
    return made


def test_pods_reach_the_token_endpoint_like_an_upstream() -> None:
    assert with_sign_on("")["spec"]["egress"] == []
    made = with_sign_on("dex.example.com:5556")
    assert [port for port in (443, 5556) if lets_out(made, INTERNET, port)] == [5556]
    assert not lets_out(made, BUILD, 5556)
    peer = {"namespaceSelector": {"matchLabels": namespace_labels("ci")}}
    assert lets_out(with_sign_on("dex.dex.svc:5556", upstreamTo=[peer]), BUILD, 5556)
    proxied = with_sign_on("dex.example.com", EgressSettings(proxy="http://192.0.2.1:3128"))
    assert not lets_out(proxied, INTERNET, 443)
    assert lets_out(proxied, Peer(address="192.0.2.1"), 3128)


def test_networks_of_the_cluster_are_denied_like_private_ones() -> None:
    denied = EgressSettings(denied_networks=("203.0.113.0/24", "2001:db8::/32"))
    made = with_upstreams(PYPI, egress=denied)
    assert not lets_out(made, INTERNET, 443)
    assert not lets_out(made, Peer(address="2001:db8::1"), 443)
    assert lets_out(made, Peer(address="198.51.100.1"), 443)


def test_each_upstream_opens_the_ports_of_its_hosts() -> None:
    made = with_upstreams(NEXUS)
    assert [port for port in (80, 443, 8081, 9443) if lets_out(made, INTERNET, port)] == [443, 8081, 9443]
    spec = {"networkPolicy": {}, "upstreams": [NEXUS], "advisories": {"none": {}}}
    without_feed = networkpolicy(an_index(storage={"volume": {"size": "1Gi"}}, spec=spec), IN_CLUSTER)
    assert without_feed is not None
    assert [port for port in (80, 443, 8081, 9443) if lets_out(without_feed, INTERNET, port)] == [8081, 9443]


def test_upstreams_with_private_addresses_are_named_as_peers() -> None:
    peer = {"namespaceSelector": {"matchLabels": namespace_labels("ci")}}
    made = with_upstreams(NEXUS, PYPI, upstreamTo=[peer])
    assert lets_out(made, BUILD, 8081)
    assert lets_out(made, INTERNET, 443)
    assert not lets_out(made, NEIGHBOUR, 8081)
    behind_a_service = with_upstreams(NEXUS, upstreamTo=[peer], upstreamPorts=[8443])
    assert lets_out(behind_a_service, BUILD, 8443)
    assert not lets_out(behind_a_service, BUILD, 8081)


def test_an_upstream_at_an_address_is_reached_there_alone() -> None:
    private = PRIVATE["10.1.2.3"]
    made = with_upstreams({"name": "own", "url": f"https://{private.address}:8443/simple/"}, PYPI)
    assert lets_out(made, private, 8443)
    assert not lets_out(made, private, 443)
    assert not lets_out(made, Peer(address="10.0.0.77"), 8443)


def test_with_a_proxy_pods_reach_the_proxy_alone() -> None:
    proxy = EgressSettings(proxy="http://203.0.113.9:3128")
    made = with_upstreams(PYPI, egress=proxy)
    assert lets_out(made, INTERNET, 3128)
    assert not lets_out(made, INTERNET, 443)
    assert not lets_out(made, Peer(address="198.51.100.1"), 3128)
    named = with_upstreams(PYPI, egress=proxy, upstreamTo=[{"namespaceSelector": {}}])
    assert lets_out(named, BUILD, 3128)
    assert not lets_out(named, INTERNET, 3128)


def test_hosts_that_need_no_proxy_are_reached_directly() -> None:
    proxy = EgressSettings(proxy="http://203.0.113.9:3128", no_proxy=("svc",))
    made = with_upstreams(PYPI, NEXUS, egress=proxy)
    assert [port for port in (443, 3128, 8081, 9443) if lets_out(made, INTERNET, port)] == [3128, 8081, 9443]


def test_an_upstream_that_is_not_allowed_opens_no_port() -> None:
    index = an_index(spec={"networkPolicy": {}, "upstreams": [NEXUS, PYPI]})
    made = networkpolicy(index, IN_CLUSTER, {"nexus"})
    assert made is not None
    assert not lets_out(made, INTERNET, 8081)
    assert lets_out(made, INTERNET, 443)
