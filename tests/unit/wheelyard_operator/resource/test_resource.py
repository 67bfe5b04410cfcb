"""The custom resources as values: what each field parses to, and which resources are refused."""

import pytest

from unit.wheelyard_operator.fakes import a_user, an_index, own_credentials
from wheelyard_operator.resource import Key, LabelSelector, NamespaceAdmission


def test_the_names_of_an_indexs_objects() -> None:
    index = an_index()
    assert index.id == "packages/main"
    assert index.child_name == "wheelyard-main"
    assert index.access_secret_name == "wheelyard-main-access"
    assert index.storage_secret_name == "wheelyard-main-storage"
    assert index.url("cluster.local") == "http://wheelyard-main.packages.svc.cluster.local/"
    assert index.meta.key == Key("PackageIndex", "packages", "main")


def test_a_secret_that_the_index_names_is_used() -> None:
    assert an_index(**own_credentials("mine")).storage_secret_name == "mine"


def test_the_names_of_a_users_objects() -> None:
    user = a_user(namespace="ci")
    assert user.username == "ci.jenkins"
    assert user.secret_name == "jenkins-pypi"
    assert a_user(secret_name="mine").secret_name == "mine"


def test_index_of_a_user_is_by_default_in_its_own_namespace() -> None:
    assert a_user(namespace="ci", index_namespace="").index == Key("PackageIndex", "ci", "main")


def test_own_grants_are_for_that_user_alone() -> None:
    (grant,) = a_user(grants=[{"packages": ["acme-*"], "verbs": ["read"]}]).grants
    assert grant.subjects == ("user:packages.jenkins",)


@pytest.mark.parametrize(
    ("expression", "holds"),
    [
        ({"key": "team", "operator": "In", "values": ["a", "b"]}, True),
        ({"key": "team", "operator": "In", "values": ["c"]}, False),
        ({"key": "team", "operator": "NotIn", "values": ["c"]}, True),
        ({"key": "none", "operator": "NotIn", "values": ["c"]}, True),
        ({"key": "team", "operator": "NotIn", "values": ["a"]}, False),
        ({"key": "team", "operator": "Exists"}, True),
        ({"key": "none", "operator": "Exists"}, False),
        ({"key": "none", "operator": "DoesNotExist"}, True),
        ({"key": "team", "operator": "Gt", "values": ["1"]}, False),
    ],
)
def test_a_match_expression_selects_by_labels(expression: dict[str, object], *, holds: bool) -> None:
    selector = LabelSelector.parse({"matchLabels": {"x": "y"}, "matchExpressions": [expression]})
    assert selector.matches({"team": "a", "x": "y"}) is holds
    assert not selector.matches({"team": "a"})


@pytest.mark.parametrize(
    ("consent", "namespace", "labels", "admitted"),
    [
        ({"from": "Same"}, "packages", {}, True),
        ({"from": "Same"}, "ci", {"team": "ci"}, False),
        ({"from": "All"}, "ci", {}, True),
        ({"from": "Selector", "selector": {"matchLabels": {"team": "ci"}}}, "ci", {"team": "ci"}, True),
        ({"from": "Selector", "selector": {"matchLabels": {"team": "ci"}}}, "ci", {}, False),
        ({"from": "Selector", "selector": {"matchLabels": {"team": "ci"}}}, "ci", None, False),
        ({"from": "Selector", "selector": {"matchLabels": {"team": "ci"}}}, "packages", {}, True),
    ],
)
def test_the_index_admits_users_of_a_namespace(
    consent: dict[str, object], namespace: str, labels: dict[str, str] | None, *, admitted: bool
) -> None:
    assert NamespaceAdmission.parse(consent).admits("packages", namespace, labels) is admitted
