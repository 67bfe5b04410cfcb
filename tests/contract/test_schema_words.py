"""One grammar for durations, one for sizes, and every renamed field refused: the schemas and the operator agree."""

import copy
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import yaml

from support.mainjob import ROOT
from wheelyard_operator import durations, sizes
from wheelyard_operator.resource import EXCEPTION, INDEX, USER, IndexUser, PackageException, PackageIndex
from wheelyard_operator.resource.renamed import RENAMED_FIELDS, RenamedField

FILES = {INDEX: "packageindexes", USER: "indexusers", EXCEPTION: "packageexceptions"}
DURATIONS = {
    "spec.credentials.rotateEvery": "",
    "spec.credentials.overlap": "1h",
    "spec.storage.s3.provision.rotateEvery": "",
    "spec.monitoring.serviceMonitor.interval": "30s",
    "spec.freshness.fresh": "0s",
    "spec.freshness.stale": "1h",
    "spec.upstreams[].freshness.fresh": "10m",
    "spec.upstreams[].freshness.stale": "24h",
    "spec.policy.cooldown.age": "7d",
    "spec.advisories.poll": "2m",
    "spec.fetchLog.retention": "90d",
    "spec.policy.cooldown.fixes": "",
    "spec.policy.vulnerabilities.known": "0s",
    "spec.policy.exceptionsFrom[].maximum": "30d",
}
SIZES = {
    "spec.storage.volume.size": None,
    "spec.resources.requests.memory": "128Mi",
    "spec.resources.limits.memory": "512Mi",
    "spec.limits.fileSize": "5Gi",
    "spec.limits.metadataSize": "2Mi",
    "spec.limits.mirroredSize": "",
    "spec.cache.size": "5Gi",
    "spec.redirects.minSize": "100Mi",
}
"""Every field of the grammar, with its default."""
UNITS = re.compile(r"(Seconds|Minutes|Hours|Days|Bytes)$")
ALLOWED_LIST = re.compile(r"(?<![.\w])([a-z][A-Za-z]*[.]allowed[A-Z]\w+)")
OF_KUBERNETES = {"spec.tolerations[].tolerationSeconds"}


def schema(kind: str) -> Any:
    (version,) = yaml.safe_load((ROOT / f"crds/wheelyard.dev_{FILES[kind]}.yaml").read_text())["spec"]["versions"]
    return version["schema"]["openAPIV3Schema"]


