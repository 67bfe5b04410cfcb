"""Every value of the chart ends up where its description says."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from cluster import Cluster
from support.kubectl import run
from support.mainjob import ROOT

CHART = str(ROOT / "charts/wheelyard")
VALUES = {
    "replicas": 3,
    "image": {"repository": "mirror/wheelyard", "tag": "9.9", "pullPolicy": "Always"},
    "indexServers": {"image": {"repository": "mirror/servers", "tag": "9.8"}},
    "aws": {
        "region": "eu-west-1",
        "credentialsSecret": "keys",
        "endpoints": {"s3": "http://s3:1", "iam": "http://iam:2"},
        "allowedEndpoints": ["http://a:1", "http://b:2"],
        "allowedBuckets": ["acme-*", "team-*"],
        "allowedAnnotations": ["eks.amazonaws.com/role-arn=arn:aws:iam::1:role/pypi-*", "iam.gke.io/*"],
        "keyGraceSeconds": 7,
    },
    "namespaces": ["packages", "ci"],
    "oidc": {"allowedIssuers": ["https://ci.example", "https://git.example"]},
    "exposure": {"allowedHosts": ["*.example.com"], "allowedIngressAnnotations": ["a.example/*", "b.example/c"]},
    "logs": {"format": "text"},
    "clusterDomain": "corp.local",
    "serviceAccount": {"annotations": {"eks.amazonaws.com/role-arn": "arn:aws:iam::1:role/r"}},
    "resources": {"requests": {"cpu": "70m", "memory": "99Mi"}, "limits": {"memory": "1Gi"}},
    "nodeSelector": {"kubernetes.io/arch": "amd64"},
    "tolerations": [{"key": "infra", "operator": "Exists"}],
}


@pytest.fixture
def rendered(cluster: Cluster, tmp_path: Path) -> dict[str, Any]:
    """Render the chart with a value of ours for each of its own; return the objects by kind."""
    values = tmp_path / "values.yaml"
    values.write_text(json.dumps(VALUES))
    done = run(cluster, str(cluster.helm), "template", "release", CHART, "--values", str(values))
    assert done.returncode == 0, done.stderr
    return {each["kind"]: each for each in yaml.safe_load_all(done.stdout) if each}


def test_no_value_is_left_out_here() -> None:
    def keys(values: Any, path: str = "") -> set[str]:
        if isinstance(values, dict) and path not in OPEN:
            return {key for name, value in values.items() for key in keys(value, f"{path}.{name}")}
        return {path}

    assert keys(yaml.safe_load((ROOT / "charts/wheelyard/values.yaml").read_text())) == keys(VALUES)


OPEN = {".serviceAccount.annotations", ".resources", ".nodeSelector"}
"""Values that are objects as users like."""


def test_the_operator_is_told_every_value(rendered: dict[str, Any]) -> None:
    pod = rendered["Deployment"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    environment = {each["name"]: each.get("value") for each in container["env"]}
    assert (container["image"], container["imagePullPolicy"]) == ("mirror/wheelyard:9.9", "Always")
    assert {name: value for name, value in environment.items() if value is not None} == {
        "WHEELYARD_IMAGE": "mirror/servers:9.8",
        "WHEELYARD_IMAGE_PULL_POLICY": "Always",
        "WHEELYARD_CLUSTER_DOMAIN": "corp.local",
        "WHEELYARD_ALLOWED_ENDPOINTS": "http://a:1,http://b:2",
        "WHEELYARD_ALLOWED_BUCKETS": "acme-*,team-*",
        "WHEELYARD_ALLOWED_ANNOTATIONS": "eks.amazonaws.com/role-arn=arn:aws:iam::1:role/pypi-*,iam.gke.io/*",
        "WHEELYARD_NAMESPACES": "packages,ci",
        "WHEELYARD_KEY_GRACE_SECONDS": "7",
        "WHEELYARD_ALLOWED_HOSTS": "*.example.com",
        "WHEELYARD_ALLOWED_INGRESS_ANNOTATIONS": "a.example/*,b.example/c",
        "WHEELYARD_LOG_FORMAT": "text",
        "WHEELYARD_ALLOWED_ISSUERS": "https://ci.example,https://git.example",
        "WHEELYARD_LEASE": "release-wheelyard-operator",
        "AWS_REGION": "eu-west-1",
        "AWS_ENDPOINT_URL_S3": "http://s3:1",
        "AWS_ENDPOINT_URL_IAM": "http://iam:2",
    }
    sources = [each["valueFrom"] for each in container["env"] if "valueFrom" in each]
    assert {each["secretKeyRef"]["name"] for each in sources if "secretKeyRef" in each} == {"keys"}
    assert [each["fieldRef"]["fieldPath"] for each in sources if "fieldRef" in each] == [
        "metadata.name",
        "metadata.namespace",
    ]
    assert rendered["Deployment"]["spec"]["replicas"] == 3
    assert container["resources"] == VALUES["resources"]
    assert (pod["nodeSelector"], pod["tolerations"]) == (VALUES["nodeSelector"], VALUES["tolerations"])
    assert rendered["ServiceAccount"]["metadata"]["annotations"] == {
        "eks.amazonaws.com/role-arn": "arn:aws:iam::1:role/r"
    }


def test_index_servers_have_the_operators_image_unless_another_is_named(cluster: Cluster) -> None:
    done = run(cluster, str(cluster.helm), "template", "release", CHART, "--set", "image.tag=9.9")
    assert done.stdout.count('"wheelyard:9.9"') == 2


def test_a_value_that_there_is_not_is_refused(cluster: Cluster) -> None:
    done = run(cluster, str(cluster.helm), "template", "release", CHART, "--set", "aws.regoin=eu-west-1")
    assert done.returncode != 0
    assert "regoin" in done.stderr


def test_several_operators_have_a_budget_and_one_has_none(cluster: Cluster) -> None:
    for replicas, budgets in ((1, 0), (2, 1)):
        done = run(cluster, str(cluster.helm), "template", "release", CHART, "--set", f"replicas={replicas}")
        assert done.returncode == 0, done.stderr
        assert done.stdout.count("kind: PodDisruptionBudget") == budgets


def test_the_lease_is_the_only_one_that_the_operator_may_change(cluster: Cluster) -> None:
    done = run(cluster, str(cluster.helm), "template", "release", CHART, "--namespace", "system")
    roles = [each for each in yaml.safe_load_all(done.stdout) if each and each["kind"] in {"Role", "ClusterRole"}]
    about = [
        (role["kind"], role["metadata"].get("namespace"), rule["verbs"], rule.get("resourceNames"))
        for role in roles
        for rule in role["rules"]
        if "leases" in rule.get("resources", ())
    ]
    assert about == [
        ("Role", "system", ["create"], None),
        ("Role", "system", ["get", "patch"], ["release-wheelyard-operator"]),
    ]
