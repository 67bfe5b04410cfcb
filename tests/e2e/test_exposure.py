"""Clients outside, by a real Ingress controller and a real Gateway, over TLS; and what else an index asks for."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from cluster import Cluster, ClusterError, traefik
from support import distributions
from support.here import Here
from support.kubectl import Kubectl, eventually
from support.mainjob import SYSTEM, MainJob
from support.tls import Certificate, certify

HOST = "pypi.example.com"
INSIDE = "http://wheelyard-main.two-doors/simple/"
BIG = 300 * 2**20
AUTHORITY = "/authority/authority.pem"
INSTALL = "--quiet --no-deps --target /tmp/installed"


@pytest.fixture(scope="module", autouse=True)
def local_only() -> None:
    try:
        traefik.check()
    except ClusterError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return certify(tmp_path_factory.mktemp("certificate"), "*.example.com")


@pytest.fixture(scope="module")
def outside(
    operator: MainJob, certificate: Certificate, tmp_path_factory: pytest.TempPathFactory
) -> Iterator["Outside"]:
    """Give a pod that plays a laptop: it knows the Ingress controller's address, and the developer's Secret."""
    kubectl = operator.kubectl
    ingress_class = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "IngressClass",
        "metadata": {"name": traefik.CLASS, "annotations": {"ingressclass.kubernetes.io/is-default-class": "true"}},
        "spec": {"controller": traefik.INGRESS_CONTROLLER},
    }
    here = Here(kubectl, "two-doors")
    kubectl("apply", "-f", "-", stdin=json.dumps(ingress_class))
    try:
        with traefik.running(operator.cluster, tmp_path_factory.mktemp("traefik"), traefik.INGRESSES):
            namespace_with(kubectl, here.namespace, certificate, "pypi-tls")
            operator.apply("inside-and-outside.yaml")
            operator.wait_until_ready("packageindex", "main", here.namespace)
            operator.wait_until_ready("indexuser", "developer", here.namespace)
            laptop(here, operator.cluster, certificate, HOST)
            eventually(lambda: status(here, f"https://{HOST}/simple/") == 401, "Traefik knows of the servers", 20)
            yield Outside(here)
    finally:
        remove(kubectl, here.namespace)
        kubectl("delete", "ingressclass", traefik.CLASS)


class Outside(Here):
    """A client of the index in `two-doors`, outside of it, and what its server has."""

    def __init__(self, here: Here) -> None:
        super().__init__(here.kubectl, here.namespace)

    def sh(self, script: str) -> str:
        return self.in_client("sh", "-ec", script)

    def in_server(self, *command: str) -> str:
        return self.kubectl("-n", self.namespace, "exec", "deployment/wheelyard-main", "--", *command)

    def received(self) -> int:
        """Tell how many bytes of uploads the server holds in its scratch space."""
        return int(self.in_server("python3", "-c", SIZES, "/scratch"))

    def log(self) -> list[dict[str, Any]]:
        text = self.kubectl("-n", self.namespace, "logs", "deployment/wheelyard-main")
        return [json.loads(line) for line in text.splitlines()]

    def upload(self, file: Path) -> None:
        self.kubectl("-n", self.namespace, "cp", str(file), f"client:/tmp/{file.name}")
        self.sh(f"twine upload --non-interactive --disable-progress-bar /tmp/{file.name}")


def status(here: Here, url: str) -> int:
    """Ask without a login, from the pod."""
    return int(here.in_client("python3", "-c", STATUS, url))


STATUS = """
import sys, urllib.error, urllib.request
try:
    print(urllib.request.urlopen(sys.argv[1], timeout=20).status)
except urllib.error.HTTPError as error:
    print(error.code)
