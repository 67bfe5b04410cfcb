"""Errors in settings, in words: msgspec names the key, and this adds what it may be."""

import re

import yaml
from msgspec import inspect

_AT = re.compile(r" - at `(?P<path>\$[^`]*)`\Z")
_STEP = re.compile(r"\.(?P<field>\w+)|\[[^\]]*\]")
_PATTERN = re.compile(r"Expected `str` matching regex .*?(?=\Z| - at `)", re.DOTALL)


def explained(error: Exception, wanted: type, patterns: dict[str, str]) -> str:
    """Return an error of a file that should have the form `wanted`, in one line that says what is right.

    `patterns` has the words for texts that must match a pattern.
    """
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        mark = error.problem_mark
        return f"it is no YAML: {error.problem} in line {mark.line + 1}, column {mark.column + 1}"
    text = str(error)
    found = _AT.search(text)
    return _with_what_is_right(text, _type_at(wanted, found["path"] if found else ""), patterns)


def _with_what_is_right(text: str, kind: inspect.Type | None, patterns: dict[str, str]) -> str:
    if isinstance(kind, inspect.EnumType) and text.startswith("Invalid enum value"):
        return f"{text}: write {', '.join(str(each.value) for each in kind.cls)}"
    if isinstance(kind, inspect.StructType) and text.startswith("Object contains unknown field"):
        return f"{text}: it may have {', '.join(each.encode_name for each in kind.fields)}"
    if isinstance(kind, inspect.StrType) and kind.pattern in patterns:
        return _PATTERN.sub(lambda _: f"Expected {patterns[kind.pattern or '']}", text)
    return text


def _type_at(wanted: type, path: str) -> inspect.Type | None:
    """Return the type of the value at a path of msgspec, such as `$.policy.deny[0]`; None if it is not clear."""
    kind: inspect.Type | None = inspect.type_info(wanted)
    for step in _STEP.finditer(path):
        kind = _inner(kind, step["field"])
    return _plain(kind)


def _inner(kind: inspect.Type | None, field: str | None) -> inspect.Type | None:
    match _plain(kind):
        case inspect.StructType(fields=fields) if field is not None:
            return next((each.type for each in fields if each.encode_name == field), None)
        case inspect.ListType() | inspect.VarTupleType() as sequence:
            return sequence.item_type
        case inspect.DictType(value_type=value):
            return value
    return None


def _plain(kind: inspect.Type | None) -> inspect.Type | None:
    """Return the type without metadata, and of an optional value the one that is not None."""
    while isinstance(kind, inspect.Metadata | inspect.UnionType):
        if isinstance(kind, inspect.Metadata):
            kind = kind.type
        else:
            others = [each for each in kind.types if not isinstance(each, inspect.NoneType)]
            kind = others[0] if len(others) == 1 else None
    return kind
