"""A user who may make resources of Wheelyard, and nothing else, gains nothing else by them."""

import json
from typing import Any

import pytest
from mypy_boto3_iam import IAMClient
from mypy_boto3_s3 import S3Client

from support.here import Here
from support.iam_users import user_names
from support.kubectl import Kubectl, eventually
from support.mainjob import MainJob

TENANT = "tenant"
VERBS = ["get", "list", "watch", "create", "update", "patch", "delete"]
SECRET = {"AWS_ACCESS_KEY_ID": "id-of-somebody", "AWS_SECRET_ACCESS_KEY": "a-secret-key", "password": "hunter2"}


@pytest.fixture
def tenant(here: Here) -> Here:
    """Return a namespace to somebody who has these kinds there and no other right in the cluster."""
    kinds = ["packageindexes", "indexusers", "packageexceptions"]
    rule = {"apiGroups": ["wheelyard.dev"], "resources": kinds, "verbs": VERBS}
    group = "rbac.authorization.k8s.io"
    metadata = {"name": TENANT, "namespace": here.namespace}
    for manifest in (
        {"kind": "Role", "rules": [rule]},
        {
            "kind": "RoleBinding",
            "roleRef": {"apiGroup": group, "kind": "Role", "name": TENANT},
            "subjects": [{"apiGroup": group, "kind": "User", "name": TENANT}],
        },
    ):
        whole = {"apiVersion": f"{group}/v1", "metadata": metadata, **manifest}
        here.kubectl("apply", "-f", "-", stdin=json.dumps(whole))
    mine = Here(Kubectl(here.kubectl.cluster, TENANT), here.namespace)
    eventually(lambda: may(mine, "create", "packageindexes.wheelyard.dev"), "the role counts")
    return mine


def may(tenant: Here, verb: str, resource: str, namespace: str = "") -> bool:
    kind, _, subresource = resource.partition("/")
    options = ("-n", namespace or tenant.namespace, f"--subresource={subresource}")
    answer = tenant.kubectl.attempt("auth", "can-i", verb, kind, *options)
    return answer.stdout.strip() == "yes"


def manifest(kind: str, spec: dict[str, Any]) -> str:
    whole = {"apiVersion": "wheelyard.dev/v1", "kind": kind, "metadata": {"name": "main"}, "spec": spec}
    return json.dumps(whole)


def storage(**s3: Any) -> dict[str, Any]:
    return {"storage": {"s3": {"bucket": "acme", **s3}}}


def children(here: Here, kinds: str = "secrets,deployments,pods") -> str:
    return here.kubectl("-n", here.namespace, "get", kinds, "-o", "name")


def test_the_tenant_has_no_other_right(tenant: Here) -> None:
    for resource in ("secrets", "pods", "pods/exec", "deployments", "serviceaccounts", "configmaps", "events"):
        assert not any(may(tenant, verb, resource) for verb in ("get", "list", "create", "patch"))
    assert not may(tenant, "patch", "packageindexes.wheelyard.dev/status")
    assert not may(tenant, "patch", "packageexceptions.wheelyard.dev/status")
    assert not may(tenant, "create", "packageindexes.wheelyard.dev", "packages")


def test_no_field_says_what_runs(tenant: Here, here: Here, bucket: str, operator: MainJob) -> None:
    """Unknown fields are refused, or dropped for clients that ask to have them ignored."""
    evil = {
        "image": "evil:1",
        "command": ["sh"],
        "env": [{"name": "LD_PRELOAD", "value": "/evil.so"}],
        "serviceAccountName": "default",
        "podTemplate": {"spec": {"hostNetwork": True}},
        "volumes": [{"name": "secrets", "secret": {"secretName": "database"}}],
        "securityContext": {"privileged": True},
        "automountServiceAccountToken": True,
    }
    spec = {**storage(bucket=bucket, provision={"bucket": True, "user": True}), "replicas": 1}
    apply = ("-n", tenant.namespace, "apply", "-f", "-")
    for field, value in evil.items():
        refused = tenant.kubectl.attempt(*apply, stdin=manifest("PackageIndex", {**spec, field: value}))
        assert f'unknown field "spec.{field}"' in refused.stderr
    everywhere = {**spec, **evil, "storage": {**evil, "s3": {**spec["storage"]["s3"], **evil}}}
    tenant.kubectl(*apply, "--validate=ignore", stdin=manifest("PackageIndex", everywhere))
    here.wait_for("packageindex", "main", "Ready", "Serving")
    (pod,) = here.kubectl.get("-n", here.namespace, "pods")["items"]
    (container,) = pod["spec"]["containers"]
    assert container["image"] == operator.cluster.images.wheelyard
    assert container["command"] == ["wheelyard", "serve", "--config", "/etc/wheelyard/config/index.yaml"]
    assert {each["name"] for each in container["env"]} <= {*SECRET, "AWS_SESSION_TOKEN"}
    assert pod["spec"]["serviceAccountName"] == "wheelyard-main"
    assert pod["spec"]["automountServiceAccountToken"] is False
    assert not pod["spec"].get("hostNetwork")
    assert not container["securityContext"].get("privileged")
    assert not may(tenant, "get", "secrets"), "what was made for the index is not the tenant's to read"


