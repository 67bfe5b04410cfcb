"""Every rule of the schemas, on a real API server: what it refuses, what it accepts, and its message.

No webhook runs: the API server alone refuses a wrong manifest, with a message that names the field
and the rule.
"""

import copy
from collections.abc import Iterator
from enum import Enum
from typing import Any

import pytest
import yaml
from kubernetes.config import new_client_from_config

from apiserver import external_rules, policy_rules, upstream_rules, web_rules
from apiserver.crds import apply_crd, refused, until
from apiserver.external_rules import Case
from cluster import ApiServer
from cluster.paths import REPOSITORY
from support import documents, largest
from support.rest import Manifest, RefusedError, Rest
from wheelyard_operator.kube import RealKube

EXAMPLES = REPOSITORY / "examples"
SCHEMAS = sorted((REPOSITORY / "crds").glob("*.yaml"))
INDEX = {
    "apiVersion": "wheelyard.dev/v1",
    "kind": "PackageIndex",
    "metadata": {"name": "main", "namespace": "default"},
    "spec": {"storage": {"s3": {"bucket": "acme", "provision": {"bucket": True, "user": True}}}},
}
GIVEN = {"bucket": "acme", "credentials": {"secretRef": {"name": "keys"}}}
USER = {
    "apiVersion": "wheelyard.dev/v1",
    "kind": "IndexUser",
    "metadata": {"name": "jenkins", "namespace": "default"},
    "spec": {"indexRef": {"name": "main"}},
}


class Leave(Enum):
    """The action on a field instead of giving it a value; its name is in the names of tests."""

    OUT = "out"


REMOVED = Leave.OUT
OURS = ("PackageIndex", "IndexUser", "PackageException")


def changed(manifest: Manifest, path: str, value: Any) -> Manifest:
    result = copy.deepcopy(manifest)
    *parents, last = path.split(".")
    place = result
    for parent in parents:
        place = place.setdefault(parent, {})
    if value is REMOVED:
        del place[last]
    else:
        place[last] = value
    return result


def s3(**fields: Any) -> dict[str, Any]:
    return {"s3": {"bucket": "acme", "provision": {"bucket": True, "user": True}, **fields}}


def provided(**fields: Any) -> dict[str, Any]:
    return {"s3": {**GIVEN, **fields}}


def volume(**fields: Any) -> dict[str, Any]:
    return {"storage": {"volume": {"size": "1Gi", **fields}}, "replicas": 1}


def grants(**grant: Any) -> list[dict[str, Any]]:
    return [{"subjects": ["anonymous"], "verbs": ["read"], **grant}]


def rights(**grant: Any) -> list[dict[str, Any]]:
    return [{"verbs": ["read"], **grant}]


def publisher(kind: str, **fields: Any) -> list[dict[str, Any]]:
    whole: dict[str, dict[str, Any]] = {
        "github": {"repository": "acme/app", "workflow": "release.yml"},
        "gitlab": {"project": "acme/app"},
        "oidc": {"issuer": "https://ci.example", "claims": {"sub": "job"}},
    }
    return [{kind: {**whole[kind], **fields}}]


def selected(**selector: Any) -> dict[str, Any]:
    return {"from": "Selector", "selector": selector}


def expression(operator: str, **more: Any) -> dict[str, Any]:
    return selected(matchExpressions=[{"key": "team", "operator": operator, **more}])


SIZES = ["1048576", "1024Ki", "500Mi", "5Gi", "1Ti"]
NO_SIZES = ["5 GB", "0", "lots", "1.5Gi", "5G", "5m", "05Gi", ""]
NO_DURATIONS = ["30", "d", "1h30m", "1.5h", "-1s", "1w", "01s", "10000000s", "36501d"]
GLOBS, NO_GLOBS = [["*"], ["acme-*", "a?"]], [["Foo_Bar"], ["a.b"]]
STARS, NO_STARS = [["*a" * 8], ["*" * 8 + "a"]], [["*a" * 9], ["a", "*" * 64]]
SUBJECTS = [["anonymous"], ["authenticated", "user:ci.jenkins", "group:pub_1.x"]]
NO_SUBJECTS = [["bob"], ["user:"], ["group:A"]]
LABELS = {"matchLabels": {"team": "a"}}

