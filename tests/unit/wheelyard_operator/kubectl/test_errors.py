import pytest

from unit.wheelyard_operator.kubectl.plugin import SERVER, Plugin, seen_index
from wheelyard_operator.kube import ApiError


def forbidden(verb: str, resource: str, group: str, where: str = 'in the namespace "packages"') -> str:
    """Return a refusal in the words of the API server."""
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
            "You (jane) do not have the right to list packageindexes.wheelyard.dev in namespace packages.",
        ),
        (
            403,
            forbidden("get", "pods/log", ""),
            "You (jane) do not have the right to get pods/log in namespace packages.",
        ),
        (
            403,
            forbidden("list", "indexusers", "wheelyard.dev", "at the cluster scope"),
            "You (jane) do not have the right to list indexusers.wheelyard.dev in all namespaces.",
        ),
        (403, "POST /x: exceeded quota: jobs", "The API server refused: POST /x: exceeded quota: jobs"),
    ],
)
def test_refusals_are_worded_for_the_person_who_sees_them(
    plugin: Plugin, monkeypatch: pytest.MonkeyPatch, status: int, message: str, text: str
) -> None:
    def refuse(*_: object) -> None:
        raise ApiError(status, message)

    monkeypatch.setattr(plugin.kube, "get", refuse)
    shown = plugin("status", "main")
    assert shown.code == 1
    assert shown.out == ""
    assert text in shown.err
    assert plugin("verify", "main").code == 2, "1 would say that there are findings"


def test_a_cluster_without_wheelyard(plugin: Plugin, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*_: object) -> None:
        raise ApiError(404, "GET /apis/wheelyard.dev/v1/packageindexes: 404 page not found")

    monkeypatch.setattr(plugin.kube, "list", missing)
    assert "has no PackageIndexes: install the operator" in plugin("status").err


def test_the_error_lists_existing_names(plugin: Plugin) -> None:
    plugin.kube.put(seen_index("team", "team"))
    assert "There is no PackageIndex mani in namespace packages. Did you mean main?" in plugin("status", "mani").err
    assert "There are: main." in plugin("status", "zzz").err
    shown = plugin("status", "main", "-n", "elsewhere")
    assert "Other namespaces have: packages/main, team/team; choose by -n." in shown.err
    assert "There is no IndexUser nobody" in plugin("login", "nobody").err
    assert shown.code == 1


@pytest.mark.parametrize("text", ["main", "secret/main"])
def test_a_target_must_name_its_kind(plugin: Plugin, text: str) -> None:
    assert "write index/main or user/main" in plugin("rotate", text).err


@pytest.mark.parametrize("text", ["index/main", "packageindex/main", "pkgidx/main"])
def test_targets_are_named_as_kubectl_names_them(plugin: Plugin, text: str) -> None:
    assert plugin("pause", text).code == 0
    assert plugin("status", text).code == 0
