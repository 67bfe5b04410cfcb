"""docs/metrics.md has every metric of both programs, with its labels, and none that there is not."""

import re
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from support.metrics import labels, operator_registry, server_registry

DOCUMENT = Path(__file__).parents[2] / "docs/metrics.md"


@pytest.fixture
def registries(tmp_path: Path) -> dict[str, CollectorRegistry]:
    return {"Index server": server_registry(tmp_path), "Operator": operator_registry()}


def test_exactly_the_existing_metrics_are_documented(registries: dict[str, CollectorRegistry]) -> None:
    parts = re.split(r"^## ", DOCUMENT.read_text(), flags=re.MULTILINE)[1:]
    assert {part.partition("\n")[0]: documented(part) for part in parts} == {
        title: labels(registry) for title, registry in registries.items()
    }


def documented(part: str) -> dict[str, tuple[str, ...]]:
    rows = re.findall(r"^\| `(wheelyard_\w+)(?:\{(.*?)\})?`", part, re.MULTILINE)
    return {name: tuple(given.split(",")) if given else () for name, given in rows}


def test_no_label_is_the_name_of_a_project_a_user_or_an_object(registries: dict[str, CollectorRegistry]) -> None:
    used = {label for registry in registries.values() for each in labels(registry).values() for label in each}
    assert used == {
        *("route", "method", "status", "client", "outcome", "operation", "source", "loop"),
        *("kind", "result", "verb", "service", "resource", "state", "of"),
        *("rule", "action"),
        # The names in `spec.upstreams` of one index, of which there are a handful.
        *("upstream", "event"),
    }
