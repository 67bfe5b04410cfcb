"""Operators as processes of this machine, at a real API server."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

from cluster.versitygw import free_port
from support.kubectl import eventually
from support.patience import HANG_SECONDS
from support.rest import RefusedError, Rest

LEASE = "wheelyard-operator"


class Operator:
    """One operator of one namespace, where its Lease is, too."""

    def __init__(
        self,
        name: str,
        kubeconfig: Path,
        namespace: str,
        log: Path,
        *program: str,
        lease: bool = True,
    ) -> None:
        """Start it, or a program that starts it in another way: arguments of Python."""
        self.name = name
        self._program = program or ("-m", "wheelyard_operator")
        self._log = log
        self._metrics = free_port()
        self._environment = {
            **os.environ,
            "KUBECONFIG": str(kubeconfig),
            "WHEELYARD_IMAGE": "unused:1",
            "WHEELYARD_ALLOWED_BUCKETS": "*",
            "WHEELYARD_NAMESPACES": namespace,
            "WHEELYARD_LEASE": LEASE if lease else "",
            "WHEELYARD_POD_NAMESPACE": namespace,
            "WHEELYARD_POD_NAME": name,
            "WHEELYARD_METRICS_PORT": str(self._metrics),
            "WHEELYARD_HEALTH_ENDPOINT": f"http://127.0.0.1:{free_port()}/healthz",
        }
        self.process = self._started()

    def start_again(self) -> None:
        """Start it again, as the kubelet does with a container in its pod."""
        self.process = self._started()

    def leads(self) -> bool:
        """Tell what it says of itself; False where it does not answer."""
        return "wheelyard_operator_leads 1.0" in self.metrics()

    def metrics(self) -> list[str]:
        """Return the lines of its metrics."""
        try:
            with urlopen(f"http://127.0.0.1:{self._metrics}/metrics", timeout=HANG_SECONDS) as answer:
                return str(answer.read().decode()).splitlines()
        except (URLError, OSError):
            return []

    def until_up(self) -> None:
        """Return when it answers; fail at once if it has exited."""

        def answers() -> list[str]:
            assert self.process.poll() is None, f"operator {self.name} exited: {self._log.read_text()}"
            return self.metrics()

        eventually(answers, f"operator {self.name} is up")

    def _started(self) -> subprocess.Popen[bytes]:
        with self._log.open("ab") as log:
            command = [sys.executable, *self._program]
            return subprocess.Popen(command, env=self._environment, stdout=log, stderr=log)


@contextmanager
def ended(*operators: Operator) -> Iterator[None]:
    """See to it that none of them is left, whatever happens."""
    try:
        yield
    finally:
        for each in operators:
            each.process.kill()
            each.process.wait(HANG_SECONDS)


def lease_of(rest: Rest, namespace: str) -> dict[str, Any]:
    """Return what the Lease says; nothing where there is none."""
    try:
        path = f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases/{LEASE}"
        spec: dict[str, Any] = rest.call("GET", path)["spec"]
    except RefusedError:
        return {}
    return spec


def add_user(rest: Rest, namespace: str, name: str) -> None:
    """Make an IndexUser of an index that does not exist: an operator that works says so."""
    rest.create(
        {
            "apiVersion": "wheelyard.dev/v1",
            "kind": "IndexUser",
            "metadata": {"name": name, "namespace": namespace},
            "spec": {"indexRef": {"name": "nowhere"}},
        }
    )


def until_seen(rest: Rest, namespace: str, name: str, seconds: float = HANG_SECONDS) -> None:
    """Return when an operator has seen that user."""

    def seen() -> bool:
        conditions = rest.get("IndexUser", namespace, name).get("status", {}).get("conditions", ())
        return "IndexNotFound" in [each["reason"] for each in conditions]

    eventually(seen, f"IndexUser {name} is looked after", seconds)