def test_a_reference_cannot_leave_the_namespace(tenant: Here) -> None:
    apply = ("-n", tenant.namespace, "apply", "--server-side", "--dry-run=server", "-f", "-")

    def refused(kind: str, spec: dict[str, Any]) -> bool:
        return tenant.kubectl.attempt(*apply, stdin=manifest(kind, spec)).returncode != 0

    def user(**spec: Any) -> dict[str, Any]:
        return {"indexRef": {"name": "main"}, **spec}

    assert not refused("PackageIndex", storage(credentials={"secretRef": {"name": "keys"}}))
    assert not refused("IndexUser", user(credentials={"passwordSecretRef": {"name": "keys"}}))
    for name in ("../../kube-system/secrets/x", "..", ".", "kube-system/x", "a%2Fb", "a?b", "a#b", "", "a b"):
        assert refused("PackageIndex", storage(credentials={"secretRef": {"name": name}})), name
        assert refused("IndexUser", user(credentials={"passwordSecretRef": {"name": name}})), name
        assert refused("IndexUser", {"indexRef": {"name": name}}), name
        assert refused("IndexUser", user(serviceAccounts=[{"name": name}])), name
        assert not name or refused("IndexUser", {"indexRef": {"name": "main", "namespace": name}}), name
        assert not name or refused("IndexUser", user(credentials={"secretName": name})), name
    other = {"name": "keys", "namespace": "kube-system"}
    assert refused("PackageIndex", storage(credentials={"secretRef": other}))
    assert refused("IndexUser", user(credentials={"passwordSecretRef": other}))
    assert refused("IndexUser", user(serviceAccounts=[other]))


def test_a_secret_of_the_namespace_is_neither_revealed_nor_changed(tenant: Here, here: Here, bucket: str) -> None:
    here.secret("database", **SECRET)
    tenant.index(bucket, credentials={"secretRef": {"name": "database"}})
    here.wait_for("packageindex", "main", "CredentialsReady", "WrongCredentials")
    tenant.apply("IndexUser", "one", {"indexRef": {"name": "main"}, "credentials": {"secretName": "database"}})
    here.wait_for("indexuser", "one", "Ready", "SecretNotOwned")
    by_password = {"passwordSecretRef": {"name": "database"}}
    tenant.apply("IndexUser", "two", {"indexRef": {"name": "main"}, "credentials": by_password})
    here.wait_for("indexuser", "two", "Ready", "PasswordUnusable")
    shown = here.kubectl("-n", here.namespace, "get", "packageindexes,indexusers,events", "-o", "yaml")
    assert [key for key, value in SECRET.items() if value in shown] == []
    assert here.kubectl.secret(here.namespace, "database") == SECRET


def test_the_operators_credentials_unlock_and_delete_nothing_of_others(
    tenant: Here, here: Here, bucket: str, s3: S3Client, iam: IAMClient
) -> None:
    s3.create_bucket(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key="payroll.csv", Body=b"secret")
    provision = {"bucket": True, "user": True}

    def index(name: str, prefix: str) -> None:
        tenant.index(bucket, name, prefix=prefix, provision=provision, spec={"deletionPolicy": "Delete"})

    index("whole", "")
    here.wait_for("packageindex", "whole", "StorageReady", "StorageNotEmpty")
    # Of two that are made within a second, either may be the one that is in the other's way.
    index("below", "team/")
    assert "wheelyard-whole-storage" not in children(here)
    assert user_names(iam, f"{here.namespace}-whole") == []
    tenant.kubectl("-n", here.namespace, "delete", "packageindex", "whole", "below", "--wait=false")
    here.wait_for("packageindex", "whole", "StorageReady", "BucketNotDeletable")
    for name in ("whole", "below"):
        patch = json.dumps({"spec": {"deletionPolicy": "Retain"}})
        tenant.kubectl("-n", here.namespace, "patch", "packageindex", name, "--type=merge", "-p", patch)
    tenant.kubectl("-n", here.namespace, "wait", "--for=delete", "packageindexes", "--all", "--timeout=60s")
    assert s3.get_object(Bucket=bucket, Key="payroll.csv")["Body"].read() == b"secret"


def test_an_unclaimed_backup_is_not_unlocked(
    tenant: Here, here: Here, bucket: str, s3: S3Client, iam: IAMClient
) -> None:
    s3.create_bucket(Bucket=bucket)
    marker = "team/wheelyard.json"
    s3.put_object(Bucket=bucket, Key=marker, Body=b'{"format": 1, "index": null}')
    tenant.index(bucket, prefix="team/", provision={"user": True})
    message = here.wait_for("packageindex", "main", "StorageReady", "StorageNotAssigned")
    assert f"wheelyard assign s3://{bucket}/team/ --to {here.namespace}/main" in message
    assert "wheelyard-main-storage" not in children(here)
    assert user_names(iam, f"{here.namespace}-main") == []
    s3.put_object(Bucket=bucket, Key=marker, Body=f'{{"format": 1, "index": "{here.namespace}/main"}}'.encode())
    here.wait_for("packageindex", "main", "Ready", "Serving")


def test_a_role_or_a_serviceaccount_of_others_cannot_be_had(tenant: Here, here: Here, bucket: str) -> None:
    oauth = {"serviceaccounts.openshift.io/oauth-redirecturi.one": "https://evil.example"}
    tenant.index(bucket, credentials={"serviceAccount": {"annotations": oauth}})
    message = here.wait_for("packageindex", "main", "CredentialsReady", "AnnotationNotAllowed")
    assert "aws.allowedAnnotations" in message
    made = here.kubectl.get("-n", here.namespace, "serviceaccount", "wheelyard-main")
    assert not made["metadata"]["annotations"].keys() & oauth.keys()

    # One that was there before, with whatever rights it has: no pod runs as it.
    here.kubectl("-n", here.namespace, "create", "serviceaccount", "wheelyard-admin")
    before = here.kubectl.get("-n", here.namespace, "serviceaccount", "wheelyard-admin")
    tenant.index(bucket, "admin")
    assert "wheelyard-admin" in here.wait_for("packageindex", "admin", "Ready", "NameConflict")
    assert here.kubectl.get("-n", here.namespace, "serviceaccount", "wheelyard-admin") == before
    assert children(here, "deployments,pods") == ""