OF_INDEX: list[Case] = [
    (
        "metadata.name",
        ["a", "a" * 40, "a-1"],
        ["a.b", "a" * 41, "1a"],
        "metadata.name must be at most 40 characters",
    ),
    (
        "spec",
        [volume()],
        [{"storage": {}}, {"storage": {**s3(), "volume": {"size": "1Gi"}}}],
        "exactly one of s3 and",
    ),
    (
        "spec.storage.s3.bucket",
        ["abc", "a.b-c"],
        ["a..b", "Abc", "-ab"],
        "spec.storage.s3.bucket must be an S3 bucket",
    ),
    ("spec.storage.s3.bucket", ["abc"], [REMOVED], "spec.storage.s3.bucket: Required value"),
    ("spec.storage.s3.region", ["", "eu-west-1"], ["EU West"], "spec.storage.s3.region must consist of"),
    ("spec.storage.s3.prefix", ["", "a/", "a/b/"], ["team"], "spec.storage.s3.prefix must be empty or end in '/'"),
    (
        "spec.storage.s3.prefix",
        ["a.b/"],
        ["/a/", "a//", "a/../", "./"],
        "spec.storage.s3.prefix must not start with",
    ),
    ("spec.storage.s3.prefix", ["A_b-1./"], ["ä/", "a b/"], "spec.storage.s3.prefix must consist of"),
    (
        "spec.storage",
        [provided(endpoint="https://minio.example:9000"), provided(endpoint="")],
        [provided(endpoint="minio:9000"), provided(endpoint="https://minio/path")],
        "spec.storage.s3.endpoint must be empty or a URL",
    ),
    (
        "spec.storage",
        [s3(endpoint=""), provided(endpoint="http://minio:9000")],
        [s3(endpoint="http://minio:9000"), provided(endpoint="http://minio:9000", provision={"bucket": True})],
        "spec.storage.s3.provision works only at the operator's own endpoint",
    ),
    (
        "spec.storage",
        [s3(), provided(), provided(provision={"bucket": True})],
        [s3(provision={"bucket": True}), s3(credentials={"secretRef": {"name": "s"}}), s3(provision={})],
        "spec.storage.s3 needs exactly one of provision.user",
    ),
    (
        "spec.storage",
        [provided(credentials={"serviceAccount": {}})],
        [provided(credentials={"serviceAccount": {}, "secretRef": {"name": "s"}})],
        "must have at most 1",
    ),
    (
        "spec.storage",
        [provided(credentials={"serviceAccount": {"annotations": {"eks.amazonaws.com/role-arn": "b"}}})],
        [
            provided(credentials={"serviceAccount": {"annotations": {each: "b"}}})
            for each in ("x.kubernetes.io/a", "k8s.io/a", "wheelyard.dev/a", "role")
        ],
        "spec.storage.s3.credentials.serviceAccount.annotations must be annotations of your cloud provider",
    ),
    (
        "spec.storage",
        [provided(credentials={"secretRef": {"name": "keys.of-acme"}})],
        [provided(credentials={"secretRef": {"name": each}}) for each in ("wheelyard-a-access", "A")],
        "spec.storage.s3.credentials.secretRef.name must be the name of a Secret",
    ),
    (
        "spec.storage.s3.provision.rotateEvery",
        ["", "15m", "900s", "2160h", "90d", "36500d"],
        ["1m", "899s", "0d", *NO_DURATIONS],
        "spec.storage.s3.provision.rotateEvery must be empty or a duration from 15m to 36500d, such as 90d",
    ),
    (
        "spec",
        [volume(size=size) for size in SIZES],
        [volume(size=size) for size in ("1023Ki", "1048575", *NO_SIZES)],
        "spec.storage.volume.size must be a size of at least 1Mi, such as 20Gi",
    ),
    (
        "spec",
        [volume(storageClassName=each) for each in ("", "fast.ssd")],
        [volume(storageClassName="Fast")],
        "spec.storage.volume.storageClassName must be empty or the name",
    ),
    (
        "spec",
        [{"storage": {"volume": {"size": "1Gi"}}, "replicas": each} for each in (0, 1)],
        [{"storage": {"volume": {"size": "1Gi"}}, "replicas": 2}],
        "spec.replicas must be 1 (or 0) with spec.storage.volume",
    ),
    ("spec.deletionPolicy", ["Retain", "Delete"], ["Forget"], 'Unsupported value: "Forget"'),
    (
        "spec",
        [
            {"storage": provided(), "deletionPolicy": "Retain"},
            {"storage": provided(provision={"bucket": True}), "deletionPolicy": "Delete"},
            {"storage": {"volume": {"size": "1Gi"}}, "replicas": 1, "deletionPolicy": "Delete"},
        ],
        [{"storage": provided(), "deletionPolicy": "Delete"}],
        "spec.deletionPolicy: Delete needs spec.storage.s3.provision.bucket: true",
    ),
    ("spec.replicas", [0, 50], [51], "spec.replicas in body should be less than or equal to 50"),
    ("spec.replicas", [0], [-1], "spec.replicas in body should be greater than or equal to 0"),
    (
        "spec.freshness.fresh",
        ["0s", "300s", "5m", "0d"],
        ["301s", "6m", "1h", "", *NO_DURATIONS],
        "spec.freshness.fresh must be a duration from 0s to 5m, such as 2s",
    ),
    (
        "spec.freshness.stale",
        ["0s", "604800s", "7d"],
        ["604801s", "8d", "", *NO_DURATIONS],
        "spec.freshness.stale must be a duration from 0s to 7d, such as 1h",
    ),
    (
        "spec.freshness",
        [{"freshSeconds": 0}, {"freshSeconds": 0, "fresh": "2s"}],
        [{"freshSeconds": 30}, {"freshSeconds": 30, "fresh": "30s"}],
        "spec.freshness.freshSeconds is now spec.freshness.fresh: write fresh: 30s in place of freshSeconds: 30",
    ),
    (
        "spec.freshness",
        [{"staleSeconds": 3600}],
        [{"staleSeconds": 0}, {"staleSeconds": 600, "stale": "10m"}],
        "spec.freshness.staleSeconds is now spec.freshness.stale: write stale: 10m in place of staleSeconds: 600",
    ),
    (
        "spec.limits.fileSize",
        SIZES,
        NO_SIZES,
        "spec.limits.fileSize must be a size such as 500Mi: a whole number of bytes, or with Ki, Mi, Gi or Ti",
    ),
    (
        "spec.limits.metadataSize",
        SIZES,
        NO_SIZES,
        "spec.limits.metadataSize must be a size such as 2Mi",
    ),
    ("spec.uploads.accept", ["Installable", "WellFormed"], ["Everything", ""], "Unsupported value"),
    ("spec.limits.projectFiles", [1, 100000], [0], "should be greater than or equal to 1"),
    (
        "spec.redirects",
        [{"cluster": {}}, {"external": {}, "minSize": "1"}, {"cluster": {"endpoint": ""}, "external": {}}],
        [{}, {"minSize": "1Gi"}],
        "spec.redirects needs cluster, external or both",
    ),
    ("spec", [], [{**volume(), "redirects": {"cluster": {}}}], "spec.redirects needs spec.storage.s3"),
    (
        "spec.redirects",
        [{"cluster": {}, "minSize": size} for size in SIZES],
        [{"cluster": {}, "minSize": size} for size in NO_SIZES],
        "spec.redirects.minSize must be a size such as 100Mi",
    ),
    *(
        (
            "spec.redirects",
            [{side: {"endpoint": url}} for url in ("", "http://minio", "https://s3.example.com:9000/")],
            [{side: {"endpoint": url}} for url in ("minio", "https://a/b", "ftp://a", "https://a:b@c")],
            f"spec.redirects.{side}.endpoint must be empty or a URL",
        )
        for side in ("cluster", "external")
    ),
    ("spec.cache.size", SIZES, NO_SIZES, "spec.cache.size must be a size such as 500Mi"),
    *(
        (
            f"spec.access.{field}",
            [grants(**{key: value}) for value in good],
            [grants(**{key: value}) for value in bad],
            message.format(field),
        )
        for field in ("grants", "externalGrants")
        for key, good, bad, message in (
            (
                "subjects",
                SUBJECTS,
                NO_SUBJECTS,
                "spec.access.{}[].subjects must be anonymous, authenticated, user:",
            ),
            ("packages", GLOBS, NO_GLOBS, "spec.access.{}[].packages must be globs on normalized package names"),
            ("packages", STARS, NO_STARS, "spec.access.{}[].packages may have at most 8 '*' in a glob"),
            ("verbs", [["read", "publish", "yank", "delete", "manage"]], [["write"]], 'Unsupported value: "write"'),
            ("verbs", [["read"]], [[]], "verbs in body should have at least 1 items"),
        )
    ),
    (
        "spec.access.users.namespaces",
        [{"from": "Same"}, {"from": "All"}, selected(**LABELS)],
        [{"from": "Selector"}, {"from": "All", "selector": LABELS}],
        "spec.access.users.namespaces.selector must be set if from is Selector",
    ),
    ("spec.access.users.namespaces", [{"from": "All"}], [{"from": "Some"}], 'Unsupported value: "Some"'),
    (
        "spec.access.users.namespaces",
        [expression("In", values=["a"]), expression("NotIn", values=["a"]), expression("Exists")],
        [expression("In"), expression("NotIn", values=[]), expression("DoesNotExist", values=["a"])],
        "spec.access.users.namespaces.selector.matchExpressions[].values must be set for In",
    ),
    (
        "spec.access.users.maximum",
        [{"groups": ["pub_1.x"]}],
        [{"groups": ["A"]}],
        "spec.access.users.maximum.groups must",
    ),
    (
        "spec.access.users.maximum",
        [{"grants": rights(packages=each)} for each in GLOBS],
        [{"grants": rights(packages=each)} for each in NO_GLOBS],
        "spec.access.users.maximum.grants[].packages must be globs",
    ),
    (
        "spec.access.users.maximum",
        [{"grants": rights(packages=each)} for each in STARS],
        [{"grants": rights(packages=each)} for each in NO_STARS],
        "spec.access.users.maximum.grants[].packages may have at most 8 '*' in a glob",
    ),
    ("spec.cache", [{}], [{"sise": "1Gi"}], "unknown field"),
    *(
        (
            f"spec.access.{field}",
            [grants(subjects=[f"group:{number}" for number in range(50)], packages=["a" * 128] * 50)],
            [grants(packages=["a" * 128] * 50) * 6],
            f"spec.access.{field} may have at most 32768 characters",
        )
        for field in ("grants", "externalGrants")
    ),
    (
        "spec.access.users.maximum",
        [{"grants": rights(packages=["a" * 128] * 31)}],
        [{"grants": rights(packages=["a" * 128] * 32)}],
        "spec.access.users.maximum.grants may have at most 4096 characters",
    ),
    ("spec.nodeSelector", [{"k" * 317: "a"}], [{"k" * 318: "a"}], "must have keys of at most 317 characters"),
]