"""
SIZES = """
import os, sys
print(sum(os.path.getsize(os.path.join(at, name)) for at, _, names in os.walk(sys.argv[1]) for name in names))
"""


def namespace_with(kubectl: Kubectl, name: str, certificate: Certificate, secret: str) -> None:
    """Make a namespace with the certificate in a Secret, as a platform team or cert-manager would."""
    if kubectl.attempt("get", "namespace", name).returncode:
        kubectl("create", "namespace", name)
    made = ("create", "secret", "tls", secret, f"--cert={certificate.chain}", f"--key={certificate.key}")
    manifest = kubectl("-n", name, *made, "--dry-run=client", "-o", "json")
    kubectl("apply", "-f", "-", stdin=manifest)


def laptop(here: Here, cluster: Cluster, certificate: Certificate, host: str) -> None:
    """Start the pod `client` with the developer's login and the authority, and with nothing else of the cluster."""
    manifest = here.kubectl(
        *("-n", here.namespace, "create", "configmap", "authority", f"--from-file={certificate.authority}"),
        *("--dry-run=client", "-o", "json"),
    )
    here.kubectl("apply", "-f", "-", stdin=manifest)
    trust = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "PIP_CERT")
    here.client_pod(
        cluster,
        hostAliases=[{"ip": traefik.ADDRESS, "hostnames": [host]}],
        volumes=[{"name": "authority", "configMap": {"name": "authority"}}],
        container={
            "envFrom": [{"secretRef": {"name": "developer-pypi"}}],
            "env": [{"name": name, "value": AUTHORITY} for name in trust],
            "volumeMounts": [{"name": "authority", "mountPath": "/authority"}],
        },
    )


def remove(kubectl: Kubectl, namespace: str) -> None:
    """Remove what is ours before the namespace goes: see conftest."""
    kubectl.attempt("-n", namespace, "delete", "packageindexes,indexusers,pods", "--all", "--timeout=60s")
    kubectl.attempt("delete", "namespace", namespace, "--wait=false")


def test_a_login_outside_and_none_inside(outside: Outside, tmp_path: Path) -> None:
    said = outside.kubectl.get("-n", outside.namespace, "packageindex", "main")["status"]
    assert said["url"] == f"https://{HOST}/"
    assert said["internalURL"] == "http://wheelyard-main.two-doors.svc.cluster.local/"
    outside.upload(distributions.wheel(tmp_path, "from_outside"))
    outside.sh(f"pip install --no-cache-dir {INSTALL} from-outside")
    outside.sh(f"uv pip install --no-cache {INSTALL}-by-uv from-outside")
    assert status(outside, f"https://{HOST}/simple/") == 401
    assert status(outside, INSIDE) == 200, "pods of the cluster need no login"


def test_the_log_has_the_client_s_address_and_not_the_proxy_s(outside: Outside, tmp_path: Path) -> None:
    outside.upload(distributions.wheel(tmp_path, "of_whom"))
    pod = outside.kubectl.get("-n", outside.namespace, "pod", "client")
    (line,) = [each for each in outside.log() if each.get("project") == "of-whom" and each["logger"] == "audit"]
    assert (line["client"], line["listener"]) == (pod["status"]["podIP"], "external")


def test_a_large_file_comes_through_both_ways_and_clients_that_stop_half_way_leave_nothing(
    outside: Outside,
) -> None:
    digest = outside.in_client("python3", "-", str(BIG), stdin=BIG_WHEEL).strip()
    outside.sh("twine upload --non-interactive --disable-progress-bar /tmp/big-1.0-py3-none-any.whl")
    half_way_down(outside)
    outside.sh("pip download --quiet --no-cache-dir --no-deps --dest /tmp/again big")
    assert outside.sh("sha256sum /tmp/again/big-1.0-py3-none-any.whl").split()[0] == digest

    with half_way_up(outside):
        eventually(lambda: outside.received() > 10**7, "the server has a part of the upload", 30)
    eventually(lambda: outside.received() == 0, "the space is free again", 30)
    assert status(outside, f"{INSIDE}half/") == 404
    assert not [each for each in outside.log() if "exception" in each or each["level"] == "ERROR"]


BIG_WHEEL = """
import base64, hashlib, os, sys, zipfile
path, block, digest = "/tmp/big-1.0-py3-none-any.whl", os.urandom(2**20), hashlib.sha256()
files = {
    "METADATA": b"Metadata-Version: 2.3\\nName: big\\nVersion: 1.0\\n\\n",
    "WHEEL": b"Wheel-Version: 1.0\\nGenerator: test\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n",
}
def line(name, digest, size):
    return f"{name},sha256={base64.urlsafe_b64encode(digest).decode().rstrip('=')},{size}\\n"
with zipfile.ZipFile(path, "w") as wheel:
    with wheel.open("big.bin", "w") as file:
        for _ in range(int(sys.argv[1]) // len(block)):
            file.write(block)
            digest.update(block)
    record = line("big.bin", digest.digest(), int(sys.argv[1]))
    for name, content in files.items():
        wheel.writestr(f"big-1.0.dist-info/{name}", content)
        record += line(f"big-1.0.dist-info/{name}", hashlib.sha256(content).digest(), len(content))
    wheel.writestr("big-1.0.dist-info/RECORD", record + "big-1.0.dist-info/RECORD,,\\n")
print(hashlib.sha256(open(path, "rb").read()).hexdigest())
"""

