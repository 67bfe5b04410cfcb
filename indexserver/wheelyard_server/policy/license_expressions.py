"""License expressions (PEP 639, SPDX): validated by `packaging`, evaluated here."""

import re
from collections.abc import Callable

from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

MAX_EXPRESSION_LENGTH = 300

_TOKEN = re.compile(r"[()]|[^\s()]+")

IsHeld = Callable[[str], bool]


def canonical(expression: str) -> str:
    """Return the canonical form of an expression; "" if it is not valid, or too long."""
    if not 0 < len(expression) <= MAX_EXPRESSION_LENGTH:
        return ""
    try:
        return canonicalize_license_expression(expression)
    except InvalidLicenseExpression:
        return ""


def holds(expression: str, is_held: IsHeld) -> bool | None:
    """Return whether an expression is true if its licenses are as `is_held` says; None if it is no expression.

    One alternative of OR is enough, and AND needs all parts. AND binds tighter. A license with an
    exception is asked for as `<id> WITH <exception>`.
    """
    tokens = _TOKEN.findall(canonical(expression))
    return _any(tokens[::-1], is_held) if tokens else None


def _any(tokens: list[str], is_held: IsHeld) -> bool:
    value = _all(tokens, is_held)
    while tokens and tokens[-1] == "OR":
        tokens.pop()
        value = _all(tokens, is_held) or value
    return value


def _all(tokens: list[str], is_held: IsHeld) -> bool:
    value = _one(tokens, is_held)
    while tokens and tokens[-1] == "AND":
        tokens.pop()
        value = _one(tokens, is_held) and value
    return value


def _one(tokens: list[str], is_held: IsHeld) -> bool:
    first = tokens.pop()
    if first == "(":
        value = _any(tokens, is_held)
        tokens.pop()
        return value
    if tokens and tokens[-1] == "WITH":
        tokens.pop()
        return is_held(f"{first} WITH {tokens.pop()}")
    return is_held(first)
