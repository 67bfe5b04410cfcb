"""Clients outside of the cluster come in by a real Gateway of another namespace."""

import json
import time
from pathlib import Path

import yaml

from cluster import traefik
from support import distributions
from support.here import Here
from support.kubectl import eventually
from support.mainjob import MainJob
from support.outside import INSTALL, TWINE, laptop, namespace_with, remove, status
from support.tls import Certificate

CRDS = tuple(f"crd/{kind}.gateway.networking.k8s.io" for kind in ("gatewayclasses", "gateways", "httproutes"))


def test_by_a_gateway_of_another_namespace(operator: MainJob, certificate: Certificate, tmp_path: Path) -> None:
    kubectl, here = operator.kubectl, Here(operator.kubectl, "by-gateway")
    gateway_class = {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "GatewayClass",
        "metadata": {"name": traefik.CLASS},
        "spec": {"controllerName": traefik.GATEWAY_CONTROLLER},
    }
    crds = str(traefik.gateway_crds())
    everything = [
        each for each in yaml.safe_load_all(operator.manifest("gateway.yaml")) if each["kind"] != "Gateway"
    ]
    remove_kinds = ("delete", "-f", crds, "--ignore-not-found", "--timeout=60s")
    try:
        kubectl(*remove_kinds)  # a killed run may have left them
        kubectl("apply", "-f", "-", stdin=yaml.safe_dump_all(everything))
        message = here.wait_for("packageindex", "main", "Exposed", "KindNotInstalled")
        assert "have the Gateway API's CRDs installed" in message
        here.wait_for("packageindex", "main", "Available", "Serving")
        kubectl("apply", "--server-side", "-f", crds)
        kubectl("wait", "--for=condition=Established", *CRDS, "--timeout=60s")
        kubectl("apply", "-f", "-", stdin=json.dumps(gateway_class))
        namespace_with(kubectl, "gateways", certificate, "example-com-tls")
        operator.apply("gateway.yaml")
        here.wait_for("packageindex", "main", "Exposed", "WaitingForGateway")
        with traefik.running(operator.cluster, tmp_path, traefik.GATEWAYS):
            operator.wait_until_ready("packageindex", "main", here.namespace)
            operator.wait_until_ready("indexuser", "developer", here.namespace)
            laptop(here, operator.cluster, certificate, "packages.example.com")
            there = "https://packages.example.com/simple/"
            eventually(lambda: status(here, there) == 401, "Traefik knows of the servers")
            wheel = distributions.wheel(tmp_path, "by_gateway", version=f"1.{int(time.time())}")
            kubectl("-n", here.namespace, "cp", str(wheel), f"client:/tmp/{wheel.name}")
            here.in_client(
                "sh", "-ec", f"{TWINE} /tmp/{wheel.name} && pip install --no-cache-dir {INSTALL} by-gateway"
            )
            kubectl("label", "namespace", here.namespace, "public-")
            message = here.wait_for("packageindex", "main", "Exposed", "RouteNotAccepted")
            assert "Gateway gateways/public does not accept the route" in message
            gone = [{"op": "remove", "path": "/spec/httpRoute"}]
            kubectl("-n", here.namespace, "patch", "packageindex", "main", "--type=json", "-p", json.dumps(gone))
            here.wait_for("packageindex", "main", "Ready", "Serving")
            assert not kubectl.get("-n", here.namespace, "httproutes")["items"]
    finally:
        remove(kubectl, here.namespace)
        kubectl.attempt("delete", "gatewayclass", traefik.CLASS)
        kubectl.attempt("delete", "namespace", "gateways", "--wait=false")
        kubectl.attempt(*remove_kinds)
