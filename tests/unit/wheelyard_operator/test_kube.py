import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from wheelyard_operator.kube import ApiError, RealKube
from wheelyard_operator.process.cluster_login import connect


class Recorder:
    """Stands in for the official client and notes what would be requested."""

    def __init__(self) -> None:
        self.paths: list[str] = []
        self.answer: bytes | None = None

    def call_api(self, path: str, *_: object, **__: object) -> object:
        self.paths.append(path)
        if self.answer is None:
            raise ConnectionError
        return SimpleNamespace(data=self.answer)


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("keys", "/api/v1/namespaces/evil/secrets/keys"),
        ("../../kube-system/secrets/aws", "/api/v1/namespaces/evil/secrets/..%2F..%2Fkube-system%2Fsecrets%2Faws"),
        ("x?watch=1", "/api/v1/namespaces/evil/secrets/x%3Fwatch%3D1"),
        ("a/b", "/api/v1/namespaces/evil/secrets/a%2Fb"),
    ],
)
def test_a_name_never_leads_out_of_its_namespace(name: str, path: str) -> None:
    client = Recorder()
    with pytest.raises(ApiError):
        RealKube(client).get("Secret", "evil", name)
    assert client.paths == [path]


@pytest.mark.parametrize("name", [".", ".."])
def test_dots_are_the_name_of_nothing(name: str) -> None:
    client = Recorder()
    assert RealKube(client).get("Secret", "evil", name) is None
    assert client.paths == []


def test_an_operator_of_some_namespaces_ignores_others() -> None:
    client = Recorder()
    client.answer = b'{"items": [{"metadata": {"name": "main"}}]}'
    kube = RealKube(client, ("packages", "ci"))
    assert [each["kind"] for each in kube.list("PackageIndex")] == ["PackageIndex"] * 2
    assert client.paths == [
        f"/apis/wheelyard.dev/v1/namespaces/{namespace}/packageindexes" for namespace in ("packages", "ci")
    ]
    assert kube.get("PackageIndex", "other", "main") is None
    assert len(client.paths) == 2, "other namespaces are never requested"
    assert kube.get("PackageIndex", "ci", "main")
    assert kube.get("Namespace", "", "ci")


def test_nothing_is_sent_again_behind_our_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A write that waits to be sent again might come when this operator no longer leads."""
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "x",
        "contexts": [{"name": "x", "context": {"cluster": "x", "user": "x"}}],
        "clusters": [{"name": "x", "cluster": {"server": "http://127.0.0.1:9"}}],
        "users": [{"name": "x", "user": {"token": "t"}}],
    }
    (tmp_path / "kubeconfig").write_text(json.dumps(config))
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    monkeypatch.setattr("kubernetes.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", str(tmp_path / "kubeconfig"))
    client = connect()
    assert client.configuration.host == "http://127.0.0.1:9"
    pool = client.rest_client.pool_manager.connection_from_url("http://127.0.0.1:9")
    assert pool.retries.total is False
    with pytest.raises(ApiError):
        RealKube(client).get("Secret", "n", "x")
