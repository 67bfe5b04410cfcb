"""An operator of single namespaces: Kubernetes itself keeps it out of all others."""

import json
from collections.abc import Iterator

import pytest

from support.kubectl import eventually
from support.mainjob import SYSTEM, MainJob

OPERATOR = f"system:serviceaccount:{SYSTEM}:wheelyard-operator"


@pytest.fixture
def namespaced(operator: MainJob, namespace: str) -> Iterator[MainJob]:
    """Install the operator for one namespace, and for all again afterwards."""
    operator.install_operator(namespace)
    yield operator
    operator.install_operator()


@pytest.mark.alone
def test_the_operator_cannot_reach_other_namespaces_and_does_its_work_in_its_own(
    namespaced: MainJob, namespace: str, other_namespace: str
) -> None:
    kubectl, other = namespaced.kubectl, other_namespace

    def may(verb: str, resource: str, where: str) -> bool:
        return (
            kubectl.attempt("auth", "can-i", verb, resource, "-n", where, "--as", OPERATOR).stdout.strip() == "yes"
        )

    for verb in ("get", "list", "watch", "create", "patch", "delete"):
        assert may(verb, "secrets", namespace)
        assert not may(verb, "secrets", other)
    for resource in ("pods", "deployments", "indexusers", "packageindexes/status", "serviceaccounts", "events"):
        assert not any(may(verb, resource, other) for verb in ("get", "list", "create", "patch", "delete"))
    assert kubectl("get", "clusterrolebindings", "-o", "yaml").count("name: wheelyard-operator") == 0

    index = {
        "apiVersion": "wheelyard.dev/v1",
        "kind": "PackageIndex",
        "metadata": {"name": "main", "namespace": namespace},
        "spec": {
            "storage": {"s3": {"bucket": namespace, "provision": {"bucket": True, "user": True}}},
            "replicas": 1,
            "access": {"users": {"namespaces": {"from": "All"}}},
        },
    }
    users = [
        {
            "apiVersion": "wheelyard.dev/v1",
            "kind": "IndexUser",
            "metadata": {"name": "agent", "namespace": where},
            "spec": {
                "indexRef": {"name": "main", "namespace": namespace},
                "serviceAccounts": [{"name": "default"}],
            },
        }
        for where in (namespace, other)
    ]
    for manifest in (index, *users):
        kubectl("apply", "-f", "-", stdin=json.dumps(manifest))
    namespaced.wait_until_ready("packageindex", "main", namespace)
    namespaced.wait_until_ready("indexuser", "agent", namespace)
    kubectl("-n", namespace, "delete", "secret", "agent-pypi")
    eventually(lambda: kubectl.secret(namespace, "agent-pypi"), "its children are watched")
    unseen = {"observedGeneration": -1}  # what the schema gives it
    assert kubectl.get("-n", other, "indexuser", "agent")["status"] == unseen
    assert kubectl("-n", other, "get", "secrets", "-o", "name") == ""
