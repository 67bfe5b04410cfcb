"""Reaches a port of a pod through the API server, as `kubectl port-forward` does, and by running it."""

import re
import select
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

from wheelyard_operator.kube import ApiError
from wheelyard_operator.kubectl.connection import Connection
from wheelyard_operator.kubectl.errors import PluginError, plugin_error

_SECONDS = 20
_READY = re.compile(r"Forwarding from (127\.0\.0\.1:\d+) -> ")


@contextmanager
def forwarded(connection: Connection, namespace: str, pod: str, port: int) -> Iterator[str]:
    """Yield HOST:PORT of this machine, which leads to a port of the pod; raise PluginError.

    kubectl does it, not the Kubernetes client: that one ignores `--as`, and would act with more
    rights than this person wants.
    """
    command = ["kubectl", *connection.flags, "-n", namespace, "port-forward", f"pod/{pod}", f":{port}"]
    command += ["--address=127.0.0.1"]
    try:
        running = subprocess.Popen(  # noqa: S603 - no shell; the names are those of existing objects
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True
        )
    except OSError as error:
        raise PluginError(f"kubectl cannot be run ({error.strerror}): put it into PATH, or use --url.") from None
    with running:
        try:
            yield _address(running, connection.server)
        finally:
            running.kill()


def _address(running: "subprocess.Popen[str]", server: str) -> str:
    found = _READY.match(_first_line(running.stdout)) if running.stdout else None
    if found is None:
        raise _failure(running, server)
    return found[1]


def _first_line(printed: IO[str]) -> str:
    ready, _, _ = select.select([printed], [], [], _SECONDS)
    return printed.readline() if ready else ""


def _failure(running: "subprocess.Popen[str]", server: str) -> PluginError:
    running.kill()
    _, printed = running.communicate()
    if "(Forbidden)" in printed:
        return plugin_error(ApiError(403, printed.strip()), server)
    return PluginError(f"kubectl port-forward did not reach the index: {printed.strip() or 'no answer'}")
