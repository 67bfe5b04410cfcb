import argparse
from pathlib import Path

import pytest
import yaml

from wheelyard_operator.kubectl.connection import FIELD_MANAGER, add_flags, connect
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


def parse(*arguments: str) -> argparse.Namespace:
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
def test_the_cluster_and_namespace_are_the_same_as_for_kubectl(
    kubeconfig: str, flags: tuple[str, ...], server: str, namespace: str
) -> None:
    found = connect(parse("--kubeconfig", kubeconfig, *flags))
    assert (found.server, found.namespace) == (server, namespace)


def test_flux_keeps_annotations_that_the_plugin_sets() -> None:
    """Flux removes fields of managers whose name begins with kubectl (tests/apiserver/test_flux.py)."""
    assert not FIELD_MANAGER.startswith("kubectl")


def test_printed_kubectl_commands_get_the_flags_for_the_same_cluster(kubeconfig: str) -> None:
    found = connect(parse("--kubeconfig", kubeconfig, "--context", "two", "--as", "jane"))
    assert found.flags == (f"--kubeconfig={kubeconfig}", "--context=two", "--as=jane")


@pytest.mark.parametrize("flags", [("--context", "three"), ("--kubeconfig", "/does/not/exist")])
def test_a_missing_context_or_kubeconfig_is_reported(kubeconfig: str, flags: tuple[str, ...]) -> None:
    with pytest.raises(PluginError, match=r"No cluster: .* --kubeconfig or KUBECONFIG"):
        connect(parse("--kubeconfig", kubeconfig, *flags))


def test_a_pod_without_a_kubeconfig_uses_its_service_account(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, text in (("token", "secret"), ("ca.crt", "a certificate"), ("namespace", "ci")):
        (tmp_path / name).write_text(text)
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "443")
    of_client = "kubernetes.config.incluster_config"
    monkeypatch.setattr(f"{of_client}.SERVICE_TOKEN_FILENAME", str(tmp_path / "token"))
    monkeypatch.setattr(f"{of_client}.SERVICE_CERT_FILENAME", str(tmp_path / "ca.crt"))
    monkeypatch.setattr("wheelyard_operator.kubectl.connection.SERVICE_TOKEN_FILENAME", str(tmp_path / "token"))
    monkeypatch.setattr("kubernetes.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", str(tmp_path / "none"))
    monkeypatch.setattr("kubernetes.client.ApiClient", lambda configuration: configuration)
    found = connect(parse())
    assert (found.server, found.namespace) == ("https://10.0.0.1:443", "ci")
