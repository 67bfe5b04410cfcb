"""The policy of an index: the rules for its servers, and its consent to PackageExceptions."""

import re
from dataclasses import dataclass
from fnmatch import translate
from functools import cached_property

from wheelyard_operator.durations import parse_duration
from wheelyard_operator.resource.meta import Manifest

_OF_OPERATOR = ("exceptions", "exceptionsFrom")
"""What the operator completes, or does not hand on."""


@dataclass(frozen=True)
class Consent:
    """Namespaces that may except packages from rules, for some time."""

    namespaces: frozenset[str]
    packages: tuple[str, ...]
    """Globs on normalized names."""
    rules: frozenset[str]
    max_seconds: int
    """From the creation of an exception."""

    @classmethod
    def parse(cls, body: Manifest) -> "Consent":
        """Take it from an item of `spec.policy.exceptionsFrom`."""
        return cls(
            frozenset(body["namespaces"]),
            tuple(body.get("packages", ("*",))),
            frozenset(body["rules"]),
            parse_duration(body.get("maximum", "30d")),
        )

    def covers(self, name: str) -> bool:
        """Return whether a normalized name matches one of the globs."""
        return self._names.fullmatch(name) is not None

    @cached_property
    def _names(self) -> re.Pattern[str]:
        return re.compile("|".join(map(translate, self.packages)))


@dataclass(frozen=True)
class Policy:
    """The policy as the owner of the index has written it."""

    rules: Manifest
    """All rules, in the form of the policy file."""
    exceptions: tuple[Manifest, ...]
    """In the form of the policy file."""
    consents: tuple[Consent, ...]

    @classmethod
    def parse(cls, body: Manifest) -> "Policy":
        """Take it from `spec.policy`."""
        return cls(
            rules={name: rule for name, rule in body.items() if name not in _OF_OPERATOR},
            exceptions=tuple(body.get("exceptions", ())),
            consents=tuple(Consent.parse(each) for each in body.get("exceptionsFrom", ())),
        )

    @property
    def reads_advisories(self) -> bool:
        """Return whether a rule depends on advisories."""
        malware, vulnerabilities = (self.rules.get(each, {}) for each in ("malware", "vulnerabilities"))
        return bool(malware.get("action") != "Off" or vulnerabilities.get("action", "Off") != "Off")


def about(exception: Manifest) -> str:
    """Return the releases of an exception in the form of the policy file, as a short text."""
    packages = exception["packages"]
    more = f" and {len(packages) - 1} more" if len(packages) > 1 else ""
    return f"{packages[0]}{exception.get('versions', '')}{more}"