OF_USER: list[Case] = [
    ("metadata.name", ["a" * 63], ["a" * 64], "metadata.name must be at most 63 characters"),
    ("spec.indexRef", [{"name": "main"}], [{}], "spec.indexRef.name: Required value"),
    ("spec.indexRef.name", ["m", "a-1"], ["Main", "1a"], "spec.indexRef.name must be the name of a PackageIndex"),
    (
        "spec.indexRef.namespace",
        ["", "a-b"],
        ["A B"],
        "spec.indexRef.namespace must be empty or the name of a namespace",
    ),
    ("spec.groups", [["pub_1.x"]], [["Pub Lishers"]], "spec.groups must consist of"),
    ("spec.grants", [rights()], [rights(verbs=["write"])], 'Unsupported value: "write"'),
    ("spec.grants", [rights()], [rights(subjects=["anonymous"])], "unknown field"),
    (
        "spec.grants",
        [rights(packages=each) for each in GLOBS],
        [rights(packages=each) for each in NO_GLOBS],
        "spec.grants[].packages must be globs",
    ),
    (
        "spec.grants",
        [rights(packages=each) for each in STARS],
        [rights(packages=each) for each in NO_STARS],
        "spec.grants[].packages may have at most 8 '*' in a glob",
    ),
    (
        "spec",
        [
            {"indexRef": {"name": "main"}, "credentials": {"token": False}, "serviceAccounts": [{"name": "agent"}]},
            {"indexRef": {"name": "main"}, "credentials": {"token": False, "passwordSecretRef": {"name": "a"}}},
            {
                "indexRef": {"name": "main"},
                "credentials": {"token": False},
                "trustedPublishers": publisher("github"),
            },
        ],
        [{"indexRef": {"name": "main"}, "credentials": {"token": False}}],
        "spec.credentials.token: false needs another way to log in",
    ),
    (
        "spec.credentials.secretName",
        ["", "a.b"],
        ["A_b", "wheelyard-x"],
        "spec.credentials.secretName must be empty or",
    ),
    (
        "spec.credentials.rotateEvery",
        ["", "720h", "90m", "30d", "36500d"],
        ["0h", *NO_DURATIONS],
        "spec.credentials.rotateEvery must be empty or a duration from 1s to 36500d, such as 30d",
    ),
    (
        "spec.credentials.overlap",
        ["1s", "10m", "1h", "1d"],
        ["", "0s", *NO_DURATIONS],
        "spec.credentials.overlap must be a duration from 1s to 36500d, such as 1h",
    ),
    (
        "spec.credentials",
        [{"url": "Internal"}, {"url": "Internal", "listener": "External"}],
        [{"url": "External"}, {"url": "External", "listener": "External"}],
        "spec.credentials.url is now spec.credentials.listener: write listener: External in place of url: External",
    ),
    (
        "spec.credentials",
        [{"rotateEvery": "2h", "overlap": "1h"}, {"overlap": "3h"}, {"rotateEvery": "1d", "overlap": "23h"}],
        [{"rotateEvery": "1h", "overlap": "1h"}, {"rotateEvery": "60m"}, {"rotateEvery": "1d", "overlap": "24h"}],
        "spec.credentials.rotateEvery must be longer than spec.credentials.overlap",
    ),
    (
        "spec.credentials.passwordSecretRef.name",
        ["a.b"],
        ["A"],
        "spec.credentials.passwordSecretRef.name must be the name",
    ),
    (
        "spec.serviceAccounts",
        [[{"name": "a.b"}]],
        [[{"name": "A"}]],
        "spec.serviceAccounts[].name must be the name of a",
    ),
    (
        "spec.trustedPublishers",
        [publisher("github"), publisher("gitlab"), publisher("oidc")],
        [[{**publisher("github")[0], **publisher("gitlab")[0]}]],
        "must have at most 1",
    ),
    *(
        (
            "spec.trustedPublishers",
            [publisher(kind, **{field: value}) for value in good],
            [publisher(kind, **{field: value}) for value in bad],
            f"spec.trustedPublishers[].{kind}.{field} must",
        )
        for kind, field, good, bad in (
            ("github", "repository", ["a/b", "A_1/b.c"], ["acme", "a/b/c"]),
            ("github", "workflow", ["a.yml", "b.yaml"], ["release", ".github/workflows/a.yml"]),
            ("github", "environment", ["pypi"], ["*", "a\n"]),
            ("gitlab", "url", ["https://gitlab.example:8443"], ["gitlab.example", "https://gitlab.example/x"]),
            ("gitlab", "project", ["a/b/c"], ["acme"]),
            ("gitlab", "configFile", ["ci/.gitlab-ci.yml"], ["a b"]),
            ("gitlab", "environment", ["pypi"], ["*", "a\n"]),
            ("oidc", "issuer", ["https://ci.example/tenant"], ["ci.example", "https://ci.example?a"]),
        )
    ),
    *(
        (
            "spec.trustedPublishers",
            [publisher(kind, **{field: value}) for value in (1, 2**53)],
            [publisher(kind, **{field: value}) for value in (0, -1)],
            "should be greater than or equal to 1",
        )
        for kind, field in (("github", "repositoryOwnerId"), ("gitlab", "projectId"))
    ),
    (
        "spec.trustedPublishers",
        [[*publisher("oidc"), {"oidc": {"issuer": "https://a.b", "claims": {"sub": "job:*"}}}]],
        [[{"oidc": {"issuer": "https://a.b", "claims": {"sub": each}}}] for each in ("*", "a*b", "")],
        "spec.trustedPublishers[].oidc.claims values must not be empty or just '*'",
    ),
    *(
        (
            "spec.trustedPublishers",
            [[{"oidc": {"issuer": "https://a.b", "claims": each}} for each in good]],
            [[{"oidc": {"issuer": "https://a.b", "claims": each}} for each in bad]],
            f"spec.trustedPublishers{message}",
        )
        for good, bad, message in (
            ([{"k" * 63: "a"}], [{"k" * 64: "a"}], "[].oidc.claims must have keys of at most 63 characters"),
            ([{"k": "\U0001d518"}], [{"k": "a\x07"}], "[].oidc.claims must have values without control characters"),
            ([{"k": "v" * 255}] * 16, [{"k": "v" * 255}] * 17, " may have at most 4096 characters of oidc.claims"),
        )
    ),
    (
        "spec.grants",
        [rights(packages=["a" * 93] * 16) * 8],
        [rights(packages=["a" * 93] * 17) * 8],
        "spec.grants may have at most 12288 characters of packages",
    ),
]

