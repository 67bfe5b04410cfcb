"""Every value of the chart has the effect that its description promises."""

import json
import tarfile
from pathlib import Path
from typing import Any

import pytest
import yaml

from chart.rendering import EVERYTHING, helm, manifest, rendered
from support.mainjob import CHART
from wheelyard_operator.egress import EgressSettings, Host
from wheelyard_operator.patterns import AnnotationForm
from wheelyard_operator.policy_minimum import PolicyMinimum
from wheelyard_operator.settings import Settings

VALUES = yaml.safe_load(EVERYTHING.read_text())
NAME = "release-wheelyard-operator"


class Objects:
    """The objects of a manifest, by kind and name."""

    def __init__(self, objects: list[dict[str, Any]]) -> None:
        self._objects = {(each["kind"], each["metadata"]["name"]): each for each in objects}

    def __call__(self, kind: str, name: str = NAME) -> dict[str, Any]:
        return self._objects[kind, name]

    def kinds(self) -> set[str]:
        return {kind for kind, _ in self._objects}


@pytest.fixture(scope="module")
def everything() -> Objects:
    """Return the chart's objects with every value set."""
    return Objects(rendered("--values", EVERYTHING))


def test_every_value_is_set_in_everything_yaml() -> None:
    def keys(values: Any, path: str = "") -> set[str]:
        if isinstance(values, dict) and path not in OPEN:
            return {key for name, value in values.items() for key in keys(value, f"{path}.{name}")}
        return {path}

    assert keys(yaml.safe_load((CHART / "values.yaml").read_text())) == keys(VALUES)


OPEN = {
    ".serviceAccount.annotations",
    ".resources",
    ".nodeSelector",
    ".affinity",
    ".podAnnotations",
    ".podLabels",
    ".monitoring.serviceMonitor.labels",
    ".monitoring.prometheusRule.labels",
    ".monitoring.dashboard.labels",
}
"""Values that are objects with any keys."""


