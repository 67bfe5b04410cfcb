"""kubectl, as a person would use it."""

import json
import os
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from cluster import Cluster
from support.patience import HANG_SECONDS

COMMAND_SECONDS = 180
_MIN_PAUSE_SECONDS = 0.25
_MAX_PAUSE_SECONDS = 1.0


class CommandError(Exception):
    """A command failed; the text has what it printed."""


@dataclass(frozen=True)
class Kubectl:
    """kubectl on one cluster."""

    cluster: Cluster
    user: str = ""
    """Whom to act as; "" is the administrator."""

    def __call__(self, *arguments: str, stdin: str | None = None) -> str:
        """Run a command and return what it prints; raise `CommandError` if it fails."""
        done = self.attempt(*arguments, stdin=stdin)
        if done.returncode:
            raise CommandError(f"kubectl {' '.join(arguments)}: {done.stdout}{done.stderr}")
        return done.stdout

    def attempt(self, *arguments: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
        """Run a command that may fail."""
        as_user = (f"--as={self.user}",) if self.user else ()
        return run(self.cluster, str(self.cluster.kubectl), *as_user, *arguments, stdin=stdin)

    def get(self, *arguments: str) -> Any:
        """Return objects as the API has them."""
        return json.loads(self("get", *arguments, "-o", "json"))

    def secret(self, namespace: str, name: str) -> dict[str, str]:
        """Return the keys of a Secret, decoded."""
        template = '{{range $k, $v := .data}}{{$k}}={{$v | base64decode | printf "%q"}}\n{{end}}'
        lines = self("-n", namespace, "get", "secret", name, "-o", f"go-template={template}").splitlines()
        return {key: json.loads(value) for key, _, value in (line.partition("=") for line in lines)}


def run(cluster: Cluster, *command: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run a command against the cluster."""
    return subprocess.run(
        command,
        env={**os.environ, "KUBECONFIG": str(cluster.kubeconfig)},
        input=stdin,
        capture_output=True,
        text=True,
        timeout=COMMAND_SECONDS,
        check=False,
    )


def eventually(condition: Callable[[], Any], what: str, seconds: float = HANG_SECONDS) -> Any:
    """Wait until the condition gives something true, and return that; a `CommandError` is not yet."""
    began = time.monotonic()
    last: object = None
    while (elapsed := time.monotonic() - began) < seconds:
        try:
            last = condition()
        except CommandError as error:
            last = error
        else:
            if last:
                return last
        # Each look costs processor time, which the subject of the wait needs, too.
        time.sleep(min(max(_MIN_PAUSE_SECONDS, elapsed / 10), _MAX_PAUSE_SECONDS))
    raise AssertionError(f"not within {seconds:g} s: {what}; last seen: {last}")
