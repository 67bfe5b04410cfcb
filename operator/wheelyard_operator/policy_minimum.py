"""The platform team's minimum for policies: what every index has at least, whatever its owner writes."""

from collections.abc import Mapping
from dataclasses import dataclass

from wheelyard_operator.durations import parse_duration

ACTIONS = ("Off", "Report", "Block")
"""From the least strict to the strictest."""
RULES = ("cooldown", "deny", "allow", "malware", "vulnerabilities", "licenses", "formats", "provenance")
"""The rules that an exception may lift. The CRDs have the same list."""


class MinimumError(ValueError):
    """A value of the Helm chart, below `policy.minimum`, is invalid."""


@dataclass(frozen=True)
class PolicyMinimum:
    """What the platform team demands, in the words of the Helm chart."""

    cooldown_seconds: int = 0
    """The least age of files of upstreams; 0 demands none."""
    malware: str = "Report"
    """The least strict action on malware."""
    max_exception_seconds: int = 0
    """How long an exception may hold; 0 is unlimited."""
    never: frozenset[str] = frozenset()
    """Rules that no exception lifts."""

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "PolicyMinimum":
        """Raise MinimumError, naming the Helm value."""
        return cls(
            cooldown_seconds=_seconds("cooldown.age", environment.get("WHEELYARD_POLICY_COOLDOWN") or "0s"),
            malware=_action(environment.get("WHEELYARD_POLICY_MALWARE") or cls.malware),
            max_exception_seconds=_seconds(
                "exceptions.maximum", environment.get("WHEELYARD_POLICY_MAX_EXCEPTION") or "0s"
            ),
            never=_rules(environment.get("WHEELYARD_POLICY_NEVER", "")),
        )


def _seconds(name: str, text: str) -> int:
    try:
        return parse_duration(text)
    except ValueError as error:
        raise MinimumError(f"{name}: {error}") from error


def _action(text: str) -> str:
    if text not in ACTIONS:
        raise MinimumError(f"malware: {text!r} must be {', '.join(ACTIONS[:-1])} or {ACTIONS[-1]}")
    return text


def _rules(text: str) -> frozenset[str]:
    named = frozenset(each.strip() for each in text.split(",") if each.strip())
    if unknown := sorted(named - set(RULES)):
        raise MinimumError(f"exceptions.never: {unknown[0]!r} must be one of {', '.join(RULES)}")
    return named
