"""A wrong manifest is refused by the API server with a message that names the field and the rule."""

import copy
import json
from typing import Any

import pytest
import yaml

from support.kubectl import Kubectl
from support.mainjob import EXAMPLES, MainJob

INDEX = {
    "apiVersion": "wheelyard.dev/v1",
    "kind": "PackageIndex",
    "metadata": {"name": "main"},
    "spec": {"storage": {"s3": {"bucket": "acme", "provision": {"bucket": True, "user": True}}}},
}
USER = {
    "apiVersion": "wheelyard.dev/v1",
    "kind": "IndexUser",
    "metadata": {"name": "jenkins"},
    "spec": {"indexRef": {"name": "main"}},
}
REMOVED = object()
OURS = ("PackageIndex", "IndexUser")


def changed(manifest: dict[str, Any], path: str, value: Any) -> str:
    """Return the manifest with one field changed; `REMOVED` leaves it out."""
    result = copy.deepcopy(manifest)
    *parents, last = path.split(".")
    place = result
    for parent in parents:
        place = place.setdefault(parent, {})
    if value is REMOVED:
        del place[last]
    else:
        place[last] = value
    return json.dumps(result)


def refusal(kubectl: Kubectl, manifest: str) -> str:
    done = kubectl.attempt("apply", "--server-side", "--dry-run=server", "-n", "default", "-f", "-", stdin=manifest)
    assert done.returncode, f"this was accepted: {manifest}"
    return done.stderr


def test_the_manifests_that_the_wrong_ones_are_made_of_are_right(operator: MainJob) -> None:
    for manifest in (INDEX, USER):
        operator.kubectl(
            *("apply", "--server-side", "--dry-run=server", "-n", "default", "-f", "-"), stdin=json.dumps(manifest)
        )


@pytest.mark.parametrize("example", sorted(each.name for each in EXAMPLES.glob("*.yaml")))
def test_every_example_is_right(operator: MainJob, example: str) -> None:
    resources = [each for each in yaml.safe_load_all((EXAMPLES / example).read_text()) if each["kind"] in OURS]
    for each in resources:
        each["metadata"]["namespace"] = "default"
        operator.kubectl("apply", "--server-side", "--dry-run=server", "-f", "-", stdin=json.dumps(each))


