"""`kubectl wheelyard verify`: checks the storage of an index with a Job in the cluster."""

import argparse
import secrets
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from wheelyard_operator.kube import ApiError, Kube
from wheelyard_operator.kubectl.connection import Connection
from wheelyard_operator.kubectl.errors import PluginError
from wheelyard_operator.kubectl.podlogs import Line, LogOptions, follow
from wheelyard_operator.kubectl.retries import is_transient, with_retries
from wheelyard_operator.kubectl.targets import find_index
from wheelyard_operator.kubectl.terminal import Terminal, printable
from wheelyard_operator.kubectl.verify_job import CONTAINER, verify_job
from wheelyard_operator.resource import Manifest, PackageIndex
from wheelyard_operator.status.rollout import pod_problems

_POLL_SECONDS = 0.5
_ENDED = {"Succeeded", "Failed"}
_RESULTS = {
    0: "no findings.",
    1: "there are findings: docs/operations.md, Check, says what to do about each.",
    2: "the check could not be done.",
}


def add_to(verbs: Any) -> Iterator[argparse.ArgumentParser]:
    """Add the command."""
    parser = verbs.add_parser(
        "verify",
        help="check every document and file of an index, with a Job in the cluster",
        description="Check every document and file of an index, with a Job in the cluster. The exit code is 0"
        " without findings, 1 with findings, and 2 if the check could not be done.",
    )
    parser.add_argument("index", metavar="INDEX", help="the name of the PackageIndex")
    parser.add_argument("--quick", action="store_true", help="check only the sizes of files, not their content")
    parser.add_argument(
        "-o", "--output", choices=["json"], help="print a JSON object for each finding, and a summary"
    )
    parser.set_defaults(run=run, failure=2)
    yield parser


def run(arguments: argparse.Namespace, connection: Connection, terminal: Terminal) -> int:
    """Run the check and return the exit code. The Job is always removed."""
    index = find_index(connection, arguments.index)
    options = [*(["--quick"] if arguments.quick else []), *(["--json"] if arguments.output else [])]
    code = _check(index, options, connection, terminal, lambda: time.sleep(_POLL_SECONDS))
    terminal.note(f"PackageIndex {index.id}: {_RESULTS.get(code, f'the check exited with code {code}.')}")
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
        return RunningJob(connection, namespace, name, terminal, wait).exit_code(as_json="--json" in options)
    finally:
        with_retries(lambda: _remove(kube, namespace, name), wait)


def _remove(kube: Kube, namespace: str, name: str) -> None:
    job = kube.get("Job", namespace, name)
    if job is not None:
        kube.delete("Job", namespace, name, job["metadata"]["uid"])


@dataclass(frozen=True)
class RunningJob:
    """A Job that was just created."""

    connection: Connection
    namespace: str
    name: str
    terminal: Terminal
    wait: Callable[[], None]

    def exit_code(self, *, as_json: bool) -> int:
        """Print the output until the Job ends; return its exit code, or raise PluginError without one."""
        pod = self._wait_for_pod()
        for line in follow(lambda options: self._read(pod, options), self._has_ended, self.wait):
            if as_json and not line.text.startswith("{"):
                self.terminal.note(line.text)
            else:
                self._print(line.text)
        ended = _termination(self._pod())
        if ended is None:
            raise PluginError(f"Job {self.namespace}/{self.name} was terminated before it had a result.")
        return int(ended["exitCode"])

    def _print(self, text: str) -> None:
        shown = printable(text)
        self.terminal.line(self.terminal.paint(shown, "red") if shown.startswith("finding: ") else shown)

    def _wait_for_pod(self) -> str:
        """Wait for the container to start, print the reason for waiting, and return the pod's name."""
        last_reason = ""
        while True:
            pod = self._pod()
            if pod and _has_started(pod):
                return str(pod["metadata"]["name"])
            reason = self._waiting_reason(pod)
            if reason and reason != last_reason:
                last_reason = reason
                self.terminal.note(f"  waiting: {reason}")
            self.wait()

    def _waiting_reason(self, pod: Manifest | None) -> str:
        if pod is not None:
            return next((text for _, text in pod_problems([pod])), "")
        job = with_retries(lambda: self.connection.kube.get("Job", self.namespace, self.name), self.wait)
        if job is None:
            raise PluginError(f"Job {self.namespace}/{self.name} was deleted.")
        failed = [each for each in job.get("status", {}).get("conditions", ()) if each["type"] == "Failed"]
        if failed:
            raise PluginError(f"Job {self.namespace}/{self.name} failed: {failed[0].get('message', '')}")
        return ""

    def _pod(self) -> Manifest | None:
        selector = f"job-name={self.name}"
        pods = with_retries(lambda: self.connection.kube.list("Pod", self.namespace, selector), self.wait)
        return next((each for each in pods if self._is_own(each)), None)

    def _is_own(self, pod: Manifest) -> bool:
        """Return whether the Job created the pod: anyone can put the label on a pod."""
        owners = pod["metadata"].get("ownerReferences", ())
        return any((each["kind"], each["name"]) == ("Job", self.name) for each in owners)

    def _has_ended(self) -> bool:
        pod = self._pod()
        return pod is None or _termination(pod) is not None or pod.get("status", {}).get("phase") in _ENDED

    def _read(self, pod: str, options: LogOptions) -> Iterator[Line]:
        try:
            yield from self.connection.logs(self.namespace, pod, CONTAINER, options)
        except ApiError as error:
            # The pod is gone, or the log will be read again.
            if error.status not in {400, 404} and not is_transient(error):
                raise


def _has_started(pod: Manifest) -> bool:
    state = _state(pod)
    return "terminated" in state or "running" in state


def _termination(pod: Manifest | None) -> Manifest | None:
    """Return the termination of the check's own container, None while it runs."""
    found: Manifest | None = _state(pod or {}).get("terminated")
    return found


def _state(pod: Manifest) -> Manifest:
    """Return the state of the check's own container: injected sidecars end independently of it."""
    statuses = pod.get("status", {}).get("containerStatuses", ())
    return next((each.get("state", {}) for each in statuses if each["name"] == CONTAINER), {})