CASES = [
    *(
        (INDEX, *case)
        for case in (
            *OF_INDEX,
            *external_rules.OF_INDEX,
            *upstream_rules.OF_INDEX,
            *policy_rules.OF_INDEX,
            *web_rules.OF_INDEX,
        )
    ),
    *((USER, *case) for case in (*OF_USER, *external_rules.OF_USER)),
    *((policy_rules.MANIFEST, *case) for case in policy_rules.OF_EXCEPTION),
]


def named(value: object) -> str | None:
    return value["kind"] if isinstance(value, dict) and "kind" in value else str(value)[:60]


@pytest.mark.parametrize(("manifest", "path", "good", "bad", "message"), CASES, ids=named)
def test_a_value_is_accepted_or_refused_with_the_message(
    rest: Rest, manifest: Manifest, path: str, good: list[Any], bad: list[Any], message: str
) -> None:
    for value in good:
        rest.create(changed(manifest, path, value), dryRun="All")
    for value in bad:
        with pytest.raises(RefusedError) as refused:
            rest.create(changed(manifest, path, value), dryRun="All")
        assert message in str(refused.value), value


CLASS = "spec.storage.volume.storageClassName"
VOLUME = {**INDEX, "spec": {"storage": {"volume": {"size": "2Gi", "storageClassName": "fast"}}, "replicas": 1}}
FOREIGN = {**INDEX, "spec": {"storage": provided(endpoint="https://s3.example", prefix="a/")}}
CHANGES: list[tuple[Manifest, str, list[Any], list[Any], str]] = [
    (INDEX, "spec.storage.s3.bucket", ["acme"], ["other"], "spec.storage.s3.bucket cannot be changed"),
    (FOREIGN, "spec.storage.s3.prefix", ["a/"], ["b/", "", REMOVED], "spec.storage.s3.prefix cannot be changed"),
    (
        FOREIGN,
        "spec.storage.s3.endpoint",
        ["https://s3.example"],
        ["https://s3.other", REMOVED],
        "spec.storage.s3.endpoint cannot be changed",
    ),
    (INDEX, "spec.storage.s3.region", ["eu-west-2"], [], ""),
    (INDEX, "spec", [INDEX["spec"]], [VOLUME["spec"]], "spec.storage cannot be changed from s3 to volume or back"),
    (VOLUME, "spec", [VOLUME["spec"]], [INDEX["spec"]], "spec.storage cannot be changed from s3 to volume or back"),
    (VOLUME, CLASS, ["fast"], ["slow"], "spec.storage.volume.storageClassName cannot be changed"),
    (
        VOLUME,
        "spec.storage.volume.size",
        ["2Gi", "2048Mi", "3Gi"],
        ["1Gi"],
        "spec.storage.volume.size cannot be reduced",
    ),
    (USER, "spec.indexRef.name", ["main"], ["other"], "spec.indexRef cannot be changed: create another IndexUser"),
    (USER, "spec.indexRef.namespace", [""], ["elsewhere"], "spec.indexRef cannot be changed"),
    (
        policy_rules.MANIFEST,
        "spec.indexRef.name",
        ["main"],
        ["other"],
        "spec.indexRef cannot be changed: create another PackageException",
    ),
]


