"""The cluster's certificate authority, and a certificate for each who must prove who they are."""

import base64
import json
import subprocess
from pathlib import Path

from . import network
from .paths import HERE

_NAMES = ("kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local")
_ADDRESSES = (network.HOST, network.API_SERVICE)
_SERVER = ",".join([*(f"DNS:{name}" for name in _NAMES), *(f"IP:{address}" for address in _ADDRESSES)])
NODE = "wheelyard"
API = f"https://{network.HOST}:6443"

# Kubernetes takes the user's name from CN and the group from O; the rights of these are built in,
# save CoreDNS's, which config/system.yaml grants.
CLIENTS = {
    "admin": "/O=system:masters/CN=admin",
    "kube-controller-manager": "/CN=system:kube-controller-manager",
    "kube-scheduler": "/CN=system:kube-scheduler",
    "kube-proxy": "/CN=system:kube-proxy",
    "kubelet": f"/O=system:nodes/CN=system:node:{NODE}",
    "coredns": "/CN=system:coredns",
}


def issue(directory: Path) -> None:
    """Make `ca`, `kube-apiserver`, one of each client (each a .crt and .key), and `tokens.key`.

    Keys are readable for root alone. Does nothing when it was done before.
    """
    done = directory / "complete"
    if done.exists():
        return
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    authority = ("basicConstraints=critical,CA:TRUE", "keyUsage=critical,keyCertSign,digitalSignature")
    _certificate(directory / "ca", "/CN=wheelyard-cluster", *authority)
    signed = ("-CA", str(directory / "ca.crt"), "-CAkey", str(directory / "ca.key"))
    server = (f"subjectAltName={_SERVER}", "extendedKeyUsage=serverAuth")
    _certificate(directory / "kube-apiserver", "/CN=kube-apiserver", *server, signed=signed)
    for name, subject in CLIENTS.items():
        _certificate(directory / name, subject, "extendedKeyUsage=clientAuth", signed=signed)
    tokens = ["openssl", "genpkey", "-algorithm", "RSA", "-out", str(directory / "tokens.key")]
    subprocess.run(tokens, check=True, capture_output=True)
    done.touch()


def write_kubeconfig(certificates: Path, client: str, target: Path) -> Path:
    """Write a kubeconfig (JSON, which is YAML) that needs no other file, for one of the clients."""

    def data(name: str) -> str:
        return base64.b64encode((certificates / name).read_bytes()).decode()

    user = {"client-certificate-data": data(f"{client}.crt"), "client-key-data": data(f"{client}.key")}
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": NODE,
        "contexts": [{"name": NODE, "context": {"cluster": NODE, "user": client}}],
        "clusters": [{"name": NODE, "cluster": {"server": API, "certificate-authority-data": data("ca.crt")}}],
        "users": [{"name": client, "user": user}],
    }
    target.parent.mkdir(parents=True, exist_ok=True)
    target.touch(mode=0o600)
    target.write_text(json.dumps(document, indent=2))
    return target


def _certificate(path: Path, subject: str, *extensions: str, signed: tuple[str, ...] = ()) -> None:
    curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    files = ("-keyout", f"{path}.key", "-out", f"{path}.crt", "-days", "365", "-subj", subject)
    added = [argument for extension in extensions for argument in ("-addext", extension)]
    # A configuration of our own: the system's adds extensions that contradict these.
    config = ("-config", str(HERE / "config/openssl.cnf"))
    command = ["openssl", "req", "-x509", *config, *curve, *files, *signed, *added]
    subprocess.run(command, check=True, capture_output=True)
