"""How the platform team writes what it allows: patterns of names, and forms of the values of annotations."""

import json
import re
from dataclasses import dataclass
from functools import cache
from typing import Any

NAMESPACE = "{namespace}"
"""In a pattern of names: the namespace of the index that asks."""
_NAMES = re.compile(r"[a-z0-9.*?-]+")
_PART = re.compile(
    r"(\.|[\w /:;@=,!%#&~<>\"'-]|\\[dw\W]|\[\^?[^\[\]\\]+\])([*+?]|\{\d{1,3}(?:,\d{0,3})?\})?|\|", re.ASCII
)
"""A character or a class of characters, how often it comes, or the end of an alternative."""
_LONGEST_FORM = 500


class PatternError(ValueError):
    """A pattern or a form that cannot be used; the text says why."""


@dataclass(frozen=True)
class AnnotationForm:
    """An annotation that an index may give its Ingress, and the form that its whole value must have."""

    name: str
    """A glob."""
    value: str
    """A regular expression without groups and without backtracking, so that it takes linear time."""

    @classmethod
    def parse(cls, body: Any) -> "AnnotationForm":
        """Take it from the Helm chart's value; raise PatternError."""
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
    parts = list(_PART.finditer(form)) if len(form) <= _LONGEST_FORM else []
    if not form or "".join(part[0] for part in parts) != form:
        raise PatternError(
            f"the form {form[:_LONGEST_FORM]!r} must consist of characters and classes such as [a-z], each with *,"
            f" +, ? or {{1,5}}, and | between alternatives: no groups, and at most {_LONGEST_FORM} characters"
        )
    try:
        return re.compile("".join(f"{part[0]}+" if part[2] else part[0] for part in parts), re.ASCII)
    except (re.error, OverflowError) as error:
        raise PatternError(f"the form {form!r} cannot be used: {error}") from error


def name_pattern(pattern: str) -> str:
    """Return a pattern of names as it is; raise PatternError for one that could be read in two ways."""
    around = pattern.split(NAMESPACE)
    if len(around) > 2 or not all(_NAMES.fullmatch(each) for each in around if each) or not pattern:
        raise PatternError(
            f"{pattern!r} must have small letters, digits, '-', '.', '*', '?', and one {NAMESPACE} at most"
        )
    if len(around) == 2 and not (around[0][-1:] in "-." and around[1][:1] in "-."):
        raise PatternError(f"{pattern!r} must have '-' or '.' between {NAMESPACE} and what stands beside it")
    return pattern
