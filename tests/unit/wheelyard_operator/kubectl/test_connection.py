from __future__ import annotations

import argparse
from pathlib import Path

import pytest
import yaml

from wheelyard_operator.kubectl.connection import add_flags, connect
from wheelyard_operator.kubectl.errors import PluginError


@pytest.fixture
def kubeconfig(tmp_path: Path) -> str:
    """Write a kubeconfig with two contexts; only one has a namespace."""
    contexts = [
        {"name": "one", "context": {"cluster": "a", "user": "u", "namespace": "packages"}},
        {"name": "two", "context": {"cluster": "b", "user": "u"}},
    ]
    clusters = [{"name": name, "cluster": {"server": f"https://{name}.example"}} for name in "ab"]
    users = [{"name": "u", "user": {"token": "secret"}}]
    body = {"current-context": "one", "contexts": contexts, "clusters": clusters, "users": users}
    file = tmp_path / "config"
    file.write_text(yaml.safe_dump(body))
    return str(file)


def parsed(*arguments: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_flags(parser)
    return parser.parse_args(arguments)


@pytest.mark.parametrize(
    ("flags", "server", "namespace"),
    [
        ((), "https://a.example", "packages"),
        (("-n", "ci"), "https://a.example", "ci"),
        (("--context", "two"), "https://b.example", "default"),
    ],
)
def test_cluster_and_namespace_are_those_of_kubectl(
    kubeconfig: str, flags: tuple[str, ...], server: str, namespace: str
) -> None:
    found = connect(parsed("--kubeconfig", kubeconfig, *flags))
    assert (found.server, found.namespace) == (server, namespace)


def test_kubectl_is_told_of_the_same_cluster(kubeconfig: str) -> None:
    found = connect(parsed("--kubeconfig", kubeconfig, "--context", "two", "--as", "jane"))
    assert found.flags == (f"--kubeconfig={kubeconfig}", "--context=two", "--as=jane")


@pytest.mark.parametrize("flags", [("--context", "three"), ("--kubeconfig", "/does/not/exist")])
def test_a_cluster_that_is_not_there(kubeconfig: str, flags: tuple[str, ...]) -> None:
    with pytest.raises(PluginError, match=r"No cluster: .* --kubeconfig or KUBECONFIG"):
        connect(parsed("--kubeconfig", kubeconfig, *flags))
