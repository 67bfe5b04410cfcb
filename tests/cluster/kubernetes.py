"""The parts of Kubernetes: etcd, the control plane, the node, DNS; their flags as data."""

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path

from . import certificates, containerd, network, pypi, tools
from .network import HOST, PRIVATE
from .processes import Program, local_environment
from .templates import render

_ETCD = f"http://{PRIVATE}:2379"
_VOLUMES = 20
_LOCAL_ZONE = "cluster.local"


def certificates_of(state: Path) -> Path:
    """Return the directory of the certificates."""
    return state / "certificates"


def prepare(state: Path) -> None:
    """Write what the parts read: certificates, kubeconfigs, configuration; the admin's is `kubeconfig`."""
    issued = certificates_of(state)
    certificates.issue(issued)
    for client in certificates.CLIENTS:
        certificates.write_kubeconfig(issued, client, _kubeconfig(state, client))
    certificates.write_kubeconfig(issued, "admin", state / "kubeconfig")
    values = {
        "STATE": state,
        "CERTIFICATES": issued,
        "HOST": HOST,
        "PRIVATE": PRIVATE,
        "DNS": network.DNS,
        "DNS_SERVICE": network.DNS_SERVICE,
        "SOCKET": containerd.socket_of(state),
        "KUBECONFIG": _kubeconfig(state, "coredns"),
    }
    for name in ("kubelet.yaml", "Corefile", "system.yaml", "audit.yaml"):
        render(name, state / "config" / name, **values)
    (state / "config/volumes.json").write_text(json.dumps(_volumes(state)))


def etcd(state: Path) -> Program:
    """Describe etcd, which does not wait for the disk: this cluster's data may be lost."""
    flags = {
        "name": certificates.NODE,
        "data-dir": state / "etcd",
        "listen-client-urls": _ETCD,
        "advertise-client-urls": _ETCD,
        "listen-peer-urls": f"http://{PRIVATE}:2380",
        "initial-advertise-peer-urls": f"http://{PRIVATE}:2380",
        "initial-cluster": f"{certificates.NODE}=http://{PRIVATE}:2380",
        "unsafe-no-fsync": True,
        "log-level": "warn",
    }
    return Program("etcd", ("etcd", *_flags(flags)), ready=f"{_ETCD}/health")


def api_server(state: Path) -> Program:
    """Describe kube-apiserver with the rights model of a production cluster (Node and RBAC)."""
    issued = certificates_of(state)
    policy = state / "config/audit.yaml"
    flags = {
        "advertise-address": HOST,
        "bind-address": HOST,
        "secure-port": 6443,
        "etcd-servers": _ETCD,
        "allow-privileged": True,
        "authorization-mode": "Node,RBAC",
        "enable-admission-plugins": "NodeRestriction",
        "service-cluster-ip-range": network.SERVICES,
        "client-ca-file": issued / "ca.crt",
        "tls-cert-file": issued / "kube-apiserver.crt",
        "tls-private-key-file": issued / "kube-apiserver.key",
        "kubelet-client-certificate": issued / "admin.crt",
        "kubelet-client-key": issued / "admin.key",
        # Else exec and logs would look the node's name up in DNS.
        "kubelet-preferred-address-types": "InternalIP",
        "service-account-issuer": f"https://kubernetes.default.svc.{_LOCAL_ZONE}",
        "service-account-key-file": issued / "tokens.key",
        "service-account-signing-key-file": issued / "tokens.key",
        "audit-policy-file": policy,
        "audit-log-path": audit_log(state),
        # In MiB, of a file that is then moved aside; so many are kept.
        "audit-log-maxsize": 50,
        "audit-log-maxbackup": 4,
    }
    return _part("kube-apiserver", flags, f"{certificates.API}/readyz", files=(policy,))


def audit_log(state: Path) -> Path:
    """Return where the API server writes what the operator asks of it (config/audit.yaml)."""
    return state / "audit/audit.log"


def controllers(state: Path) -> tuple[Program, Program]:
    """Describe kube-controller-manager and kube-scheduler."""
    issued = certificates_of(state)
    manager = {
        "kubeconfig": _kubeconfig(state, "kube-controller-manager"),
        "bind-address": PRIVATE,
        "leader-elect": False,
        "use-service-account-credentials": True,
        "root-ca-file": issued / "ca.crt",
        "service-account-private-key-file": issued / "tokens.key",
        "flex-volume-plugin-dir": state / "kubelet/volume-plugins",
        "cluster-signing-cert-file": issued / "ca.crt",
        "cluster-signing-key-file": issued / "ca.key",
    }
    scheduler = {
        "kubeconfig": _kubeconfig(state, "kube-scheduler"),
        "bind-address": PRIVATE,
        "leader-elect": False,
    }
    return (
        _part("kube-controller-manager", manager, f"https://{PRIVATE}:10257/healthz"),
        _part("kube-scheduler", scheduler, f"https://{PRIVATE}:10259/healthz"),
    )