@pytest.mark.parametrize(("manifest", "path", "good", "bad", "message"), CHANGES, ids=named)
def test_a_change_is_accepted_or_refused_with_the_message(
    rest: Rest, namespace: str, manifest: Manifest, path: str, good: list[Any], bad: list[Any], message: str
) -> None:
    live = rest.create(changed(manifest, "metadata.namespace", namespace))
    for value in good:
        rest.replace(changed(live, path, value), dryRun="All")
    for value in bad:
        with pytest.raises(RefusedError) as refused:
            rest.replace(changed(live, path, value), dryRun="All")
        assert message in str(refused.value), value


@pytest.mark.parametrize("file", SCHEMAS, ids=lambda file: file.stem)
def test_every_rule_has_a_case(file: Any) -> None:
    tested = {message for *_, message in (*CASES, *CHANGES) if message}
    (version,) = yaml.safe_load(file.read_text())["spec"]["versions"]
    messages = {each["message"] for each in rules_of(version["schema"]["openAPIV3Schema"])}
    assert len(messages) > 5
    assert [each for each in messages if not any(part in each for part in tested)] == []


def rules_of(schema: Any) -> Iterator[dict[str, str]]:
    if isinstance(schema, dict):
        yield from schema.get("x-kubernetes-validations", ())
        for each in schema.values():
            yield from rules_of(each)


