"""The pages that describe every field of a custom resource, from the schema of its CRD."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

Schema = Mapping[str, Any]
_LIMITS = {
    "minimum": "at least {}",
    "maximum": "at most {}",
    "maxLength": "at most {} characters",
    "minItems": "at least {} items",
    "maxItems": "at most {} items",
}
_LEFT_TO_KUBERNETES = ("apiVersion", "kind", "metadata")


def page(crd: Schema) -> str:
    """Return the page of a CRD: a heading for each part of spec and status, and one for each field."""
    names = crd["spec"]["names"]
    (version,) = crd["spec"]["versions"]
    schema = version["schema"]["openAPIV3Schema"]
    group = f"{crd['spec']['group']}/{version['name']}"
    lines = [f"# {names['kind']}", "", schema["description"], ""]
    short = ", ".join(f"`{each}`" for each in names["shortNames"])
    lines += [f"`apiVersion: {group}`, `kind: {names['kind']}`; for kubectl `{names['singular']}` or {short}.", ""]
    lines += _rules(schema)
    for name, part in schema["properties"].items():
        if name not in _LEFT_TO_KUBERNETES:
            lines += _part(name, part)
    return "\n".join([*lines, ""])


def _part(name: str, schema: Schema) -> list[str]:
    """Describe spec or status: what is right below it gets a heading in the table of contents."""
    lines = [f"## {name}", "", schema["description"], "", *_rules(schema)]
    for path, field, needed in _fields(schema, name):
        level = "###" if path.count(".") == 1 else "####"
        anchor = path.replace("[]", "").replace(".", "-").lower()
        lines += [f"{level} `{path}` {{ #{anchor} }}", "", f"*{_form(field, needed=needed)}*", ""]
        lines += [field.get("description", ""), "", *_rules(field), *_rules(field.get("items", {}))]
    return lines


def _fields(schema: Schema, path: str) -> Iterator[tuple[str, Schema, bool]]:
    for name, field in schema.get("properties", {}).items():
        here = f"{path}.{name}"
        yield here, field, name in schema.get("required", ())
        if "items" in field:
            yield from _fields(field["items"], f"{here}[]")
        else:
            yield from _fields(field, here)


def _form(field: Schema, *, needed: bool) -> str:
    """Return what may stand there, such as `list of string, at most 20 items`."""
    of = {**field.get("items", {}), **field}
    parts = [_type(field)]
    if needed:
        parts.append("required")
    parts += [form.format(field[key]) for key, form in _LIMITS.items() if key in field]
    if "enum" in of:
        parts.append("one of " + ", ".join(f"`{each}`" for each in of["enum"]))
    if field.get("default") not in (None, {}):
        parts.append(f"default `{_literal(field['default'])}`")
    return ", ".join(parts)


def _type(field: Schema) -> str:
    if field["type"] == "array":
        return f"list of {_type(field['items'])}"
    if "additionalProperties" in field:
        return f"map of {_type(field['additionalProperties'])}"
    return str(field["type"])


def _literal(value: object) -> str:
    if isinstance(value, str):
        return value or '""'
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {_literal(each)}" for key, each in value.items()) + "}"
    if isinstance(value, Sequence):
        return "[" + ", ".join(f'"{each}"' for each in value) + "]"
    return str(value)


def _rules(schema: Schema) -> list[str]:
    """Return the additional checks, in the words of their refusals."""
    rules = [f"- {each['message']}" for each in schema.get("x-kubernetes-validations", ())]
    return ["Rules:", "", *rules, ""] if rules else []
