"""The pages about the fields of the CRDs (docs/hooks/fields.py)."""

import pytest
import yaml

import fields
from generated import ROOT

CRD = {
    "spec": {
        "group": "example.dev",
        "names": {"kind": "Thing", "singular": "thing", "shortNames": ["th"]},
        "versions": [
            {
                "name": "v1",
                "schema": {
                    "openAPIV3Schema": {
                        "description": "A thing.",
                        "properties": {
                            "metadata": {"type": "object"},
                            "spec": {
                                "type": "object",
                                "description": "Its desired state.",
                                "required": ["parts"],
                                "properties": {
                                    "parts": {
                                        "type": "array",
                                        "description": "Its parts.",
                                        "maxItems": 3,
                                        "items": {
                                            "type": "object",
                                            "x-kubernetes-validations": [
                                                {"rule": "x", "message": "a part needs a name"}
                                            ],
                                            "properties": {
                                                "kind": {
                                                    "type": "string",
                                                    "enum": ["a", "b"],
                                                    "default": "a",
                                                    "description": "Of what kind.",
                                                }
                                            },
                                        },
                                    }
                                },
                            },
                        },
                    }
                },
            }
        ],
    }
}


def test_a_field_is_shown_with_its_type_its_limits_and_the_words_of_a_refusal() -> None:
    page = fields.page(CRD)
    assert "### `spec.parts` { #spec-parts }\n\n*list of object, required, at most 3 items*\n\nIts parts.\n" in page
    assert "- a part needs a name" in page
    assert (
        "#### `spec.parts[].kind` { #spec-parts-kind }\n\n*string, one of `a`, `b`, default `a`*\n\nOf what kind.\n"
        in page
    )
    assert "metadata" not in page


@pytest.mark.parametrize("plural", ["packageindexes", "indexusers", "packageexceptions"])
def test_no_field_of_ours_is_left_out(plural: str) -> None:
    crd = yaml.safe_load((ROOT / f"crds/wheelyard.dev_{plural}.yaml").read_text())
    page = fields.page(crd)
    schema = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]
    paths = [path for part in ("spec", "status") for path in all_paths(schema[part], part)]
    assert len(paths) > 15
    for path in paths:
        assert f"`{path}`" in page


def all_paths(schema: dict[str, object], path: str) -> list[str]:
    """Return the paths of all fields below one, found in another way than the page's."""
    found = []
    inner = schema.get("items", schema)
    assert isinstance(inner, dict)
    suffix = "[]" if "items" in schema else ""
    for name, field in inner.get("properties", {}).items():
        found += [f"{path}{suffix}.{name}", *all_paths(field, f"{path}{suffix}.{name}")]
    return found
