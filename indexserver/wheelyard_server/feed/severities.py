"""The severity of a record: that of its CVSS vectors, or else what its database calls it."""

from collections.abc import Callable, Iterable
from functools import lru_cache

from cvss import CVSS2, CVSS3, CVSS4
from cvss.exceptions import CVSSError

from wheelyard_server.settings.policy import Severity

_MAX_VECTOR_LENGTH = 300
_ORDER = tuple(Severity)
_WORDS = {
    "low": Severity.LOW,
    "medium": Severity.MEDIUM,
    "moderate": Severity.MEDIUM,
    "high": Severity.HIGH,
    "critical": Severity.CRITICAL,
}
_SCORES: dict[str, Callable[[str], str]] = {
    "CVSS_V2": lambda vector: str(CVSS2(vector).severities()[0]),
    "CVSS_V3": lambda vector: str(CVSS3(vector).severities()[0]),
    "CVSS_V4": lambda vector: str(CVSS4(vector).severity),
}
"""The severity of the base metrics, as FIRST defines it, by the type of the vector."""


def severity_of(vectors: Iterable[tuple[str, str]], word: str = "") -> Severity | None:
    """Return the highest severity of the vectors, given with their types; without any, that of the word."""
    found = [severity for kind, vector in vectors if (severity := _of_vector(kind, vector)) is not None]
    return max(found, key=_ORDER.index, default=_WORDS.get(word.lower()))


@lru_cache(4096)
def _of_vector(kind: str, vector: str) -> Severity | None:
    score = _SCORES.get(kind)
    if score is None or len(vector) > _MAX_VECTOR_LENGTH:
        return None
    try:
        return _WORDS.get(score(vector).lower())
    except (CVSSError, ValueError, KeyError, ArithmeticError):
        return None