@pytest.mark.parametrize("example", sorted(each.name for each in EXAMPLES.glob("*.yaml")))
def test_every_example_is_accepted(rest: Rest, example: str) -> None:
    resources = [each for each in yaml.safe_load_all((EXAMPLES / example).read_text()) if each["kind"] in OURS]
    for each in resources:
        each["metadata"]["namespace"] = "default"
        rest.create(each, dryRun="All")


SHOWN = [
    (str(block), manifest)
    for page in documents.PAGES
    for block in documents.blocks(page)
    if block.language == "yaml"
    for manifest in yaml.safe_load_all(block.text)
    if manifest.get("kind") in OURS
]


@pytest.mark.parametrize("manifest", [manifest for _, manifest in SHOWN], ids=[where for where, _ in SHOWN])
def test_every_manifest_in_the_documents_is_accepted(rest: Rest, manifest: Manifest) -> None:
    shown = {**manifest, "metadata": {**manifest["metadata"], "namespace": "default"}}
    rest.create(shown, dryRun="All")


@pytest.mark.parametrize("file", SCHEMAS, ids=lambda file: file.stem)
def test_every_field_is_explained(file: Any) -> None:
    (version,) = yaml.safe_load(file.read_text())["spec"]["versions"]
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


@pytest.mark.parametrize("user", [largest.user("default"), largest.user("ci")], ids=["here", "elsewhere"])
def test_the_largest_user_is_accepted(rest: Rest, user: Manifest) -> None:
    """The unit tests show that the operator has room for it."""
    rest.create({**user, "metadata": {"name": user["metadata"]["name"], "namespace": "default"}}, dryRun="All")
    rest.create(changed(INDEX, "spec.access", largest.INDEX_ACCESS), dryRun="All")