def test_every_value_reaches_the_operator(everything: Objects) -> None:
    (container,) = everything("Deployment")["spec"]["template"]["spec"]["containers"]
    environment = {each["name"]: each.get("value") for each in container["env"]}
    assert {name: value for name, value in environment.items() if value is not None} == {
        "WHEELYARD_IMAGE": f"mirror/servers@{VALUES['indexServers']['image']['digest']}",
        "WHEELYARD_IMAGE_PULL_POLICY": "Always",
        "WHEELYARD_IMAGE_PULL_SECRETS": "registry,other",
        "WHEELYARD_CLUSTER_DOMAIN": "corp.local",
        "WHEELYARD_CA_BUNDLE": VALUES["caBundle"],
        "WHEELYARD_ALLOWED_ENDPOINTS": "http://a:1,http://b:2",
        "WHEELYARD_ALLOWED_BUCKETS": "acme-*,{namespace}-*",
        "WHEELYARD_ALLOWED_ANNOTATIONS": "eks.amazonaws.com/role-arn=arn:aws:iam::1:role/pypi-*,iam.gke.io/*",
        "WHEELYARD_NAMESPACES": "packages,ci",
        "WHEELYARD_WEBHOOK_HOSTS": "hooks.example.com,{namespace}.hooks.example:8443",
        "WHEELYARD_POLICY_COOLDOWN": "3d",
        "WHEELYARD_POLICY_MALWARE": "Block",
        "WHEELYARD_POLICY_MAX_EXCEPTION": "90d",
        "WHEELYARD_POLICY_NEVER": "malware,deny",
        "WHEELYARD_KEY_OVERLAP": "7s",
        "WHEELYARD_ALLOWED_HOSTS": "*.example.com",
        "WHEELYARD_ALLOWED_INGRESS_ANNOTATIONS": json.dumps(
            VALUES["external"]["allowedIngressAnnotations"], separators=(",", ":")
        ),
        "WHEELYARD_ALLOWED_ISSUERS": "https://ci.example,https://git.example",
        "WHEELYARD_UPSTREAM_HOSTS": "pypi,*.example.com,http://nexus.packages.svc:8081",
        "WHEELYARD_UPSTREAM_ROLES": "arn:aws:iam::111122223333:role/wheelyard-{namespace}",
        "WHEELYARD_UPSTREAM_PROXY": "http://proxy.example.com:3128",
        "WHEELYARD_UPSTREAM_NO_PROXY": "corp.example",
        "WHEELYARD_UPSTREAM_DENIED_NETWORKS": "203.0.113.0/24",
        "WHEELYARD_LOG_FORMAT": "text",
        "WHEELYARD_TRACING_ENDPOINT": "http://collector:4318",
        "WHEELYARD_TRACING_RATIO": "0.5",
        "WHEELYARD_LEASE": NAME,
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


def settings_of(*options: str) -> Settings:
    """Return the settings that the operator reads, for these options of helm."""
    (deployment,) = (each for each in rendered(*options) if each["kind"] == "Deployment")
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    # The kubelet fills in fieldRefs.
    environment = {each["name"]: each.get("value", "pod") for each in container["env"]}
    return Settings.from_environment(environment)


def test_by_default_no_bucket_and_no_host_is_allowed() -> None:
    settings = settings_of()
    assert (settings.allowed_buckets, settings.allowed_hosts, settings.allowed_issuers) == ((), (), ())
    assert settings.egress == EgressSettings(allowed_hosts=(), allows_pypi=True, allowed_roles=())
    assert settings.egress.webhook_hosts == ()


def test_the_minimum_of_policies_reaches_the_operator() -> None:
    assert settings_of().policy_minimum == PolicyMinimum()
    settings = settings_of("--values", str(EVERYTHING), "--set", "caBundle=")
    never = frozenset({"malware", "deny"})
    assert settings.policy_minimum == PolicyMinimum(3 * 86_400, "Block", 90 * 86_400, never)


@pytest.mark.parametrize(
    "option",
    [
        'cooldown.age="3"',
        "cooldown=3",
        'malware="block"',
        "malware=false",
        'exceptions.maximum=""',
        'exceptions.never=["quarantine"]',
        "formats={}",
    ],
)
def test_helm_refuses_a_minimum_that_the_operator_would_not_start_with(option: str) -> None:
    done = helm("template", "release", str(CHART), "--set-json", f"policy.minimum.{option}")
    assert done.returncode != 0
    assert "policy" in done.stderr


def test_the_operator_allows_what_the_values_allow() -> None:
    settings, external = settings_of("--values", str(EVERYTHING), "--set", "caBundle="), VALUES["external"]
    assert settings.allowed_buckets == tuple(VALUES["aws"]["allowedBuckets"])
    assert settings.allowed_hosts == tuple(external["allowedHosts"])
    forms = tuple(AnnotationForm(**each) for each in external["allowedIngressAnnotations"])
    assert settings.allowed_ingress_annotations == forms
    egress = settings.egress
    assert egress.allowed_hosts == (Host("", "*.example.com", ""), Host("http://", "nexus.packages.svc", ":8081"))
    assert egress.webhook_hosts == (
        Host("", "hooks.example.com", ""),
        Host("", "{namespace}.hooks.example", ":8443"),
    )
    assert egress.allows_role("arn:aws:iam::111122223333:role/wheelyard-team-a", "team-a")
    assert (egress.proxy, egress.no_proxy) == ("http://proxy.example.com:3128", ("corp.example",))
    assert egress.denied_networks == ("203.0.113.0/24",)


@pytest.mark.parametrize(
    "option",
    [
        'allowedHosts=["https://a.example"]',
        'allowedHosts=["a.example/simple"]',
        'allowedHosts=["x{namespace}.example"]',
        'allowedRoles=["*"]',
        'allowedRoles=["arn:aws:iam::111122223333:role/a,arn:aws:iam::111122223333:role/b"]',
        'proxy="http://me:secret@proxy:3128"',
        'proxy="https://proxy:3128"',
        'deniedNetworks=["0.0.0.0/0"]',
        'noProxy=["a,b"]',
    ],
)
def test_helm_refuses_upstreams_that_the_operator_would_not_start_with(option: str) -> None:
    done = helm("template", "release", str(CHART), "--set-json", f"upstreams.{option}")
    assert done.returncode != 0
    assert "upstreams" in done.stderr


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("cert-manager.io/cluster-issuer", ["letsencrypt-prod"], ["a b", ""]),
        ("cert-manager.io/alt-names", [], ["login.example.com"]),
        ("nginx.ingress.kubernetes.io/proxy-body-size", ["0", "8m", "100G"], ["1m; evil", "8mm", ""]),
        ("nginx.ingress.kubernetes.io/proxy-read-timeout", ["600"], ["600s", "1;", "999999"]),
        ("nginx.ingress.kubernetes.io/proxy-ssl-secret", [], ["kube-system/tls"]),
        ("nginx.ingress.kubernetes.io/proxy-redirect-from", [], ["https://a/", "off"]),
        ("nginx.ingress.kubernetes.io/proxy-cookie-path", [], ["/ /; evil"]),
        ("nginx.ingress.kubernetes.io/server-snippet", [], [""]),
        ("traefik.ingress.kubernetes.io/router.entrypoints", ["web,websecure"], ["a b"]),
        ("traefik.ingress.kubernetes.io/router.middlewares", [], ["other-team@kubernetescrd"]),
    ],
)
def test_the_default_annotations_of_an_ingress_have_only_harmless_values(
    name: str, good: list[str], bad: list[str]
) -> None:
    forms = [each for each in settings_of().allowed_ingress_annotations if each.name == name]
    assert bool(forms) == bool(good)
    assert all(any(form.takes(value) for form in forms) for value in good)
    assert not any(form.takes(value) for form in forms for value in bad)


