"""Another version of the operator replaces no pod of an index: only another image or other settings do."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from support.here import Here
from support.mainjob import CHART, SYSTEM, MainJob


@pytest.fixture
def next_version(tmp_path: Path) -> Path:
    """Give the chart as the version after this one."""
    chart = tmp_path / "wheelyard"
    shutil.copytree(CHART, chart)
    about = yaml.safe_load((chart / "Chart.yaml").read_text())
    later = {"version": "99.0.0", "appVersion": "99.0.0"}
    (chart / "Chart.yaml").write_text(yaml.safe_dump({**about, **later}))
    return chart


@pytest.fixture
def upgraded(operator: MainJob) -> Iterator[MainJob]:
    yield operator
    operator.install_operator()


def test_no_pod_of_an_index_is_replaced_by_an_upgrade_and_a_rollback(
    upgraded: MainJob, here: Here, bucket: str, next_version: Path
) -> None:
    def operators() -> set[str]:
        pods = here.kubectl.get("-n", SYSTEM, "pods", "-l", "app.kubernetes.io/component=operator")["items"]
        return {pod["metadata"]["uid"] for pod in pods if "deletionTimestamp" not in pod["metadata"]}

    def servers() -> Any:
        mine = ("-n", here.namespace)
        pods = here.kubectl.get(*mine, "pods", "-l", "wheelyard.dev/index=main")["items"]
        counts = {pod["metadata"]["uid"]: pod["status"]["containerStatuses"][0]["restartCount"] for pod in pods}
        return counts, here.kubectl.get(*mine, "deployment", "wheelyard-main")["metadata"]["generation"]

    def has_looked(user: str) -> None:
        """See that the operator that runs now has reconciled the index: a user of it can log in."""
        here.apply("IndexUser", user, {"indexRef": {"name": "main"}})
        here.wait_for("indexuser", user, "Ready", "LoginInForce", 60)

    here.index(bucket)
    here.wait_for("packageindex", "main", "Reconciling", "Settled", 90)
    before, first = servers(), operators()

    # Another request of memory makes sure that the operator itself is replaced: its image is the same.
    upgraded.install_operator(chart=next_version, options=["--set", "resources.requests.memory=161Mi"])
    second = operators()
    assert not first & second
    labels = json.dumps(here.kubectl.get("-n", SYSTEM, "deployment", "wheelyard-operator")["metadata"]["labels"])
    assert "99.0.0" in labels
    has_looked("of-the-next")
    assert servers() == before

    upgraded.roll_back_operator()
    assert not second & operators()
    has_looked("of-the-one-before")
    assert servers() == before