def test_the_status_of_a_resource_older_than_the_bounds_can_be_written(
    rest: Rest, api: ApiServer, namespace: str
) -> None:
    """Kubernetes checks what changes (ratcheting): neither the status nor a finalizer is refused for the rest."""
    crd = next(each for each in SCHEMAS if "indexusers" in each.name)
    present = yaml.safe_load(crd.read_text())
    before = copy.deepcopy(present)
    packages = before["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"][
        "grants"
    ]
    del packages["x-kubernetes-validations"]
    packages["items"]["properties"]["packages"]["items"].pop("x-kubernetes-validations")
    wild = changed(changed(USER, "metadata.namespace", namespace), "spec.grants", rights(packages=["*a" * 64]))

    def live() -> Manifest:
        return rest.get("IndexUser", namespace, "jenkins")

    try:
        apply_crd(api, before)
        until(lambda: rest.create(wild))
    finally:
        apply_crd(api, present)
    until(lambda: refused(lambda: rest.create(changed(wild, "metadata.name", "other"), dryRun="All")))
    api_status = {"status": {"username": "a.b"}, "metadata": {"finalizers": ["wheelyard.dev/cleanup"]}}
    kube = RealKube(new_client_from_config(str(api.kubeconfig)))
    kube.patch("IndexUser", namespace, "jenkins", {"metadata": api_status["metadata"]})
    kube.patch("IndexUser", namespace, "jenkins", {"status": api_status["status"]}, "status")
    assert (live()["status"]["username"], live()["metadata"]["finalizers"]) == ("a.b", ["wheelyard.dev/cleanup"])
    kube.patch("IndexUser", namespace, "jenkins", {"metadata": {"finalizers": []}})


def test_replicas_can_be_scaled_as_those_of_a_deployment(rest: Rest, api: ApiServer, namespace: str) -> None:
    rest.create(changed(INDEX, "metadata.namespace", namespace))
    done = api.kubectl("-n", namespace, "scale", "packageindex", "main", "--replicas=5")
    assert done.returncode == 0, done.stderr
    assert rest.get("PackageIndex", namespace, "main")["spec"]["replicas"] == 5
