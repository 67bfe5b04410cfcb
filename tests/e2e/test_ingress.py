"""Clients outside of the cluster come in by a real Ingress controller, over TLS."""

import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from mypy_boto3_s3 import S3Client

from cluster import traefik
from support import buckets, distributions
from support.here import Here
from support.kubectl import eventually
from support.mainjob import MainJob
from support.outside import INSTALL, TWINE, laptop, namespace_with, remove, status
from support.tls import Certificate

HOST = "pypi.example.com"
INSIDE = "http://wheelyard-main.two-doors/simple/"
BUCKET = "wheelyard-two-doors"
BIG = 300 * 2**20


@pytest.fixture(scope="module")
def outside(
    operator: MainJob, certificate: Certificate, s3: S3Client, tmp_path_factory: pytest.TempPathFactory
) -> Iterator["Outside"]:
    """Return a pod that plays a laptop: it knows the Ingress controller's address, and the developer's Secret."""
    kubectl = operator.kubectl
    ingress_class = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "IngressClass",
        "metadata": {"name": traefik.CLASS, "annotations": {"ingressclass.kubernetes.io/is-default-class": "true"}},
        "spec": {"controller": traefik.INGRESS_CONTROLLER},
    }
    here = Here(kubectl, "two-doors")
    kubectl.attempt("-n", here.namespace, "delete", "packageindex", "main", "--ignore-not-found")
    buckets.empty(s3, BUCKET)
    kubectl("apply", "-f", "-", stdin=json.dumps(ingress_class))
    try:
        with traefik.running(operator.cluster, tmp_path_factory.mktemp("traefik"), traefik.INGRESSES):
            namespace_with(kubectl, here.namespace, certificate, "pypi-tls")
            operator.apply("inside-and-outside.yaml")
            operator.wait_until_ready("packageindex", "main", here.namespace)
            operator.wait_until_ready("indexuser", "developer", here.namespace)
            laptop(here, operator.cluster, certificate, HOST)
            eventually(lambda: status(here, f"https://{HOST}/simple/") == 401, "Traefik knows of the servers")
            yield Outside(here)
    finally:
        remove(kubectl, here.namespace)
        kubectl("delete", "ingressclass", traefik.CLASS)
        buckets.empty(s3, BUCKET)


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
        self.sh(f"{TWINE} /tmp/{file.name}")


SIZES = """
import os, sys
print(sum(os.path.getsize(os.path.join(at, name)) for at, _, names in os.walk(sys.argv[1]) for name in names))
"""


def test_a_login_works_outside_and_is_not_needed_inside(outside: Outside, tmp_path: Path) -> None:
    said = outside.kubectl.get("-n", outside.namespace, "packageindex", "main")["status"]
    assert said["url"] == f"https://{HOST}/"
    assert said["clusterURL"] == "http://wheelyard-main.two-doors.svc.cluster.local/"
    outside.upload(distributions.wheel(tmp_path, "from_outside", version=f"1.{int(time.time())}"))
    outside.sh(f"pip install --no-cache-dir {INSTALL} from-outside")
    outside.sh(f"uv pip install --no-cache {INSTALL}-by-uv from-outside")
    assert status(outside, f"https://{HOST}/simple/") == 401
    assert status(outside, INSIDE) == 200, "pods of the cluster need no login"


def test_the_log_has_the_client_s_address_and_not_the_proxy_s(outside: Outside, tmp_path: Path) -> None:
    outside.upload(distributions.wheel(tmp_path, "of_whom", version=f"1.{int(time.time())}"))
    pod = outside.kubectl.get("-n", outside.namespace, "pod", "client")
    (line,) = [each for each in outside.log() if each.get("project") == "of-whom" and each["logger"] == "audit"]
    assert (line["client"], line["listener"]) == (pod["status"]["podIP"], "external")


def test_a_large_file_comes_through_both_ways_and_clients_that_stop_half_way_leave_nothing(
    outside: Outside,
) -> None:
    digest = outside.in_client("python3", "-", str(BIG), stdin=BIG_WHEEL).strip()
    outside.sh(f"{TWINE} /tmp/big-1.0-py3-none-any.whl")
    half_way_down(outside)
    outside.sh("pip download --quiet --no-cache-dir --no-deps --dest /tmp/again big")
    assert outside.sh("sha256sum /tmp/again/big-1.0-py3-none-any.whl").split()[0] == digest

    with half_way_up(outside):
        eventually(lambda: outside.received() > 10**7, "the server has a part of the upload")
    eventually(lambda: outside.received() == 0, "the space is free again")
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