def fields(of: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    for name, field in of.get("properties", {}).items():
        here = f"{path}.{name}".removeprefix(".")
        yield here, field
        yield from fields(field, here)
        yield from fields(field.get("items", {}), f"{here}[]")


EVERY = {path: field for kind in FILES for path, field in fields(schema(kind)) if path.startswith("spec.")}


def with_grammar(pattern: str) -> dict[str, Any]:
    return {
        path: field.get("default")
        for path, field in EVERY.items()
        if field["type"] == "string"
        and any(pattern in rule["rule"] for rule in field.get("x-kubernetes-validations", ()))
    }


def test_every_duration_has_the_one_grammar() -> None:
    assert with_grammar(durations.PATTERN) == DURATIONS
    for path in DURATIONS:
        (rule,) = EVERY[path]["x-kubernetes-validations"]
        assert rule["message"].endswith(": a whole number with s, m, h or d")
        assert re.search(r"a duration from \w+ to \w+, such as \w+:", rule["message"])


def test_every_size_has_the_one_grammar() -> None:
    assert with_grammar(sizes.PATTERN) == SIZES
    for path in SIZES:
        (rule,) = EVERY[path]["x-kubernetes-validations"]
        assert rule["message"].endswith(": a whole number of bytes, or with Ki, Mi, Gi or Ti")


def test_no_field_has_its_unit_in_its_name() -> None:
    old = {each.old for each in RENAMED_FIELDS}
    assert {path for path in EVERY if UNITS.search(path)} - old - OF_KUBERNETES == set()


def at(kind: str, path: str) -> Any:
    found = schema(kind)
    for name in path.split("."):
        found = found["properties"][name]
    return found


@pytest.mark.parametrize("field", RENAMED_FIELDS, ids=lambda field: field.old)
def test_an_old_name_is_refused_with_the_words_of_the_operator(field: RenamedField) -> None:
    parent, name = field.old.rsplit(".", 1)
    default = f"'{field.default}'" if isinstance(field.default, str) else field.default
    rule = {"rule": f"!has(self.{name}) || self.{name} == {default}", "message": field.message}
    assert rule in at(field.kind, parent)["x-kubernetes-validations"]
    assert "default" not in at(field.kind, field.old)
    assert at(field.kind, field.old)["description"].startswith(f"Renamed to {field.new.rsplit('.', 1)[1]}. Refused")
    assert "default" in at(field.kind, field.new)


def defaulted(value: Any, of: Any) -> Any:
    """Do with an object what the API server does with a schema's defaults."""
    if isinstance(value, list):
        return [defaulted(each, of["items"]) for each in value]
    if not isinstance(value, dict) or "properties" not in of:
        return value
    properties = of["properties"]
    whole = {name: copy.deepcopy(each["default"]) for name, each in properties.items() if "default" in each} | value
    return {name: defaulted(each, properties.get(name, {})) for name, each in whole.items()}


METADATA = {"name": "a", "namespace": "b", "uid": "1"}
S3 = {"storage": {"s3": {"bucket": "acme", "credentials": {"secretRef": {"name": "keys"}}}}}
GRANTS = [{"subjects": ["anonymous"], "verbs": ["read"]}]
SPECS: dict[str, list[Any]] = {
    INDEX: [
        S3,
        {"storage": {"volume": {"size": "1Gi"}}},
        {
            **S3,
            "autoscaling": {"maxReplicas": 3},
            "ingress": {"host": "a.example", "tls": {"issuerRef": {"name": "c"}}},
            "networkPolicy": {},
            "monitoring": {"serviceMonitor": {}},
            "redirects": {"cluster": {}, "external": {}},
            "advisories": {"osv": {}},
            "webhook": {"url": "https://a.example/", "secretRef": {"name": "a"}},
            "web": {
                "oidc": {
                    "issuer": "https://a.example",
                    "clientId": "a",
                    "clientSecretRef": {"name": "a"},
                    "groups": [{"provider": "a", "group": "b"}],
                }
            },
            "access": {"grants": GRANTS, "users": {"maximum": {"grants": [{"verbs": ["read"]}]}}},
        },
    ],
    USER: [
        {"indexRef": {"name": "main"}},
        {
            "indexRef": {"name": "main"},
            "grants": [{"verbs": ["read"]}],
            "trustedPublishers": [
                {"github": {"repository": "a/b", "workflow": "c.yml"}},
                {"gitlab": {"project": "a/b"}},
            ],
        },
    ],
    EXCEPTION: [
        {
            "indexRef": {"name": "main"},
            "packages": ["a"],
            "from": ["cooldown"],
            "until": "2026-12-15",
            "reason": "r",
        }
    ],
}


PARSERS: dict[str, Callable[[Any], object]] = {
    INDEX: PackageIndex.parse,
    USER: IndexUser.parse,
    EXCEPTION: PackageException.parse,
}


@pytest.mark.parametrize(
    ("kind", "spec"),
    [(kind, spec) for kind, specs in SPECS.items() for spec in specs],
    ids=lambda value: str(value)[:40],
)
def test_the_operator_s_defaults_are_those_of_the_schema(kind: str, spec: Any) -> None:
    """The operator may meet a resource of an earlier schema, without some default of this one."""
    bare = {"kind": kind, "metadata": METADATA, "spec": spec}
    whole = {**bare, "spec": defaulted(spec, schema(kind)["properties"]["spec"])}
    assert whole != bare
    parse = PARSERS[kind]
    assert parse(bare) == parse(whole)


def test_every_allowed_list_that_a_text_names_is_a_helm_value_or_a_field() -> None:
    """A refusal that names a value that does not exist helps no one."""
    values = yaml.safe_load((ROOT / "charts/wheelyard/values.yaml").read_text())
    known = {f"{group}.{name}" for group, below in values.items() if isinstance(below, dict) for name in below}
    known |= {path.removeprefix("spec.") for path in EVERY}
    texts = [*(ROOT / "crds").iterdir(), *(ROOT / "operator").rglob("*.py"), *(ROOT / "docs").rglob("*.md")]
    # This decision names what there was before.
    texts = [each for each in texts if each.name != "0036-words-of-fields.md"]
    named = {(found, text.name) for text in texts for found in ALLOWED_LIST.findall(text.read_text())}
    assert len(named) > 20
    assert [each for each in sorted(named) if each[0] not in known] == []