def grants(**grant: Any) -> list[dict[str, Any]]:
    return [{"subjects": ["anonymous"], "verbs": ["read"], **grant}]


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("metadata.name", "a.b", "metadata.name must be at most 40 characters"),
        ("metadata.name", "a" * 41, "metadata.name must be at most 40 characters"),
        ("spec.storage.s3.bucket", REMOVED, "spec.storage.s3.bucket: Required value"),
        ("spec.storage.s3.bucket", "a..b", "spec.storage.s3.bucket must be an S3 bucket name"),
        ("spec.storage.s3.region", "EU West", "spec.storage.s3.region must consist of"),
        ("spec.storage.s3.prefix", "team", "spec.storage.s3.prefix must be empty or end in '/'"),
        ("spec.storage.s3.prefix", "a/../", "spec.storage.s3.prefix must not"),
        ("spec.storage.s3.endpoint", "minio:9000", "spec.storage.s3.endpoint must be empty or a URL"),
        ("spec.storage.s3.endpoint", "http://minio:9000", "spec.storage.s3.provision works at the operator's own"),
        ("spec.storage.s3.provision", {"bucket": True}, "spec.storage.s3 needs exactly one of provision.user"),
        ("spec.storage.s3.credentials", {"secretRef": {"name": "s"}}, "spec.storage.s3 needs exactly one of"),
        (
            "spec.storage.s3.credentials",
            {"serviceAccount": {"annotations": {"x.kubernetes.io/a": "b"}}},
            "serviceAccount.annotations must be of your cloud",
        ),
        (
            "spec.storage.s3.credentials",
            {"secretRef": {"name": "wheelyard-a-access"}},
            "secretRef.name must be the name of a Secret of yours",
        ),
        ("spec.storage.s3.provision.rotateEvery", "1m", "rotateEvery must be empty or at least 15m"),
        ("spec.storage.s3.provision.rotateEvery", "90d", "rotateEvery must be empty or at least 15m"),
        ("spec.storage.volume", {"size": "1Gi"}, "spec.storage needs exactly one of s3 and volume"),
        ("spec.storage", {}, "spec.storage needs exactly one of s3 and volume"),
        ("spec.storage", {"volume": {"size": "much"}}, "spec.storage.volume.size must be a number with Mi, Gi or"),
        ("spec.storage", {"volume": {"size": "1Gi"}}, "spec.replicas must be 1 (or 0) with spec.storage.volume"),
        ("spec.deletionPolicy", "Forget", 'Unsupported value: "Forget"'),
        ("spec.replicas", 51, "spec.replicas in body should be less than or equal to 50"),
        ("spec.replicas", -1, "spec.replicas in body should be greater than or equal to 0"),
        ("spec.freshness.freshSeconds", 301, "should be less than or equal to 300"),
        (
            "spec.limits.fileSize",
            "5 GB",
            "spec.limits.fileSize must be a number of bytes, or one with Ki, Mi or Gi",
        ),
        ("spec.limits.projectFiles", 0, "should be greater than or equal to 1"),
        ("spec.cache.size", "lots", "spec.cache.size must be a number of bytes, or one with Ki, Mi or Gi"),
        ("spec.access.grants", grants(subjects=["bob"]), "subjects must be anonymous, authenticated, user:"),
        ("spec.access.grants", grants(verbs=["write"]), 'Unsupported value: "write"'),
        ("spec.access.grants", grants(verbs=[]), "verbs in body should have at least 1 items"),
        ("spec.access.grants", grants(packages=["Foo_Bar"]), "packages must be globs on normalised package names"),
        ("spec.access.users.namespaces", {"from": "Selector"}, "selector must be set if from is Selector"),
        ("spec.access.users.namespaces", {"from": "Some"}, 'Unsupported value: "Some"'),
        ("spec.sorage", {}, "field not declared in schema"),
    ],
)
def test_a_wrong_package_index_is_refused(operator: MainJob, path: str, value: Any, message: str) -> None:
    assert message in refusal(operator.kubectl, changed(INDEX, path, value))


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("metadata.name", "a" * 64, "metadata.name must be at most 63 characters"),
        ("spec.indexRef", {}, "spec.indexRef.name: Required value"),
        ("spec.indexRef.name", "Main", "spec.indexRef.name must be the name of a PackageIndex"),
        ("spec.indexRef.namespace", "A B", "spec.indexRef.namespace must be empty or the name of a namespace"),
        ("spec.groups", ["Pub Lishers"], "spec.groups must consist of"),
        ("spec.grants", [{"verbs": ["write"]}], 'Unsupported value: "write"'),
        ("spec.grants", [{"verbs": ["read"], "subjects": ["anonymous"]}], "field not declared in schema"),
        ("spec.credentials.secretName", "A_b", "spec.credentials.secretName must be empty or the name of a Secret"),
    ],
)
def test_a_wrong_index_user_is_refused(operator: MainJob, path: str, value: Any, message: str) -> None:
    assert message in refusal(operator.kubectl, changed(USER, path, value))


@pytest.mark.parametrize(
    ("path", "value"), [("spec.storage.s3.bucket", "other"), ("spec.storage.s3.prefix", "other/")]
)
def test_where_the_packages_are_cannot_be_changed(main_job_ready: MainJob, path: str, value: str) -> None:
    live = main_job_ready.kubectl.get("-n", "packages", "packageindex", "main")
    done = main_job_ready.kubectl.attempt(
        "replace", "--dry-run=server", "-f", "-", stdin=changed(live, path, value)
    )
    assert f"{path} cannot be changed: make a new index and copy the packages" in done.stderr


def test_every_field_is_explained(operator: MainJob) -> None:
    for kind in ("packageindexes", "indexusers"):
        crd = operator.kubectl.get("crd", f"{kind}.wheelyard.dev")
        (version,) = crd["spec"]["versions"]
        assert undescribed(version["schema"]["openAPIV3Schema"]["properties"]) == []


def undescribed(properties: dict[str, Any], path: str = "") -> list[str]:
    """Return the paths of all fields without a description, but for those that Kubernetes itself describes."""
    found = []
    for name, schema in properties.items():
        if path == "" and name in ("apiVersion", "kind", "metadata"):
            continue
        here = f"{path}.{name}"
        found += [] if schema.get("description") else [here]
        inner = schema.get("items", schema)
        found += undescribed(inner.get("properties", {}), here)
    return found
