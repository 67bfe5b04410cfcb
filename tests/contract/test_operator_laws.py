"""What docs/architecture.md says of the operator's way to the outside is true of every module."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.documents import ROOT

PACKAGE = ROOT / "operator/wheelyard_operator"
_READS = {"get", "metadata", "list", "document"}
_WRITES = {"apply", "would_apply", "patch", "create", "delete"}

READERS = {
    "observe.py": "reads everything that decides",
    "apply.py": "compares the live child that it is about to write",
    "process/calls.py": "hands each call on",
    "process/leadership.py": "the Lease: without it no operator leads",
    "provision/issuers.py": "the API server's own signing keys, as any other issuer's",
}
"""The modules that read from the cluster, and why."""
WRITERS = {
    "apply.py": "children",
    "process/calls.py": "hands each call on",
    "process/leadership.py": "the Lease",
    "reconcile/children.py": "annotations of pods",
    "reconcile/finalizers.py": "finalizers of indexes",
    "reconcile/report.py": "status and events",
}
CLIENTS = {
    "boto3": {"__main__.py", "provision/clients.py"},
    "kubernetes": {"__main__.py", "kube.py", "process/cluster_login.py"},
    "urllib3": {"kube.py", "process/cluster_login.py", "provision/issuers.py"},
    "http": {"provision/server_probe.py"},
    "socket": {"provision/server_probe.py"},
    "requests": set[str](),
    "urllib.request": set[str](),
    "aiohttp": {"process/life.py", "process/metrics.py"},
}
"""Libraries that open connections, with the modules that may import them. aiohttp serves the metrics.

`__main__` imports two of them only to say which one is missing.
"""
WIRED = ("RealKube", "Clients", "Web", "ServerProbe")
"""What makes calls: `__main__` alone makes them, and hands them to `process/calls.py`."""


def modules() -> Iterator[tuple[str, ast.Module]]:
    """Yield the operator's modules; the kubectl plugin is a program of its own."""
    for path in sorted(PACKAGE.rglob("*.py")):
        name = str(path.relative_to(PACKAGE))
        if not name.startswith("kubectl/"):
            yield name, ast.parse(path.read_text())


MODULES = dict(modules())


def calls_of_kube(tree: ast.Module, verbs: set[str]) -> bool:
    """Return whether a module calls such a method of a value named `kube`."""
    called = (node.func for node in ast.walk(tree) if isinstance(node, ast.Call))
    return any(
        isinstance(each, ast.Attribute) and each.attr in verbs and _name(each.value).lstrip("_") == "kube"
        for each in called
    )


def _name(node: ast.expr) -> str:
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
    return ""


@pytest.mark.parametrize(("verbs", "allowed"), [(_READS, READERS), (_WRITES, WRITERS)], ids=["reads", "writes"])
def test_the_cluster_is_read_and_written_in_the_named_modules_alone(
    verbs: set[str], allowed: dict[str, str]
) -> None:
    assert {name for name, tree in MODULES.items() if calls_of_kube(tree, verbs)} == set(allowed)


def test_every_cluster_is_named_kube() -> None:
    """The check above goes by the name."""
    named = {
        (name, node.arg if isinstance(node, ast.arg) else _name(node.target))
        for name, tree in MODULES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.arg | ast.AnnAssign) and node.annotation and "Kube" in ast.unparse(node.annotation)
    }
    assert {argument for _, argument in named} == {"kube"}


def imported(tree: ast.Module) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {each.name for each in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{each.name}" for each in node.names)}
    return names


@pytest.mark.parametrize("library", CLIENTS)
def test_connections_are_opened_in_the_named_modules_alone(library: str) -> None:
    using = {
        name
        for name, tree in MODULES.items()
        if any(each == library or each.startswith(f"{library}.") for each in imported(tree))
    }
    assert using == CLIENTS[library]


@pytest.mark.parametrize("kind", WIRED)
def test_what_makes_calls_is_made_by_the_wiring_alone(kind: str) -> None:
    makers = {
        name
        for name, tree in MODULES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and _name(node.func) == kind
    }
    assert makers == {"__main__.py"}


def test_the_wiring_hands_every_client_to_the_guard() -> None:
    """Only the Lease's client is not guarded: without the Lease no operator leads."""
    text = (PACKAGE / "__main__.py").read_text()
    assert text.count("RealKube(") == 2
    for guarded in (
        "GuardedKube(RealKube(",
        "Clients(settings, calls.watch_client)",
        "calls.to_issuers(Web(",
        "calls.to_servers(ServerProbe(",
    ):
        assert guarded in text, guarded
    assert text.count("ServerProbe(") == text.count("calls.to_servers(ServerProbe(") == 4


def test_these_checks_can_fail() -> None:
    tree = ast.parse("def f(self) -> None:\n    self._kube.list('Pod')")
    assert calls_of_kube(tree, _READS)
    assert not calls_of_kube(tree, _WRITES)
    assert "urllib.request" in imported(ast.parse("from urllib import request"))


def test_the_page_of_the_architecture_names_this_test() -> None:
    assert f"`{Path(__file__).relative_to(ROOT)}`" in (ROOT / "docs/architecture.md").read_text()
