"""Faults of the local cluster: each is over when its function returns, except for the recovery."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import cluster
from support.here import Here
from support.kubectl import Kubectl, eventually
from support.mainjob import SYSTEM

REPLICAS = 2
OPERATOR = ("-n", SYSTEM, "pods", "-l", "app.kubernetes.io/component=operator")


def kill_operator(kubectl: Kubectl, seconds: float) -> int:
    """SIGKILL the operator whenever it runs, for so long; return how often."""
    kills, until = 0, time.monotonic() + seconds
    while time.monotonic() < until:
        for pod in _operators(kubectl):
            containers = [each.get("containerID", "") for each in pod["status"].get("containerStatuses", ())]
            killed = sum(_kill(pid) for each in containers for pid in _processes(each))
            kills += killed
            if killed:
                # Kubernetes waits longer and longer before it starts a container again: another pod
                # starts at once.
                kubectl("-n", SYSTEM, "delete", "pod", pod["metadata"]["name"], "--force", "--wait=false")
        time.sleep(2)
    if not kills:
        raise cluster.ClusterError("the operator was not found among this machine's processes")
    return kills


def restart_api_server(times: int, away: float) -> None:
    """Kill the API server and start it again."""
    for _ in range(times):
        with away_for(away, "kube-apiserver"):
            pass


@contextmanager
def away_for(seconds: float, *parts: str) -> Iterator[None]:
    """Have parts of the cluster away for so long, and while the body runs."""
    for part in parts:
        cluster.stop_part(part)
    try:
        time.sleep(seconds)
        yield
    finally:
        cluster.start_part(parts[-1])


def cut_watches(kubectl: Kubectl, seconds: float) -> None:
    """Reset the operator's connections to the API server, then have it unheard for so long."""
    running = eventually(lambda: [pod for pod in _operators(kubectl) if _is_ready(pod)], "the operator runs", 60)
    for address in [pod["status"]["podIP"] for pod in running]:
        with _rule(address, "REJECT", "--reject-with", "tcp-reset"):
            time.sleep(3)
        with _rule(address, "DROP"):
            time.sleep(seconds)


def delete_index_pod(here: Here) -> None:
    """Delete one of the index's pods and wait until another one has its place."""
    mine = ("-n", here.namespace, "pods", "-l", "wheelyard.dev/index=main")
    victim = here.kubectl.get(*mine)["items"][0]["metadata"]["name"]
    here.kubectl("-n", here.namespace, "delete", "pod", victim, "--wait=false")

    def replaced() -> bool:
        pods = [pod for pod in here.kubectl.get(*mine)["items"] if "deletionTimestamp" not in pod["metadata"]]
        ready = {pod["metadata"]["name"] for pod in pods if _is_ready(pod)}
        return len(ready) == REPLICAS and victim not in ready

    eventually(replaced, "there is another one", 90)


def rotate_key(here: Here) -> None:
    """Have the index's access key replaced, and wait until the old one has ended."""

    def key() -> str:
        return here.kubectl.secret(here.namespace, "wheelyard-main-storage")["AWS_ACCESS_KEY_ID"]

    before = key()
    here.kubectl(
        "-n", here.namespace, "annotate", "packageindex", "main", f"wheelyard.dev/rotate={time.time():.0f}"
    )
    eventually(lambda: key() != before, "there is another key", 150)
    here.wait_for("packageindex", "main", "CredentialsReady", "KeyIssued")


def _is_ready(pod: Any) -> bool:
    return any(each["ready"] for each in pod["status"].get("containerStatuses", ()))


def _operators(kubectl: Kubectl) -> list[Any]:
    return [pod for pod in kubectl.get(*OPERATOR)["items"] if pod["status"].get("podIP")]


def _processes(container: str) -> list[int]:
    """Find a container's processes on this machine, by their control group; it is named containerd://ID."""
    name, found = container.rpartition("/")[2], []
    for process in Path("/proc").glob("[0-9]*") if name else ():
        with suppress(OSError):
            if name in (process / "cgroup").read_text():
                found.append(int(process.name))
    return found


def _kill(pid: int) -> bool:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
        return True
    return False


@contextmanager
def _rule(address: str, *target: str) -> Iterator[None]:
    """Have a rule for packets from a pod to the API server."""
    rule = ("INPUT", "--source", address, "--protocol", "tcp", "--dport", "6443", "--jump", *target)
    subprocess.run(["iptables", "--wait", "--insert", *rule], check=True)
    try:
        yield
    finally:
        subprocess.run(["iptables", "--wait", "--delete", *rule], check=True)
