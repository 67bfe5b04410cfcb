import pytest

from unit.wheelyard_operator.kubectl.plugin import SERVER, Plugin, reconciled_index
from wheelyard_operator.kube import ApiError


def forbidden(verb: str, resource: str, group: str, where: str = 'in the namespace "packages"') -> str:
    """Return a refusal with the API server's message."""
    return (
        f'GET /x: it is forbidden: User "jane" cannot {verb} resource "{resource}" in API group "{group}" {where}'
    )


@pytest.mark.parametrize(
    ("status", "message", "text"),
    [
        (0, "GET /apis: MaxRetryError", f"The cluster at {SERVER} does not answer."),
        (401, "GET /apis: Unauthorized", "does not accept your login"),
        (
            403,
            forbidden("list", "packageindexes", "wheelyard.dev"),
            "You (jane) do not have permission to list packageindexes.wheelyard.dev in namespace packages.",
        ),
        (
            403,
            forbidden("get", "pods/log", ""),
            "You (jane) do not have permission to get pods/log in namespace packages.",
        ),
        (
            403,
            forbidden("list", "indexusers", "wheelyard.dev", "at the cluster scope"),
            "You (jane) do not have permission to list indexusers.wheelyard.dev in all namespaces.",
        ),
        (403, "POST /x: exceeded quota: jobs", "The API server refused: POST /x: exceeded quota: jobs"),
    ],
)
def test_a_refusal_is_explained(
    plugin: Plugin, monkeypatch: pytest.MonkeyPatch, status: int, message: str, text: str
) -> None:
    def refuse(*_: object) -> None:
        raise ApiError(status, message)

    monkeypatch.setattr(plugin.kube, "get", refuse)
    shown = plugin("status", "main")
    assert shown.code == 1
    assert shown.out == ""
    assert text in shown.err
    assert plugin("verify", "main").code == 2, "1 would mean that there are findings"


def test_a_cluster_without_the_crds_is_reported(plugin: Plugin, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*_: object) -> None:
        raise ApiError(404, "GET /apis/wheelyard.dev/v1/packageindexes: 404 page not found")

    monkeypatch.setattr(plugin.kube, "list", missing)
    assert "has no PackageIndexes: install the operator" in plugin("status").err


def test_the_error_lists_existing_names(plugin: Plugin) -> None:
    plugin.kube.put(reconciled_index("team", "team"))
    assert "There is no PackageIndex mani in namespace packages. Did you mean main?" in plugin("status", "mani").err
    assert "Existing ones: main." in plugin("status", "zzz").err
    shown = plugin("status", "main", "-n", "elsewhere")
    assert "Other namespaces have: packages/main, team/team; choose one with -n." in shown.err
    assert "There is no IndexUser zoe" in plugin("login", "zoe").err
    assert shown.code == 1


@pytest.mark.parametrize("text", ["main", "secret/main"])
def test_a_target_must_name_its_kind(plugin: Plugin, text: str) -> None:
    assert "write index/main or user/main" in plugin("rotate", text).err


@pytest.mark.parametrize("text", ["index/main", "packageindex/main", "pkgidx/main"])
def test_targets_have_the_names_that_kubectl_accepts(plugin: Plugin, text: str) -> None:
    assert plugin("pause", text).code == 0
    assert plugin("status", text).code == 0