HALF_WAY_UP = """
import base64, os, socket, ssl, sys
host = sys.argv[1]
login = base64.b64encode(f"{os.environ['username']}:{os.environ['password']}".encode()).decode()
form = "".join(
    f'--b\\r\\nContent-Disposition: form-data; name="{name}"\\r\\n\\r\\n{value}\\r\\n'
    for name, value in ((":action", "file_upload"), ("protocol_version", "1"), ("name", "half"), ("version", "1.0"),
                        ("metadata_version", "2.3"), ("filetype", "bdist_wheel"), ("pyversion", "py3"))
) + '--b\\r\\nContent-Disposition: form-data; name="content"; filename="half-1.0-py3-none-any.whl"\\r\\n\\r\\n'
head = (f"POST /legacy/ HTTP/1.1\\r\\nHost: {host}\\r\\nAuthorization: Basic {login}\\r\\n"
        f"Content-Type: multipart/form-data; boundary=b\\r\\nContent-Length: {10**8}\\r\\n\\r\\n")
with socket.create_connection((host, 443)) as plain:
    with ssl.create_default_context().wrap_socket(plain, server_hostname=host) as wire:
        wire.sendall((head + form).encode() + bytes(2 * 10**7))
        sys.stdin.readline()
"""

HALF_WAY_DOWN = """
import os, re, urllib.parse, urllib.request
page = os.environ["PIP_INDEX_URL"] + "big/"
parts = urllib.parse.urlsplit(page)
manager = urllib.request.HTTPPasswordMgrWithDefaultRealm()
url = parts._replace(netloc=parts.hostname).geturl()
manager.add_password(None, urllib.parse.urljoin(url, "/"), parts.username, urllib.parse.unquote(parts.password))
opener = urllib.request.build_opener(urllib.request.HTTPBasicAuthHandler(manager))
found = re.search('href="([^"#]+)', opener.open(url).read().decode()).group(1)
answer = opener.open(urllib.parse.urljoin(url, found))
assert len(answer.read(10**6)) == 10**6
os._exit(0)
"""


@contextmanager
def half_way_up(outside: Outside) -> Iterator[None]:
    """Have a client in the middle of an upload for as long as a block takes; then it goes away."""
    kubectl = outside.kubectl
    command = (str(kubectl.cluster.kubectl), "--kubeconfig", str(kubectl.cluster.kubeconfig))
    there = ("-n", outside.namespace, "exec", "-i", "client", "--", "python3", "-c", HALF_WAY_UP, HOST)
    with subprocess.Popen([*command, *there], stdin=subprocess.PIPE) as client:
        yield
        client.communicate(b"\n", timeout=30)


