"""Runs the plugin on a cluster in memory, and captures what it prints."""

import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from unit.wheelyard_operator.fakes import TOKEN, FakeKube, index_body, server_pod, user_body
from wheelyard_operator.desired.common import encoded
from wheelyard_operator.kube import ApiError
from wheelyard_operator.kubectl import commands
from wheelyard_operator.kubectl.connection import Connection
from wheelyard_operator.kubectl.podlogs import Line, LogOptions
from wheelyard_operator.resource import Manifest

SERVER = "https://cluster.example:6443"


@dataclass(frozen=True)
class Printed:
    """The exit code and the output of a command."""

    code: int
    out: str
    err: str


class FakeLogs:
    """The logs of pods, by name: the lines that a reading returns."""

    def __init__(self) -> None:
        self.of: dict[str, list[str]] = {}
        self.options: list[LogOptions] = []

    def __call__(self, namespace: str, pod: str, container: str, options: LogOptions) -> Iterator[Line]:
        assert namespace == "packages"
        assert container in {"index", "verify"}
        self.options.append(options)
        if pod not in self.of:
            raise ApiError(400, "container is waiting to start")
        lines = self.of[pod]
        for each in lines if options.tail is None else lines[max(len(lines) - options.tail, 0) :]:
            time, _, text = each.partition(" ")
            yield Line(time, text)


class Terminal(io.StringIO):
    """A stream that claims to be a terminal."""

    def isatty(self) -> bool:
        return True


@dataclass
class Plugin:
    """Runs commands."""

    monkeypatch: pytest.MonkeyPatch
    kube: FakeKube = field(default_factory=FakeKube)
    logs: FakeLogs = field(default_factory=FakeLogs)

    def __call__(self, *arguments: str, tty: bool = False, **environment: str) -> Printed:
        def connect(parsed: Any) -> Connection:
            flags = (f"--context={parsed.context}",) if parsed.context else ()
            return Connection(self.kube, self.logs, parsed.namespace or "packages", SERVER, flags)

        self.monkeypatch.setattr("wheelyard_operator.kubectl.connection.connect", connect)
        out, err = Terminal() if tty else io.StringIO(), io.StringIO()
        code = commands.run(arguments, out, err, environment)
        return Printed(code, out.getvalue(), err.getvalue())


def conditions(**statuses: str) -> list[Manifest]:
    """Return a condition with a message for each type and status."""
    return [
        {"type": kind, "status": status, "reason": f"{kind}Reason", "message": f"The message of {kind}."}
        for kind, status in statuses.items()
    ]


def reconciled_index(name: str = "main", namespace: str = "packages", **changes: Any) -> Manifest:
    """Return an index with the status that the operator wrote."""
    body = index_body(name, namespace, **changes)
    body["status"] = {
        "observedGeneration": 1,
        "url": f"http://wheelyard-{name}.{namespace}.svc.cluster.local/",
        "users": 1,
        "readyReplicas": 2,
        "accessKeyIssued": "2026-11-23T12:00:00Z",
        "conditions": conditions(
            Ready="True", StorageReady="True", Available="True", Reconciling="False", Stalled="False"
        ),
        **changes.get("status", {}),
    }
    return body


def reconciled_user(name: str = "ci", namespace: str = "packages", **changes: Any) -> Manifest:
    """Return a user with the status that the operator wrote."""
    body = user_body(name, namespace, **changes)
    body["status"] = {
        "observedGeneration": 1,
        "username": f"{namespace}.{name}",
        "secretName": f"{name}-pypi",
        "url": "http://wheelyard-main.packages.svc.cluster.local/",
        "rights": ["read, publish: acme-*"],
        "tokenIssued": "2026-11-23T12:00:00Z",
        "conditions": conditions(Ready="True", GrantsAccepted="True", Reconciling="False", Stalled="False"),
        **changes.get("status", {}),
    }
    return body


def user_secret_body(name: str = "ci", namespace: str = "packages") -> Manifest:
    """Return a user's Secret."""
    metadata = {"name": f"{name}-pypi", "namespace": namespace}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": encoded({"password": TOKEN})}


def running_server(name: str, **status: Any) -> Manifest:
    """Return a running pod of the index `main`."""
    return {**server_pod(name), "status": {"phase": "Running", **status}}
