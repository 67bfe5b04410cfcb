"""helm, kubeconform, kube-score and checkov accept the chart's manifests: with default values, and with all."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from chart import exceptions, schemas
from chart.rendering import EVERYTHING, helm, manifest
from clients.environments import environment
from cluster import tools
from support.mainjob import CHART

ABOUT = yaml.safe_load((CHART / "Chart.yaml").read_text())
OPTIONS: dict[str, tuple[object, ...]] = {
    exceptions.DEFAULT: (),
    exceptions.EVERYTHING: ("--values", EVERYTHING),
}


@pytest.fixture(scope="module", params=OPTIONS)
def values(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture(scope="module")
def made(values: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a file with the manifest for these values."""
    file = tmp_path_factory.mktemp("made") / "manifest.yaml"
    file.write_text(manifest(*OPTIONS[values]))
    return file


def output_of(*command: object) -> str:
    """Run a scanner, whose exit code says whether it found something; return its output."""
    return subprocess.run([str(each) for each in command], capture_output=True, text=True, check=False).stdout


def test_helm_lint_finds_nothing(values: str) -> None:
    done = helm("lint", "--strict", CHART, *OPTIONS[values])
    assert done.returncode == 0, done.stdout
    assert "[WARNING]" not in done.stdout + done.stderr


@pytest.fixture(scope="module", params=("oldest", "newest"))
def kubernetes(request: pytest.FixtureRequest) -> str:
    """Return a version of Kubernetes: the oldest that the chart allows, or the newest that has schemas."""
    if request.param == "newest":
        return schemas.versions()[-1]
    oldest: str = ABOUT["kubeVersion"].removeprefix(">=").removesuffix("-0")
    return oldest


def test_every_object_matches_the_schema_of_its_kind(made: Path, kubernetes: str, tmp_path: Path) -> None:
    documents = [each for each in yaml.safe_load_all(made.read_text()) if each]
    assert kubeconform(made, tmp_path, kubernetes) == {each["kind"]: "statusValid" for each in documents}


def kubeconform(manifest: Path, folder: Path, version: str) -> dict[str, str]:
    """Return kubeconform's verdict for each kind in a manifest: `statusValid`, or an error."""
    kinds = {each["kind"] for each in yaml.safe_load_all(manifest.read_text()) if each}
    schemas.write(folder, version, kinds)
    options = ("-strict", "-verbose", "-output", "json", "-kubernetes-version", version)
    location = ("-schema-location", folder / schemas.TEMPLATE)
    report = json.loads(output_of(tools.built(tools.KUBECONFORM) / "kubeconform", *options, *location, manifest))
    found = sorted(report["resources"], key=lambda each: each["status"] != "statusValid")
    return {each["kind"]: each["msg"] or each["status"] for each in found}


def test_kubeconform_finds_a_wrong_field(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.yaml"
    documents = [
        {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "a"}, "spec": {"prots": []}},
        {
            "apiVersion": "monitoring.coreos.com/v1",
            "kind": "ServiceMonitor",
            "metadata": {"name": "a"},
            "spec": {"selector": {}, "endpoints": [{"prot": "metrics"}]},
        },
    ]
    wrong.write_text(yaml.safe_dump_all(documents))
    found = kubeconform(wrong, tmp_path, schemas.versions()[-1])
    assert "'prots' not allowed" in found["Service"]
    assert "'prot' not allowed" in found["ServiceMonitor"]


def expected(of: dict[tuple[str, str, str], str], values: str) -> set[tuple[str, str]]:
    """Return the exceptions for these values, as kind and check."""
    return {(kind, check) for where, kind, check in of if where == values}


def test_the_unit_tests_of_the_templates_pass() -> None:
    done = subprocess.run(
        [tools.built(tools.HELM_UNITTEST) / "helm-unittest", "--strict", CHART],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


def test_kube_score_finds_only_the_listed_exceptions(values: str, made: Path) -> None:
    kube_score = tools.built(tools.KUBE_SCORE) / "kube-score"
    version = ".".join(ABOUT["kubeVersion"].removeprefix(">=").split(".")[:2])
    options = ("--output-format", "json", "--kubernetes-version", f"v{version}")
    objects = json.loads(output_of(kube_score, "score", *options, made))
    found = {
        (each["type_meta"]["kind"], check["check"]["id"])
        for each in objects
        for check in each["checks"]
        if not check["skipped"] and check["grade"] < ALL_OK
    }
    assert found == expected(exceptions.KUBE_SCORE, values)


ALL_OK = 10
"""kube-score's grade for a check without findings; 7 is almost OK, 5 a warning, 1 critical."""


def test_checkov_finds_only_the_listed_exceptions(values: str, made: Path) -> None:
    checkov = environment("checkov", schemas.LOCKS) / "bin/checkov"
    options = ("--framework", "kubernetes", "--output", "json", "--quiet", "--compact", "--skip-download")
    report: dict[str, Any] = json.loads(output_of(checkov, *options, "--file", made))
    assert report["summary"]["parsing_errors"] == 0
    found = {(each["resource"], each["check_id"]) for each in report["results"]["failed_checks"]}
    assert {(kind_of(name), check) for name, check in found} == expected(exceptions.CHECKOV, values)


def kind_of(resource: str) -> str:
    """Return the kind of what checkov names: some of its checks name the pod that a Deployment makes."""
    return (
        exceptions.TEST
        if resource.endswith("-test")
        else exceptions.OPERATOR
        if "operator" in resource
        else resource
    )