def half_way_down(outside: Outside) -> None:
    outside.in_client("python3", "-c", HALF_WAY_DOWN)


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
    try:
        kubectl("apply", "-f", "-", stdin=yaml.safe_dump_all(everything))
        message = here.wait_for("packageindex", "main", "Exposed", "KindNotInstalled")
        assert "have the Gateway API's CRDs installed" in message
        here.wait_for("packageindex", "main", "Available", "Serving", 90)
        kubectl("apply", "--server-side", "-f", crds)
        kubectl("wait", "--for=condition=Established", "-f", crds, "--timeout=30s")
        kubectl("apply", "-f", "-", stdin=json.dumps(gateway_class))
        namespace_with(kubectl, "gateways", certificate, "example-com-tls")
        operator.apply("gateway.yaml")
        here.wait_for("packageindex", "main", "Exposed", "WaitingForGateway", 90)
        with traefik.running(operator.cluster, tmp_path, traefik.GATEWAYS):
            operator.wait_until_ready("packageindex", "main", here.namespace)
            operator.wait_until_ready("indexuser", "developer", here.namespace)
            laptop(here, operator.cluster, certificate, "packages.example.com")
            there = "https://packages.example.com/simple/"
            eventually(lambda: status(here, there) == 401, "Traefik knows of the servers", 20)
            wheel = distributions.wheel(tmp_path, "by_gateway")
            kubectl("-n", here.namespace, "cp", str(wheel), f"client:/tmp/{wheel.name}")
            twine = "twine upload --non-interactive --disable-progress-bar"
            here.in_client(
                "sh", "-ec", f"{twine} /tmp/{wheel.name} && pip install --no-cache-dir {INSTALL} by-gateway"
            )
            kubectl("label", "namespace", here.namespace, "public-")
            message = here.wait_for("packageindex", "main", "Exposed", "RouteNotAccepted")
            assert "Gateway gateways/public does not take the route" in message
            gone = [{"op": "remove", "path": "/spec/httpRoute"}]
            kubectl("-n", here.namespace, "patch", "packageindex", "main", "--type=json", "-p", json.dumps(gone))
            here.wait_for("packageindex", "main", "Ready", "Serving")
            assert not kubectl.get("-n", here.namespace, "httproutes")["items"]
    finally:
        remove(kubectl, here.namespace)
        kubectl.attempt("delete", "gatewayclass", traefik.CLASS)
        kubectl.attempt("delete", "namespace", "gateways", "--wait=false")
        kubectl.attempt("delete", "-f", crds, "--timeout=60s")


SERVICE_MONITORS: dict[str, Any] = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "servicemonitors.monitoring.coreos.com"},
    "spec": {
        "group": "monitoring.coreos.com",
        "scope": "Namespaced",
        "names": {"kind": "ServiceMonitor", "plural": "servicemonitors", "singular": "servicemonitor"},
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "schema": {
                    "openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
                },
            }
        ],
    },
}
"""As the Prometheus Operator's CRD, but for its schema."""
OPTIONS = ("horizontalpodautoscaler", "networkpolicy", "ingress", "servicemonitor", "poddisruptionbudget")
ASKED_FOR = ("autoscaling", "networkPolicy", "ingress", "monitoring")


def test_what_an_index_asks_for_is_there_and_goes_again(operator: MainJob) -> None:
    kubectl, here = operator.kubectl, Here(operator.kubectl, "production")
    mine = ("-n", here.namespace)

    def there() -> set[str]:
        return {kind for kind in OPTIONS if not kubectl.attempt(*mine, "get", kind, "wheelyard-main").returncode}

    def replicas() -> int:
        count: int = kubectl.get(*mine, "deployment", "wheelyard-main")["spec"]["replicas"]
        return count

    try:
        operator.apply("production.yaml")
        operator.wait_until_ready("packageindex", "main", here.namespace)
        here.wait_for("packageindex", "main", "Monitored", "KindNotInstalled")
        kubectl("apply", "-f", "-", stdin=json.dumps(SERVICE_MONITORS))
        here.wait_for("packageindex", "main", "Monitored", "Applied", 90)
        assert there() == set(OPTIONS)
        assert replicas() == 2

        kubectl(*mine, "scale", "deployment", "wheelyard-main", "--replicas=3")  # as the autoscaler does
        for kind in OPTIONS:
            kubectl(*mine, "delete", kind, "wheelyard-main")
        eventually(lambda: there() == set(OPTIONS), "all that was deleted is there again", 30)
        assert replicas() == 3, "the autoscaler's number stays"

        gone = [{"op": "remove", "path": f"/spec/{field}"} for field in ASKED_FOR]
        kubectl(*mine, "patch", "packageindex", "main", "--type=json", "-p", json.dumps(gone))
        eventually(lambda: there() == {"poddisruptionbudget"}, "what is not asked for is gone", 30)
        eventually(lambda: replicas() == 2, "the index's own number counts again", 30)
        pods = kubectl.get("-n", SYSTEM, "pods", "-l", "app.kubernetes.io/component=operator")["items"]
        restarts = [status["restartCount"] for pod in pods for status in pod["status"]["containerStatuses"]]
        assert set(restarts) == {0}
    finally:
        remove(kubectl, here.namespace)
        kubectl.attempt("delete", "crd", SERVICE_MONITORS["metadata"]["name"])
