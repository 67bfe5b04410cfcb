"""`kubectl wheelyard verify`: checks the storage of an index, by a Job in the cluster that is then removed."""

import argparse
import secrets
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from wheelyard_operator.kube import ApiError, Kube
from wheelyard_operator.kubectl.connection import Connection
from wheelyard_operator.kubectl.errors import PluginError
from wheelyard_operator.kubectl.podlogs import Extent, Line, followed
from wheelyard_operator.kubectl.retries import passes, patiently
from wheelyard_operator.kubectl.targets import index_named
from wheelyard_operator.kubectl.terminal import Terminal, harmless
from wheelyard_operator.kubectl.verify_job import CONTAINER, verify_job
from wheelyard_operator.resource import Manifest, PackageIndex
from wheelyard_operator.status.rollout import trouble

_LOOK_SECONDS = 0.5
_ENDED = {"Succeeded", "Failed"}
_RESULTS = {
    0: "nothing is wrong.",
    1: "something is wrong: docs/operations.md, Check, says what to do about findings.",
    2: "it could not be checked.",
}


def add_to(verbs: Any) -> Iterator[argparse.ArgumentParser]:
    """Add the command."""
    parser = verbs.add_parser(
        "verify",
        help="check every document and file of an index, by a Job in the cluster",
        description="Check every document and file of an index, by a Job in the cluster. Exits with 0 if all is"
        " well, with 1 if there is something to look at, with 2 if it could not be checked.",
    )
    parser.add_argument("index", metavar="INDEX")
    parser.add_argument("--quick", action="store_true", help="do not read the files, only their sizes")
    parser.add_argument("-o", "--output", choices=["json"], help="a JSON object for each finding, and a summary")
    parser.set_defaults(run=run, failure=2)
    yield parser


def run(arguments: argparse.Namespace, connection: Connection, terminal: Terminal) -> int:
    """Check, and exit by the result. Whatever happens, the Job is removed."""
    index = index_named(connection, arguments.index)
    options = [*(["--quick"] if arguments.quick else []), *(["--json"] if arguments.output else [])]
    code = _check(index, options, connection, terminal, lambda: time.sleep(_LOOK_SECONDS))
    terminal.note(f"PackageIndex {index.id}: {_RESULTS.get(code, f'the check ended with {code}.')}")
    return code if code in _RESULTS else 2


def _check(
    index: PackageIndex,
    options: list[str],
    connection: Connection,
    terminal: Terminal,
    wait: Callable[[], None],
) -> int:
    kube, namespace = connection.kube, index.meta.namespace
    deployment = kube.get("Deployment", namespace, index.child_name)
    if deployment is None:
        raise PluginError(f"PackageIndex {index.id} is not deployed yet: see kubectl wheelyard status.")
    job = verify_job(index, deployment, secrets.token_hex(3), options)
    name = job["metadata"]["name"]
    kube.create(job)
    try:
        terminal.note(f"Job {namespace}/{name} checks PackageIndex {index.id}.")
        return Running(connection, namespace, name, terminal, wait).exit_code(as_json="--json" in options)
    finally:
        patiently(lambda: _remove(kube, namespace, name), wait)


def _remove(kube: Kube, namespace: str, name: str) -> None:
    made = kube.get("Job", namespace, name)
    if made is not None:
        kube.delete("Job", namespace, name, made["metadata"]["uid"])


@dataclass(frozen=True)
class Running:
    """A Job that was just made."""

    connection: Connection
    namespace: str
    name: str
    terminal: Terminal
    wait: Callable[[], None]

    def exit_code(self, *, as_json: bool) -> int:
        """Print what it says until it ends, and give its exit code; raise PluginError where it tells none."""
        pod = self._started()
        for line in followed(lambda extent: self._read(pod, extent), self._ended, self.wait):
            if as_json and not line.text.startswith("{"):
                self.terminal.note(line.text)
            else:
                self._print(line.text)
        ended = _termination(self._pod())
        if ended is None:
            raise PluginError(f"Job {self.namespace}/{self.name} was ended before it could tell a result.")
        return int(ended["exitCode"])

    def _print(self, text: str) -> None:
        shown = harmless(text)
        self.terminal.line(self.terminal.paint(shown, "red") if shown.startswith("finding: ") else shown)

    def _started(self) -> str:
        """Wait for its container to start, telling what keeps it."""
        told = ""
        while True:
            pod = self._pod()
            if pod and _has_started(pod):
                return str(pod["metadata"]["name"])
            why = self._hindrance(pod)
            if why and why != told:
                told = why
                self.terminal.note(f"  waiting: {why}")
            self.wait()

    def _hindrance(self, pod: Manifest | None) -> str:
        if pod is not None:
            return next((text for _, text in trouble([pod])), "")
        job = patiently(lambda: self.connection.kube.get("Job", self.namespace, self.name), self.wait)
        if job is None:
            raise PluginError(f"Job {self.namespace}/{self.name} was deleted by somebody.")
        failed = [each for each in job.get("status", {}).get("conditions", ()) if each["type"] == "Failed"]
        if failed:
            raise PluginError(f"Job {self.namespace}/{self.name} failed: {failed[0].get('message', '')}")
        return ""

    def _pod(self) -> Manifest | None:
        selector = f"job-name={self.name}"
        found = patiently(lambda: self.connection.kube.list("Pod", self.namespace, selector), self.wait)
        return next((each for each in found if self._is_own(each)), None)

    def _is_own(self, pod: Manifest) -> bool:
        """Return whether the Job made it: anybody can put the label on a pod."""
        owners = pod["metadata"].get("ownerReferences", ())
        return any((each["kind"], each["name"]) == ("Job", self.name) for each in owners)

    def _ended(self) -> bool:
        pod = self._pod()
        return pod is None or _termination(pod) is not None or pod.get("status", {}).get("phase") in _ENDED

    def _read(self, pod: str, extent: Extent) -> Iterator[Line]:
        try:
            yield from self.connection.logs(self.namespace, pod, CONTAINER, extent)
        except ApiError as error:
            # It is gone, or will be asked again.
            if error.status not in {400, 404} and not passes(error):
                raise


def _has_started(pod: Manifest) -> bool:
    state = _state(pod)
    return "terminated" in state or "running" in state


def _termination(pod: Manifest | None) -> Manifest | None:
    """Return how the check itself ended, None while it runs."""
    found: Manifest | None = _state(pod or {}).get("terminated")
    return found


def _state(pod: Manifest) -> Manifest:
    """Return the state of the check's own container: sidecars that somebody injects end when they like."""
    statuses = pod.get("status", {}).get("containerStatuses", ())
    return next((each.get("state", {}) for each in statuses if each["name"] == CONTAINER), {})
