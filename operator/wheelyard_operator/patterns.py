"""Patterns in which the platform team allows names and values of annotations."""

import json
import re
from dataclasses import dataclass
from functools import cache
from typing import Any

NAMESPACE = "{namespace}"
"""In a pattern of names: the namespace of the index."""
_NAMES = re.compile(r"[a-z0-9.*?-]+")
_PART = re.compile(
    r"(\.|[\w /:;@=,!%#&~<>\"'-]|\\[dw\W]|\[\^?[^\[\]\\]+\])([*+?]|\{\d{1,3}(?:,\d{0,3})?\})?|\|", re.ASCII
)
"""A character or a class of characters with its repetition, or the end of an alternative."""
_MAX_FORM_LENGTH = 500


class PatternError(ValueError):
    """A pattern or a form that cannot be used; the text says why."""


@dataclass(frozen=True)
class AnnotationForm:
    """An annotation that an index may put on its Ingress, and the form of its whole value."""

    name: str
    """A glob."""
    value: str
    """A regular expression without groups and backtracking, so that it takes linear time."""

    @classmethod
    def parse(cls, body: Any) -> "AnnotationForm":
        """Parse the Helm chart's value; raise PatternError."""
        match body:
            case {"name": str(name), "value": str(value)} if len(body) == 2 and name:
                compiled(value)
                return cls(name, value)
        raise PatternError(f"{json.dumps(body)} must be an object with name and value")

    def takes(self, value: str) -> bool:
        """Return whether a value has this form."""
        return compiled(self.value).fullmatch(value) is not None


@cache
def compiled(form: str) -> re.Pattern[str]:
    """Compile a form with possessive quantifiers, which never backtrack; raise PatternError."""
    parts = list(_PART.finditer(form)) if len(form) <= _MAX_FORM_LENGTH else []
    if not form or "".join(part[0] for part in parts) != form:
        raise PatternError(
            f"the form {form[:_MAX_FORM_LENGTH]!r} must consist of characters and classes such as [a-z], each with"
            f" *, +, ? or {{1,5}}, and | between alternatives: no groups, and at most {_MAX_FORM_LENGTH} characters"
        )
    try:
        return re.compile("".join(f"{part[0]}+" if part[2] else part[0] for part in parts), re.ASCII)
    except (re.error, OverflowError) as error:
        raise PatternError(f"the form {form!r} cannot be used: {error}") from error


def name_pattern(pattern: str) -> str:
    """Return a pattern of names unchanged; raise PatternError for an ambiguous one."""
    around = pattern.split(NAMESPACE)
    if len(around) > 2 or not all(_NAMES.fullmatch(each) for each in around if each) or not pattern:
        raise PatternError(
            f"{pattern!r} must have lowercase letters, digits, '-', '.', '*', '?', and at most one {NAMESPACE}"
        )
    if len(around) == 2 and not (around[0][-1:] in "-." and around[1][:1] in "-."):
        raise PatternError(f"{pattern!r} must have '-' or '.' between {NAMESPACE} and its neighbors")
    return pattern
