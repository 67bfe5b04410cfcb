from typing import Any

import pytest

from unit.wheelyard_operator.fakes import an_index
from wheelyard_operator.desired.httproute import httproute
from wheelyard_operator.desired.ingress import ingress
from wheelyard_operator.desired.service import service
from wheelyard_operator.resource import Manifest

HOST = "pypi.example.com"


def made(**wishes: Any) -> Manifest:
    found = ingress(an_index(spec={"ingress": {"host": HOST, **wishes}}))
    assert found is not None
    return found


def test_there_is_no_ingress_or_route_unless_requested() -> None:
    assert ingress(an_index()) is None
    assert httproute(an_index()) is None


def test_the_ingress_leads_to_the_external_listener() -> None:
    (rule,) = made()["spec"]["rules"]
    (path,) = rule["http"]["paths"]
    backend = path["backend"]["service"]
    (port,) = [each for each in service(an_index())["spec"]["ports"] if each["name"] == backend["port"]["name"]]
    assert (rule["host"], path["path"], backend["name"]) == (HOST, "/", "wheelyard-main")
    assert port["targetPort"] == "external", "its requests come from outside the cluster"


def test_omitted_settings_are_the_clusters_defaults() -> None:
    assert "ingressClassName" not in made()["spec"]
    assert "tls" not in made()["spec"]
    assert "annotations" not in made()["metadata"]
    assert made(className="traefik")["spec"]["ingressClassName"] == "traefik"
    assert made(annotations={"a/b": "c"})["metadata"]["annotations"] == {"a/b": "c"}


def test_an_ingress_uses_a_given_certificate() -> None:
    assert made(tls={"secretName": "pypi-tls"})["spec"]["tls"] == [{"hosts": [HOST], "secretName": "pypi-tls"}]


@pytest.mark.parametrize(
    ("kind", "annotation"),
    [({}, "issuer"), ({"kind": "Issuer"}, "issuer"), ({"kind": "ClusterIssuer"}, "cluster-issuer")],
)
def test_a_certificate_by_cert_manager(kind: dict[str, str], annotation: str) -> None:
    found = made(tls={"issuerRef": {"name": "letsencrypt", **kind}}, annotations={"a/b": "c"})
    assert found["metadata"]["annotations"] == {f"cert-manager.io/{annotation}": "letsencrypt", "a/b": "c"}
    assert found["spec"]["tls"] == [{"hosts": [HOST], "secretName": "wheelyard-main-tls"}]


def test_a_route_leads_to_the_external_listener() -> None:
    parents = [{"name": "public", "namespace": "gateways", "sectionName": "https"}]
    route = httproute(an_index(spec={"httpRoute": {"parentRefs": parents, "hostnames": [HOST]}}))
    assert route is not None
    assert (route["spec"]["parentRefs"], route["spec"]["hostnames"]) == (parents, [HOST])
    (rule,) = route["spec"]["rules"]
    (backend,) = rule["backendRefs"]
    (port,) = [each for each in service(an_index())["spec"]["ports"] if each["port"] == backend["port"]]
    assert (backend["name"], port["targetPort"]) == ("wheelyard-main", "external")


@pytest.mark.parametrize(
    ("spec", "url"),
    [
        ({}, "http://wheelyard-main.packages.svc.cluster.local/"),
        ({"ingress": {"host": HOST}}, f"http://{HOST}/"),
        ({"ingress": {"host": HOST, "tls": {}}}, f"https://{HOST}/"),
        ({"httpRoute": {"parentRefs": [], "hostnames": [HOST, "b.example"]}}, f"https://{HOST}/"),
        ({"external": {"url": "https://lb.example:8443"}, "ingress": {"host": HOST}}, "https://lb.example:8443/"),
        ({"external": {"url": "https://own.example/"}}, "https://own.example/"),
    ],
)
def test_addresses_inside_and_outside_follow_the_spec(spec: Manifest, url: str) -> None:
    index = an_index(spec=spec)
    assert index.url("cluster.local") == url
    assert index.cluster_url("cluster.local") == "http://wheelyard-main.packages.svc.cluster.local/"