def node(state: Path) -> tuple[Program, Program]:
    """Describe kubelet and kube-proxy, which need containerd and the API server."""
    config = state / "config/kubelet.yaml"
    kubelet = {
        "config": config,
        "kubeconfig": _kubeconfig(state, "kubelet"),
        "root-dir": state / "kubelet",
        "cert-dir": state / "kubelet/pki",
        "hostname-override": certificates.NODE,
        "node-ip": HOST,
    }
    proxy = {
        "kubeconfig": _kubeconfig(state, "kube-proxy"),
        "hostname-override": certificates.NODE,
        "proxy-mode": "iptables",
        "cluster-cidr": network.PODS,
        "healthz-bind-address": f"{PRIVATE}:10256",
        "metrics-bind-address": f"{PRIVATE}:10249",
        # 0 and false: leave the kernel's settings as they are.
        "conntrack-max-per-core": 0,
        "conntrack-tcp-timeout-established": "0s",
        "conntrack-tcp-timeout-close-wait": "0s",
        "iptables-localhost-nodeports": False,
    }
    return (
        _part("kubelet", kubelet, f"http://{PRIVATE}:10248/healthz", files=(config,)),
        _part("kube-proxy", proxy, f"http://{PRIVATE}:10256/healthz"),
    )


def dns(state: Path) -> Program:
    """Describe CoreDNS, which runs on the host behind a Service without a selector."""
    config = state / "config/Corefile"
    return Program(
        name="coredns",
        command=(str(tools.built(tools.KUBERNETES) / "coredns"), "-conf", str(config)),
        files=(config,),
        ready=f"http://{PRIVATE}:8181/ready",
    )


def apply_system(state: Path) -> None:
    """Create or correct the cluster's own objects (config/system.yaml) and its volumes."""
    files = ("-f", str(state / "config/system.yaml"), "-f", str(state / "config/volumes.json"))
    kubectl(state, "apply", "--server-side", "--force-conflicts", *files)


def node_ready(state: Path) -> bool:
    """Return whether the node takes pods, and pods of the default namespace have a ServiceAccount."""
    path = '{.status.conditions[?(@.type=="Ready")].status}'
    try:
        status = kubectl(state, "get", "node", certificates.NODE, "-o", f"jsonpath={path}")
        return status == "True" and bool(kubectl(state, "get", "serviceaccount", "default", "-o", "name"))
    except subprocess.CalledProcessError:
        return False


def kubectl(state: Path, *arguments: str) -> str:
    """Run kubectl as the cluster's administrator and return what it prints."""
    command = [str(pypi.kubectl()), "--kubeconfig", str(state / "kubeconfig"), *arguments]
    done = subprocess.run(command, env=local_environment(), check=True, capture_output=True, text=True, timeout=60)
    return done.stdout


def _volumes(state: Path) -> dict[str, object]:
    """Return volumes that are folders of this machine, which the class `standard` hands out, each once."""
    volumes = []
    for number in range(_VOLUMES):
        folder = state / "volumes" / str(number)
        folder.mkdir(parents=True, exist_ok=True)
        place = {"key": "kubernetes.io/hostname", "operator": "In", "values": [certificates.NODE]}
        spec = {
            "storageClassName": "standard",
            "capacity": {"storage": "100Gi"},
            "accessModes": ["ReadWriteOnce"],
            "local": {"path": str(folder)},
            "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [place]}]}},
        }
        metadata = {"name": f"volume-{number}"}
        volumes.append({"apiVersion": "v1", "kind": "PersistentVolume", "metadata": metadata, "spec": spec})
    return {"apiVersion": "v1", "kind": "List", "items": volumes}


def _kubeconfig(state: Path, client: str) -> Path:
    return state / "config" / f"{client}.kubeconfig"


def _part(name: str, flags: Mapping[str, object], ready: str, files: tuple[Path, ...] = ()) -> Program:
    binary = tools.built(tools.KUBERNETES) / name
    return Program(name, (str(binary), *_flags(flags)), ready=ready, files=files)


def _flags(flags: Mapping[str, object]) -> list[str]:
    return [f"--{name}={str(value).lower() if isinstance(value, bool) else value}" for name, value in flags.items()]