def test_no_default_allows_annotations_with_a_wildcard_or_with_arbitrary_values() -> None:
    forms = settings_of().allowed_ingress_annotations
    assert not [form.name for form in forms if {"*", "?"} & set(form.name)]
    assert not [form.name for form in forms if form.takes("any/value; of.any@kind") or form.takes("")]


def test_the_values_set_the_fields_of_pods(everything: Objects) -> None:
    assert everything("Deployment")["spec"]["replicas"] == 3
    template = everything("Deployment")["spec"]["template"]
    pod, (container,) = template["spec"], template["spec"]["containers"]
    assert container["image"] == f"mirror/wheelyard@{VALUES['image']['digest']}"
    assert (container["imagePullPolicy"], container["resources"]) == ("Always", VALUES["resources"])
    assert pod["priorityClassName"] == "infrastructure"
    for name in ("imagePullSecrets", "nodeSelector", "tolerations", "affinity"):
        assert pod[name] == VALUES[name]
    assert template["metadata"]["annotations"] == VALUES["podAnnotations"]
    assert template["metadata"]["labels"].items() > VALUES["podLabels"].items()
    assert everything("ServiceAccount")["metadata"]["annotations"] == VALUES["serviceAccount"]["annotations"]


def test_prometheus_and_grafana_find_the_objects_made_for_them(everything: Objects) -> None:
    def labels(kind: str, name: str = NAME) -> Any:
        return everything(kind, name)["metadata"]["labels"].items()

    monitoring = VALUES["monitoring"]
    assert labels("ServiceMonitor") > monitoring["serviceMonitor"]["labels"].items()
    assert everything("ServiceMonitor")["spec"]["endpoints"] == [{"port": "metrics", "interval": "15s"}]
    service = everything("Service", f"{NAME}-metrics")
    assert (
        labels("Service", f"{NAME}-metrics")
        > everything("ServiceMonitor")["spec"]["selector"]["matchLabels"].items()
    )
    assert [each["name"] for each in service["spec"]["ports"]] == ["metrics"]

    assert labels("PrometheusRule") > monitoring["prometheusRule"]["labels"].items()
    rules = [rule for group in everything("PrometheusRule")["spec"]["groups"] for rule in group["rules"]]
    assert {rule["annotations"]["runbook_url"].partition("#")[0] for rule in rules} == {
        "https://books.example/alerts"
    }

    assert labels("ConfigMap", f"{NAME}-dashboard") > monitoring["dashboard"]["labels"].items()
    dashboard = (CHART / "files/dashboard.json").read_text()
    assert everything("ConfigMap", f"{NAME}-dashboard")["data"]["wheelyard.json"].rstrip() == dashboard.rstrip()


def test_the_network_policy_allows_only_the_peers_and_ports_of_the_values(everything: Objects) -> None:
    spec = everything("NetworkPolicy")["spec"]
    assert spec["ingress"][0]["from"][:-1] == VALUES["networkPolicy"]["metricsFrom"]
    assert [each["port"] for each in spec["egress"][-1]["ports"]] == VALUES["networkPolicy"]["egressPorts"]
    # `helm test` is allowed in as the last peer, and out by its own policy.
    test = everything("Pod", f"{NAME}-test")["metadata"]["labels"]
    assert test.items() > spec["ingress"][0]["from"][-1]["podSelector"]["matchLabels"].items()
    egress_of_test = everything("NetworkPolicy", f"{NAME}-test")["spec"]
    assert test.items() > egress_of_test["podSelector"]["matchLabels"].items()
    operator = everything("Deployment")["spec"]["template"]["metadata"]["labels"]
    assert operator.items() > egress_of_test["egress"][-1]["to"][0]["podSelector"]["matchLabels"].items()


