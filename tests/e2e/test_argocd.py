"""Argo CD manages all of it, operator, indexes and users, from a Git repository."""

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from mypy_boto3_s3 import S3Client

from cluster import Cluster, argocd
from support.gitops import ARGOCD, ArgoCD, Repository
from support.kubectl import eventually, run
from support.mainjob import ROOT, SYSTEM, MainJob

QUIET_SECONDS = float(os.environ.get("WHEELYARD_ARGOCD_SECONDS", "30"))
"""How long nothing may change. Argo CD looks `RESYNC_SECONDS` apart here: this stands for many of its minutes."""
SETTINGS = yaml.safe_load((ARGOCD / "argocd-cm.yaml").read_text())["data"]
KINDS = "deployments,services,configmaps,secrets,serviceaccounts,poddisruptionbudgets"
MADE_BY_THE_OPERATOR = "app.kubernetes.io/managed-by=wheelyard-operator"


@pytest.fixture
def argo(operator: MainJob, cluster: Cluster, tmp_path: Path) -> Iterator[ArgoCD]:
    with argocd.running(cluster, tmp_path / "argocd", SETTINGS):
        yield ArgoCD(operator.kubectl)


@pytest.fixture
def estate(argo: ArgoCD, tmp_path: Path, operator: MainJob, namespace: str, other_namespace: str) -> "Estate":
    """Put the files of teams into Git, and apply the examples with installation-specific values changed."""
    estate = Estate(argo, Repository(tmp_path / "repository"), operator, namespace, other_namespace)
    estate.fill()
    estate.apply()
    return estate


class Estate:
    """An index with two users in one namespace, and a user of another team."""

    def __init__(self, argo: ArgoCD, repository: Repository, operator: MainJob, namespace: str, team: str) -> None:
        self.argo = argo
        self.repository = repository
        self.kubectl = operator.kubectl
        self.cluster = operator.cluster
        self.namespace = namespace
        self.team = team
        self.applications = ("wheelyard", "package-indexes", f"package-index-users-{team}")

    def fill(self) -> None:
        index = {
            "apiVersion": "wheelyard.dev/v1",
            "kind": "PackageIndex",
            "metadata": {"name": "main"},
            "spec": {
                "storage": {"s3": {"bucket": self.namespace, "provision": {"bucket": True, "user": True}}},
                "replicas": 1,
                "access": {"users": {"namespaces": {"from": "All"}}},
            },
        }
        self.repository.copy(ROOT / "charts/wheelyard", "charts/wheelyard")
        self.repository.write("indexes/main.yaml", index, self._user("ci"))
        self.repository.write("indexes/second-user.yaml", self._user("second"))
        self.repository.write(f"teams/{self.team}/reader.yaml", self._user("reader"))
        self.repository.commit("An index, two users, and a team")

    def apply(self) -> None:
        helm = (str(self.cluster.helm), "get", "values", "wheelyard", "-n", SYSTEM, "-o", "yaml")
        values = yaml.safe_load(run(self.cluster, *helm).stdout)

        def operator_of_this_cluster(application: dict[str, Any]) -> None:
            application["spec"]["source"]["repoURL"] = self.repository.url
            application["spec"]["source"]["helm"]["valuesObject"] = values

        def indexes_of_this_test(application: dict[str, Any]) -> None:
            application["spec"]["source"]["repoURL"] = self.repository.url
            application["spec"]["destination"]["namespace"] = self.namespace

        def teams_of_this_test(applications: dict[str, Any]) -> None:
            applications["spec"]["generators"][0]["git"]["repoURL"] = self.repository.url
            applications["spec"]["template"]["spec"]["source"]["repoURL"] = self.repository.url

        self.argo.apply("operator.yaml", operator_of_this_cluster)
        self.argo.apply("indexes.yaml", indexes_of_this_test)
        self.argo.apply("teams.yaml", teams_of_this_test)
        for each in self.applications:
            self.argo.settles(each)

    def children(self) -> dict[str, str]:
        """Return the uids of what the operator made for the index and its users."""
        found = self.kubectl.get("-n", self.namespace, KINDS, "-l", MADE_BY_THE_OPERATOR)
        return {f"{each['kind']}/{each['metadata']['name']}": each["metadata"]["uid"] for each in found["items"]}

    def states(self) -> set[tuple[str, str]]:
        return {self.argo.state(each) for each in self.applications}

    def commit(self, message: str) -> None:
        self.repository.commit(message)
        self.argo.refresh("package-indexes")

    def _user(self, name: str) -> dict[str, Any]:
        spec = {"indexRef": {"name": "main", "namespace": self.namespace}}
        return {"apiVersion": "wheelyard.dev/v1", "kind": "IndexUser", "metadata": {"name": name}, "spec": spec}


def test_argocd_applies_changes_and_prunes_from_git(estate: Estate, s3: S3Client) -> None:
    nothing_flutters_and_nothing_is_pruned(estate)
    what_is_changed_by_hand_goes_back(estate)
    what_a_commit_removes_is_gone(estate)
    assert estate.namespace in [each["Name"] for each in s3.list_buckets()["Buckets"]]


def nothing_flutters_and_nothing_is_pruned(estate: Estate) -> None:
    before = estate.children()
    assert {"Deployment/wheelyard-main", "Secret/ci-pypi", "Secret/second-pypi"} <= set(before)
    for method in ("annotation", "label"):  # how Argo CD marks its own objects
        argocd.configure(estate.cluster, {**SETTINGS, "application.resourceTrackingMethod": method})
        for each in estate.applications:
            estate.argo.refresh(each)
        # It first marks all that it has in the new way.
        time.sleep(2 * argocd.RESYNC_SECONDS)
        eventually(lambda: estate.states() == {("Synced", "Healthy")}, f"tracking by {method} settles")
        end = time.monotonic() + QUIET_SECONDS / 2
        while time.monotonic() < end:
            assert estate.states() == {("Synced", "Healthy")}, {
                each: estate.argo.out_of_sync(each) for each in estate.applications
            }
            time.sleep(1)
        assert estate.children() == before


def what_is_changed_by_hand_goes_back(estate: Estate) -> None:
    """In a resource by Argo CD, in what was made of it by the operator."""
    here = ("-n", estate.namespace)
    estate.kubectl(*here, "scale", "packageindex/main", "--replicas=3")
    estate.kubectl(*here, "delete", "service", "wheelyard-main")

    def is_back() -> bool:
        replicas = estate.kubectl.get(*here, "packageindex", "main")["spec"]["replicas"]
        return replicas == 1 and "Service/wheelyard-main" in estate.children()

    eventually(is_back, "replicas and Service are back")
    estate.argo.settles("package-indexes")


def what_a_commit_removes_is_gone(estate: Estate) -> None:
    estate.repository.remove("indexes/second-user.yaml")
    estate.commit("The second user left")
    eventually(lambda: "Secret/second-pypi" not in estate.children(), "the user's Secret is gone")
    estate.argo.settles("package-indexes")
    estate.repository.remove("indexes/main.yaml")
    # An Application that has nothing at all any more prunes nothing, unless it says allowEmpty.
    left = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "left"}}
    estate.repository.write("indexes/left.yaml", left)
    estate.commit("No index any more")
    eventually(lambda: not estate.children(), "the index and what was made of it are gone")
    estate.argo.settles("package-indexes")
