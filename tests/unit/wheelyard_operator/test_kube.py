from __future__ import annotations

from types import SimpleNamespace

import pytest

from wheelyard_operator.kube import ApiError, RealKube


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


def test_to_an_operator_of_some_namespaces_there_are_no_others() -> None:
    client = Recorder()
    client.answer = b'{"items": [{"metadata": {"name": "main"}}]}'
    kube = RealKube(client, ("packages", "ci"))
    assert [each["kind"] for each in kube.list("PackageIndex")] == ["PackageIndex"] * 2
    assert client.paths == [
        f"/apis/wheelyard.dev/v1/namespaces/{namespace}/packageindexes" for namespace in ("packages", "ci")
    ]
    assert kube.get("PackageIndex", "other", "main") is None
    assert len(client.paths) == 2, "nobody is asked for what it may not see"
    assert kube.get("PackageIndex", "ci", "main")
    assert kube.get("Namespace", "", "ci")