def test_crds_are_installed_with_the_release_and_kept() -> None:
    def crds(**values: str) -> list[Any]:
        found = rendered(*(f"--set=crds.{name}={value}" for name, value in values.items()))
        return [each for each in found if each["kind"] == "CustomResourceDefinition"]

    def policies(found: list[Any]) -> list[Any]:
        return [each["metadata"].get("annotations", {}).get("helm.sh/resource-policy") for each in found]

    sources = [yaml.safe_load(file.read_text())["spec"] for file in sorted((CHART / "files/crds").iterdir())]
    assert [each["spec"] for each in crds()] == sources
    assert policies(crds()) == ["keep", "keep", "keep"]
    assert policies(crds(keep="false")) == [None, None, None]
    assert crds(enabled="false") == []


def test_index_servers_have_the_operators_image_unless_another_is_set() -> None:
    # For the operator, the servers and `helm test`.
    assert manifest("--set", "image.tag=9.9").count('"wheelyard:9.9"') == 3
    digest = VALUES["image"]["digest"]
    assert manifest("--set", f"image.digest={digest}").count(f'"wheelyard@{digest}"') == 3


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ("aws.regoin=eu-west-1", "regoin"),
        ("image.digest=sha256:short", "digest"),
        ("replicas=-1", "replicas"),
        ("tracing.endpoint=collector:4318", "endpoint"),
        ("tracing.ratio=2", "ratio"),
        ("caBundle=ca.pem", "caBundle"),
        ("monitoring.prometheusRule.runbookURL=docs/alerts.md", "runbookURL"),
        ("monitoring.prometheusRule.runbookURL=https://books.example/#alerts", "runbookURL"),
        ("monitoring.serviceMonitor.interval=often", "interval"),
        ("monitoring.serviceMonitor.interval=1h30m", "interval"),
        ("aws.keyOverlap=soon", "keyOverlap"),
        ("aws.keyOverlap=60", "keyOverlap"),
        ("aws.keyOverlap=2d", "aws.keyOverlap is 2d: it must be from 0s to 1d"),
        ("aws.keyOverlap=86401s", "aws.keyOverlap is 86401s: it must be from 0s to 1d"),
        ("networkPolicy.egressPorts[0]=https", "egressPorts"),
        ("aws.allowedBuckets[0]=pypi{namespace}", "allowedBuckets"),
        ("aws.allowedBuckets[0]=pypi-{namespace}x", "allowedBuckets"),
        ("external.allowedHosts[0]=*.{team}.example.com", "allowedHosts"),
        ("external.allowedIngressAnnotations[0]=cert-manager.io/*", "allowedIngressAnnotations"),
    ],
)
def test_a_wrong_value_is_refused(wrong: str, named: str) -> None:
    done = helm("template", "release", CHART, "--set", wrong)
    assert done.returncode != 0
    assert named in done.stderr


@pytest.mark.parametrize(
    ("old", "message"),
    [
        ("aws.keyGraceSeconds=60", "aws.keyGraceSeconds is now aws.keyOverlap: write aws.keyOverlap: 60s"),
        ("exposure.allowedHosts[0]=*.example.com", "exposure is now external: rename it"),
    ],
)
def test_an_old_name_is_refused_with_the_new_one(old: str, message: str) -> None:
    done = helm("template", "release", CHART, "--set", old)
    assert done.returncode != 0
    assert message in done.stderr


def test_the_operator_may_change_only_its_own_lease() -> None:
    roles = [each for each in rendered() if each["kind"] in {"Role", "ClusterRole"}]
    about = [
        (role["kind"], role["metadata"].get("namespace"), rule["verbs"], rule.get("resourceNames"))
        for role in roles
        for rule in role["rules"]
        if "leases" in rule.get("resources", ())
    ]
    assert about == [("Role", "system", ["create"], None), ("Role", "system", ["get", "patch"], [NAME])]


def test_with_listed_namespaces_no_permission_is_cluster_wide(everything: Objects) -> None:
    assert not {"ClusterRole", "ClusterRoleBinding"} & everything.kinds()
    bindings = [each for each in rendered("--values", EVERYTHING) if each["kind"] == "RoleBinding"]
    assert {each["metadata"]["namespace"] for each in bindings} == {"packages", "ci", "system"}


def test_the_package_has_the_crds_and_not_the_unit_tests(tmp_path: Path) -> None:
    assert helm("package", CHART, "--destination", tmp_path).returncode == 0
    (package,) = tmp_path.iterdir()
    with tarfile.open(package) as archive:
        names = {name.removeprefix("wheelyard/") for name in archive.getnames()}
    assert {"files/crds/wheelyard.dev_packageindexes.yaml", "templates/tests/metrics.yaml"} < names
    assert not [name for name in names if name.startswith("tests/")]
