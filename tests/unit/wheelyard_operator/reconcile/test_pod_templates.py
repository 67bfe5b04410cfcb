"""No pod of an index is replaced by another version of the operator without a reason that the changelog names."""

from typing import Any

import pytest
import yaml

from unit.wheelyard_operator.reconcile import pod_templates
from unit.wheelyard_operator.reconcile.pod_templates import COMMAND, INDEXES, STORED, changelog, rendered
from wheelyard_operator.desired.common import content_digest


@pytest.fixture(scope="module")
def stored() -> Any:
    return yaml.safe_load(STORED.read_text())


@pytest.mark.parametrize("name", INDEXES)
def test_pods_stay_as_they_are(stored: Any, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr(pod_templates, "INDEXES", {name: INDEXES[name]})
    assert rendered()[name] == stored["templates"][name], (
        "This replaces the pods of every index when the operator is upgraded: the changelog must say why pods are"
        f" replaced. If that is intended, add a sentence to CHANGELOG.md and run: {COMMAND}"
    )


def test_the_changelog_says_why_they_were_replaced(stored: Any) -> None:
    reasons = stored["reasons"]
    assert content_digest(stored["templates"]) in reasons, f"the file was changed by hand: run {COMMAND}"
    assert len({*reasons.values()}) == len(reasons), "a reason of its own for each time"
    assert [why for why in reasons.values() if why not in changelog()] == []
