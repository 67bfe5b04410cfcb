"""The cluster's addresses, and what the kernel must know of them; all of it can be taken back."""

import re
import subprocess

from . import host
from .progress import ClusterError

HOST = "10.89.0.1"
"""The node, the API server and S3: an address on `lo` that pods and this machine reach."""
DNS = "10.89.0.2"
"""CoreDNS, which pods reach by its Service."""
PRIVATE = "127.0.89.1"
"""For programs that pods do not reach: etcd and health checks. Needs no set-up, clashes with no other etcd."""
PODS = "10.90.0.0/16"
SERVICES = "10.91.0.0/16"
_OURS = "10.88.0.0/14"
API_SERVICE = "10.91.0.1"
DNS_SERVICE = "10.91.0.10"
BRIDGE = "wheelyard0"

# `iptables -A`; pods see each other and Services by their own address, and the world by the host's.
_RULES = (
    ("filter", "FORWARD", "-s", PODS, "-j", "ACCEPT"),
    ("filter", "FORWARD", "-d", PODS, "-j", "ACCEPT"),
    ("nat", "POSTROUTING", "-s", PODS, "!", "-d", _OURS, "-j", "MASQUERADE"),
)
_COMMENT = ("-m", "comment", "--comment", "wheelyard-cluster")


def check() -> None:
    """Refuse a machine where another Kubernetes has its rules, which would mix with ours."""
    if any(line.startswith(":KUBE-SERVICES") for line in _saved_rules("iptables")):
        raise ClusterError("another Kubernetes has its rules on this machine: use CLUSTER=current for that one")


def set_up() -> None:
    """Add the addresses and rules that are missing, and let the kernel forward."""
    for name in ("net/ipv4/ip_forward", "net/bridge/bridge-nf-call-iptables"):
        host.switch_on(name)
    for address in (HOST, DNS):
        _quietly("ip", "address", "add", f"{address}/32", "dev", "lo")
    for table, chain, *rule in _RULES:
        if not _quietly("iptables", "-w", "-t", table, "-C", chain, *rule, *_COMMENT):
            subprocess.run(["iptables", "-w", "-t", table, "-I", chain, *rule, *_COMMENT], check=True)


def tear_down() -> None:
    """Remove everything that `set_up`, kube-proxy and the bridge plugin have added."""
    _quietly("ip", "link", "delete", BRIDGE)
    for address in (HOST, DNS):
        _quietly("ip", "address", "delete", f"{address}/32", "dev", "lo")
    for family in ("iptables", "ip6tables"):
        _remove_rules(family)


def leftovers() -> list[str]:
    """Name what is still there of the cluster's addresses, links and rules."""
    links = subprocess.run(["ip", "-oneline", "address"], check=True, capture_output=True, text=True).stdout
    found = [line for line in links.splitlines() if f" {HOST}/" in line or f" {DNS}/" in line or BRIDGE in line]
    for family in ("iptables", "ip6tables"):
        found += [line for line in _saved_rules(family) if "KUBE-" in line or _COMMENT[-1] in line]
    return found


def _remove_rules(family: str) -> None:
    """Remove the chains that kube-proxy made, what jumps to them, and our own rules, table by table."""
    tables: dict[str, tuple[list[str], list[str]]] = {}
    for line in _saved_rules(family):
        if line.startswith("*"):
            deletions, chains = tables.setdefault(line[1:], ([], []))
        elif chain := re.match(r":(KUBE-\S+)", line):
            chains.append(chain[1])
        elif re.match(rf"-A (?!KUBE-).*(-j KUBE-|{_COMMENT[-1]})", line):
            deletions.append(f"-D{line[2:]}")
    script = "".join(
        "\n".join([f"*{table}", *deletions, *(f"-F {c}" for c in chains), *(f"-X {c}" for c in chains), "COMMIT\n"])
        for table, (deletions, chains) in tables.items()
        if deletions or chains
    )
    if script:
        subprocess.run([f"{family}-restore", "-w", "--noflush"], check=True, input=script, text=True)


def _saved_rules(family: str) -> list[str]:
    done = subprocess.run([f"{family}-save"], capture_output=True, text=True, check=False)
    return done.stdout.splitlines()


def _quietly(*command: str) -> bool:
    """Run a command whose failure only means that there was nothing to do."""
    return subprocess.run(command, capture_output=True, check=False).returncode == 0
