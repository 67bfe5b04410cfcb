"""Reaches a port of a pod through the API server, as `kubectl port-forward` does, and by running it."""

import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Timer
from typing import IO

from wheelyard_operator.desired.index_file import PORT
from wheelyard_operator.kube import ApiError
from wheelyard_operator.kubectl.annotations import display_name
from wheelyard_operator.kubectl.connection import Connection
from wheelyard_operator.kubectl.errors import PluginError, plugin_error
from wheelyard_operator.observe import read_pods, staying
from wheelyard_operator.resource import PackageIndex
from wheelyard_operator.status.rollout import is_ready

_SECONDS = 20
_READY = re.compile(r"Forwarding from (127\.0\.0\.1:\d+) -> ")
_ROUTINE = "Handling connection for "
"""kubectl prints such a line for each connection."""


@dataclass(frozen=True)
class Forward:
    """A running port-forward."""

    address: str
    """HOST:PORT of this machine."""
    _printed: IO[str]

    def notes(self) -> Iterator[str]:
        """Yield what kubectl reports until it ends. Without a reader it would stop at some point."""
        return (line.strip() for line in self._printed if not line.startswith(_ROUTINE))


@contextmanager
def forwarded(connection: Connection, index: PackageIndex, local_port: int = 0) -> Iterator[Forward]:
    """Yield a forward from a port of this machine, any for 0, to a ready server of the index; raise PluginError.

    kubectl does it, not the Kubernetes client: that one ignores `--as`, and would act with more
    rights than this person wants.
    """
    with _started(_command(connection, index, local_port)) as running:
        try:
            printed = _output(running)
            yield Forward(_address(printed, running, connection.server), printed)
        finally:
            running.kill()


def _command(connection: Connection, index: PackageIndex, local_port: int) -> list[str]:
    pod = _ready_pod(connection, index)
    ports = f"{local_port or ''}:{PORT}"
    namespace = ["-n", index.meta.namespace]
    return ["kubectl", *connection.flags, *namespace, "port-forward", f"pod/{pod}", ports, "--address=127.0.0.1"]


def _ready_pod(connection: Connection, index: PackageIndex) -> str:
    ready = [pod for pod in staying(read_pods(connection.kube, index)) if is_ready(pod)]
    if not ready:
        raise PluginError(f"No server of {display_name(index)} is ready: see kubectl wheelyard status.")
    return str(ready[0]["metadata"]["name"])


def _started(command: list[str]) -> "subprocess.Popen[str]":
    try:
        return subprocess.Popen(  # noqa: S603 - no shell; the names are those of existing objects
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, text=True
        )
    except OSError as error:
        raise PluginError(f"kubectl cannot be run ({error.strerror}): put it into PATH.") from None


def _output(running: "subprocess.Popen[str]") -> IO[str]:
    if running.stdout is None:
        raise PluginError("kubectl has no output.")
    return running.stdout


def _address(printed: IO[str], running: "subprocess.Popen[str]", server: str) -> str:
    """Return the address that kubectl prints once it listens; warnings may come before it."""
    others: list[str] = []
    deadline = Timer(_SECONDS, running.kill)
    deadline.start()
    try:
        for line in printed:
            if found := _READY.match(line):
                return found[1]
            others.append(line)
    finally:
        deadline.cancel()
    raise _failure("".join(others).strip(), server)


def _failure(printed: str, server: str) -> PluginError:
    if "(Forbidden)" in printed:
        return plugin_error(ApiError(403, printed), server)
    return PluginError(f"kubectl port-forward did not reach the index: {printed or 'no answer'}")
