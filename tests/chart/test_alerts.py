"""The alerts and the dashboard: each alert fires for its cause alone, and what they ask for exists."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import CollectorRegistry

from support.mainjob import ROOT
from support.metrics import operator_registry, server_registry

FILES = ROOT / "charts/wheelyard/files"
RULES = yaml.safe_load((FILES / "alerts.yaml").read_text())
TESTS = Path(__file__).with_name("alerts_test.yaml")
ALERTS = [rule for group in RULES["groups"] for rule in group["rules"]]
NAME = re.compile(r"\bwheelyard_[a-z_]+")


def promtool(*arguments: object) -> str:
    done = subprocess.run(["promtool", *map(str, arguments)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_rules_are_well_formed() -> None:
    assert f"{len(ALERTS)} rules found" in promtool("check", "rules", FILES / "alerts.yaml")


def test_each_alert_fires_for_its_cause_and_not_without_it(tmp_path: Path) -> None:
    bare = [
        {**group, "rules": [{**rule, "annotations": {}} for rule in group["rules"]]} for group in RULES["groups"]
    ]
    (tmp_path / "alerts.yaml").write_text(yaml.safe_dump({"groups": bare}))
    (tmp_path / "alerts_test.yaml").write_text(TESTS.read_text())
    promtool("test", "rules", tmp_path / "alerts_test.yaml")


def test_no_alert_is_left_out_there() -> None:
    checked = [each for test in yaml.safe_load(TESTS.read_text())["tests"] for each in test["alert_rule_test"]]
    names = {alert["alert"] for alert in ALERTS}
    assert {each["alertname"] for each in checked if each.get("exp_alerts")} == names
    assert {each["alertname"] for each in checked if not each.get("exp_alerts")} == names


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert["alert"])
def test_each_alert_says_what_to_do(alert: dict[str, Any]) -> None:
    assert f"## {alert['alert']}\n" in (ROOT / "docs/alerts.md").read_text()
    assert alert["annotations"]["runbook_url"] == f"RUNBOOKS#{alert['alert'].lower()}"
    assert {"summary", "description"} < set(alert["annotations"])


def test_whatever_is_asked_for_is_told_by_some_program(tmp_path: Path) -> None:
    asked = [rule["expr"] for rule in ALERTS]
    panels = json.loads((FILES / "dashboard.json").read_text())["panels"]
    asked += [target["expr"] for panel in panels for target in panel.get("targets", ())]
    told = names_in(operator_registry()) | names_in(server_registry(tmp_path))
    assert {name for each in asked for name in NAME.findall(each)} - told == set()


def names_in(registry: CollectorRegistry) -> set[str]:
    """Return the names of all series, as Prometheus stores them."""
    endings = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count"), "gauge": ("",)}
    return {metric.name + ending for metric in registry.collect() for ending in endings[metric.type]}
