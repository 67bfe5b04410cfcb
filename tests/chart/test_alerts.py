"""Each alert fires for its cause only, and every metric of the alerts and the dashboard exists."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import CollectorRegistry

from chart.rendering import rendered
from cluster import debian
from support.mainjob import CHART, ROOT
from support.metrics import operator_registry, server_registry

FILES = ROOT / "charts/wheelyard/files"
RULES = yaml.safe_load((FILES / "alerts.yaml").read_text())
TESTS = Path(__file__).with_name("alerts_test.yaml")
ALERTS = [rule for group in RULES["groups"] for rule in group["rules"]]
RUNBOOKS = "--set=monitoring.prometheusRule.runbookURL"
ENABLED = ("--set=monitoring.prometheusRule.enabled=true",)
NAME = re.compile(r"\bwheelyard_[a-z_]+")


def promtool(*arguments: object) -> str:
    debian.provide("promtool", debian.OF_TESTS["promtool"])
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


def test_every_alert_is_tested() -> None:
    checked = [each for test in yaml.safe_load(TESTS.read_text())["tests"] for each in test["alert_rule_test"]]
    names = {alert["alert"] for alert in ALERTS}
    assert {each["alertname"] for each in checked if each.get("exp_alerts")} == names
    assert {each["alertname"] for each in checked if not each.get("exp_alerts")} == names


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert["alert"])
def test_each_alert_has_a_runbook(alert: dict[str, Any]) -> None:
    assert f"## {alert['alert']}\n" in (ROOT / "docs/alerts.md").read_text()
    assert {"summary", "description"} == set(alert["annotations"])
    assert alert["annotations"]["description"].endswith(".")  # A sentence may be appended.


@pytest.mark.parametrize("url", ["", "https://books.example/alerts.html"])
def test_the_chart_adds_only_the_runbooks(url: str) -> None:
    (made,) = (each for each in rendered(*ENABLED, f"{RUNBOOKS}={url}") if each["kind"] == "PrometheusRule")
    version = yaml.safe_load((CHART / "Chart.yaml").read_text())["appVersion"]
    for group, its_source in zip(made["spec"]["groups"], RULES["groups"], strict=True):
        for rule, source in zip(group.pop("rules"), its_source["rules"], strict=True):
            annotations, anchor = source["annotations"], source["alert"].lower()
            assert rule.pop("annotations") == (
                {**annotations, "runbook_url": f"{url}#{anchor}"}
                if url
                else {
                    **annotations,
                    "description": f"{annotations['description']} docs/alerts.md#{anchor} of Wheelyard {version}"
                    " says what to do.",
                }
            )
            assert rule == {key: value for key, value in source.items() if key != "annotations"}
        assert group == {key: value for key, value in its_source.items() if key != "rules"}


def test_every_metric_of_an_alert_exists(tmp_path: Path) -> None:
    expressions = [rule["expr"] for rule in ALERTS]
    panels = json.loads((FILES / "dashboard.json").read_text())["panels"]
    expressions += [target["expr"] for panel in panels for target in panel.get("targets", ())]
    existing = names_in(operator_registry()) | names_in(server_registry(tmp_path))
    assert {name for each in expressions for name in NAME.findall(each)} - existing == set()


def names_in(registry: CollectorRegistry) -> set[str]:
    """Return the names of all series, as Prometheus stores them."""
    endings = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count"), "gauge": ("",)}
    return {metric.name + ending for metric in registry.collect() for ending in endings[metric.type]}
