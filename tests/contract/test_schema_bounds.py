"""Everything that a resource can hold has a bound: every text, list and map of both schemas."""

from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from cluster.paths import REPOSITORY

SCHEMAS = sorted((REPOSITORY / "crds").glob("*.yaml"))
KUBERNETES = {".apiVersion", ".kind", ".metadata"}
"""What the API server itself checks."""


@pytest.mark.parametrize("file", SCHEMAS, ids=lambda file: file.stem)
def test_every_text_list_and_map_has_a_bound(file: Any) -> None:
    (version,) = yaml.safe_load(file.read_text())["spec"]["versions"]
    found = dict(walked(version["schema"]["openAPIV3Schema"]))
    assert len(found) >= 25
    assert [path for path, schema in found.items() if path not in KUBERNETES and not is_bounded(schema)] == []


def walked(schema: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Return every schema within one, with its path."""
    yield path, schema
    for name, each in schema.get("properties", {}).items():
        yield from walked(each, f"{path}.{name}")
    for word in ("items", "additionalProperties"):
        if word in schema:
            yield from walked(schema[word], f"{path}[]")


def is_bounded(schema: dict[str, Any]) -> bool:
    if "x-kubernetes-preserve-unknown-fields" in schema:
        return False
    match schema["type"]:
        case "string":
            return "maxLength" in schema or "enum" in schema
        case "array":
            return "maxItems" in schema
        case "object" if "additionalProperties" in schema:
            rules = [each["rule"] for each in schema.get("x-kubernetes-validations", ())]
            return "maxProperties" in schema and any("self.all(key, size(key) <= " in rule for rule in rules)
    return True


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "string"},
        {"type": "array", "items": {"type": "integer"}},
        {"type": "object", "maxProperties": 1, "additionalProperties": {"type": "string", "maxLength": 1}},
    ],
)
def test_a_field_without_a_bound_is_found(schema: dict[str, Any]) -> None:
    assert not is_bounded(schema)
