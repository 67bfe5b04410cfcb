"""The policy file: which files of other indexes, and of this one, are offered.

It has the form of `spec.policy` of a PackageIndex, so that a person writes the same on a laptop.
The server reads it again when it changes.
"""

import re
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import Annotated

import msgspec
from packaging.specifiers import InvalidSpecifier, SpecifierSet

from wheelyard_server.errors import InvalidSettingsError
from wheelyard_server.settings import decode_yaml
from wheelyard_server.settings.part import DIGEST, DURATION, Glob, SettingsPart
from wheelyard_server.settings.upstreams import Names, UpstreamName
from wheelyard_server.settings.yaml_loaders import PlainWords

MAX_POLICY_BYTES = 1024**2
MAX_RELEASES = 1_000
MAX_EXCEPTIONS = 1_000
MAX_GLOBS = 100
MAX_REASON_LENGTH = 200
MAX_SPECIFIERS_LENGTH = 200

_DURATION = re.compile(DURATION)
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}

Duration = Annotated[str, msgspec.Meta(pattern=DURATION)]
"""A whole number and one unit: 30s, 10m, 4h or 7d. See `seconds_of`."""
Specifiers = Annotated[str, msgspec.Meta(max_length=MAX_SPECIFIERS_LENGTH)]
"""Version specifiers (PEP 440), such as `<4` or `>=2,<3`; "" is every version."""
Reason = Annotated[str, msgspec.Meta(max_length=MAX_REASON_LENGTH)]
"""One sentence for the people whose files are refused or let in."""
Digest = Annotated[str, msgspec.Meta(pattern=DIGEST)]
"""A SHA-256 in lower-case hex."""
Globs = Annotated[tuple[Glob, ...], msgspec.Meta(max_length=MAX_GLOBS)]


class Until(datetime):
    """The end of an exception: the first moment at which it no longer counts, in UTC.

    It is written as a last day, such as 2026-12-15, in UTC, or as a moment (RFC 3339).
    """

    @classmethod
    def parse(cls, value: object) -> "Until":
        """Make it of a text or of a date of YAML; raise ValueError."""
        text = value.isoformat() if isinstance(value, date) else str(value)
        try:
            moment = cls.fromisoformat(text)
        except ValueError:
            raise ValueError(
                f"`until` {text} is neither a day such as 2026-12-15 nor a moment such as 2026-12-15T10:00:00Z"
            ) from None
        try:
            if re.fullmatch(r"\d{4}-\d\d-\d\d", text):
                return moment.replace(tzinfo=UTC) + timedelta(days=1)
            if moment.tzinfo is None:
                raise ValueError(f"`until` {text} needs an offset from UTC, such as Z")
            return moment.astimezone(UTC)
        except OverflowError:
            raise ValueError(f"`until` {text} is out of range, which ends at 9999-12-30") from None


class Action(StrEnum):
    """What a rule does with the files that it objects to."""

    BLOCK = "Block"
    """They are refused."""
    REPORT = "Report"
    """They are served, and counted and logged as if they were refused: a dry run."""
    OFF = "Off"
    """The rule is not applied."""


class FirstSight(StrEnum):
    """The age of files without an upload time that were there when this index first saw their project."""

    WAIT = "Wait"
    """They are as old as this index's knowledge of them."""
    SETTLED = "Settled"
    """They count as old. Later files wait."""


class Severity(StrEnum):
    """The severity of a vulnerability, as CVSS rates it."""

    LOW = "Low"
    MEDIUM = "Medium"
    HIGH = "High"
    CRITICAL = "Critical"


class Format(StrEnum):
    """The type of a file."""

    WHEEL = "wheel"
    SDIST = "sdist"
    OTHER = "other"
    """Such as an egg or an installer."""


class UnknownLicense(StrEnum):
    """The action on files whose license is unknown."""

    ALLOW = "Allow"
    BLOCK = "Block"


class ExceptableRule(StrEnum):
    """The rules that an exception may lift."""

    COOLDOWN = "cooldown"
    DENY = "deny"
    ALLOW = "allow"
    MALWARE = "malware"
    VULNERABILITIES = "vulnerabilities"
    LICENSES = "licenses"
    FORMATS = "formats"
    PROVENANCE = "provenance"


class Cooldown(SettingsPart, frozen=True):
    """Files of upstreams wait until they have reached an age."""

    action: Action = Action.BLOCK
    age: Duration = "7d"
    fixes: Duration | None = None
    """The age for versions that fix a reviewed advisory (GHSA, PYSEC); None: they wait as all others."""
    first_sight: Annotated[dict[UpstreamName, FirstSight], msgspec.Meta(max_length=100)] = msgspec.field(
        default_factory=dict
    )
    """By upstream: how files without an upload time count that were there from the beginning."""


class Releases(SettingsPart, frozen=True):
    """Projects, and versions of them."""

    packages: Globs = ()
    """Globs on normalized names."""
    versions: Specifiers = ""

    def __post_init__(self) -> None:
        _check_specifiers(self.versions)


class Denied(Releases, frozen=True):
    """Files that are refused: those of `packages` in `versions`, and those with a digest."""

    sha256: Annotated[tuple[Digest, ...], msgspec.Meta(max_length=MAX_RELEASES)] = ()
    reason: Reason = ""
    action: Action = Action.BLOCK

    def __post_init__(self) -> None:
        _check_specifiers(self.versions)
        if not (self.packages or self.sha256):
            raise ValueError("an entry of `deny` needs `packages` or `sha256`")


class Allowed(SettingsPart, frozen=True):
    """The only releases of upstreams that are offered."""

    action: Action = Action.BLOCK
    releases: Annotated[tuple[Releases, ...], msgspec.Meta(max_length=MAX_RELEASES)] = ()


class Malware(SettingsPart, frozen=True):
    """Files that an advisory calls malicious."""

    action: Action = Action.BLOCK
    require_feed: bool = False
    """Whether no file of an upstream is offered before there are advisories."""


class Vulnerabilities(SettingsPart, frozen=True):
    """Files with a vulnerability that is known for some time."""

    action: Action = Action.OFF
    severity: Severity = Severity.CRITICAL
    """The least severity."""
    known: Duration = "0s"
    """How long the advisory must be published."""


class Licenses(SettingsPart, frozen=True):
    """Files by their license expression (PEP 639)."""

    action: Action = Action.OFF
    allow: Annotated[tuple[str, ...], msgspec.Meta(max_length=MAX_GLOBS)] = ()
    """Globs on SPDX license identifiers; empty: every one that is not denied."""
    deny: Annotated[tuple[str, ...], msgspec.Meta(max_length=MAX_GLOBS)] = ()
    unknown: UnknownLicense = UnknownLicense.ALLOW


class Formats(SettingsPart, frozen=True):
    """Files of upstreams by their type."""

    action: Action = Action.OFF
    allow: tuple[Format, ...] = (Format.WHEEL,)


class Provenance(SettingsPart, frozen=True):
    """A project whose publisher was attested (PEP 740) may not come from another one, or from none."""

    action: Action = Action.OFF
    packages: Globs = ("*",)


class PolicyException(Releases, frozen=True, kw_only=True):
    """Releases that some rules do not refuse for a while."""

    rules: Annotated[tuple[ExceptableRule, ...], msgspec.Meta(min_length=1)] = msgspec.field(name="from")
    until: Until
    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_REASON_LENGTH)]
    approved_by: Annotated[str, msgspec.Meta(max_length=MAX_REASON_LENGTH)] = ""
    advisories: Annotated[tuple[str, ...], msgspec.Meta(max_length=MAX_GLOBS)] = ()
    """Ids of advisories that are lifted; empty: all of them."""
    source: str = ""
    """The PackageException that asks for it, as `<namespace>/<name>`; "" if the index itself does."""

    def __post_init__(self) -> None:
        _check_specifiers(self.versions)
        if not self.packages:
            raise ValueError("an exception needs `packages`")
        # A plain one, which can be encoded.
        plain = datetime.combine(self.until.date(), self.until.timetz())
        msgspec.structs.force_setattr(self, "until", plain)


class PolicyRules(SettingsPart, frozen=True):
    """All rules. The defaults are those of an index with upstreams."""

    cooldown: Cooldown = Cooldown()
    deny: Annotated[tuple[Denied, ...], msgspec.Meta(max_length=MAX_RELEASES)] = ()
    allow: Allowed | None = None
    """None: everything that no other rule refuses."""
    malware: Malware = Malware()
    vulnerabilities: Vulnerabilities = Vulnerabilities()
    licenses: Licenses = Licenses()
    formats: Formats = Formats()
    provenance: Provenance = Provenance()
    exceptions: Annotated[tuple[PolicyException, ...], msgspec.Meta(max_length=MAX_EXCEPTIONS)] = ()


class PolicyFile(SettingsPart, frozen=True):
    """The whole policy file."""

    names: Names = Names()
    """In addition to those of `index.yaml`."""
    policy: PolicyRules = PolicyRules()


NO_RULES = PolicyRules(cooldown=Cooldown(action=Action.OFF), malware=Malware(action=Action.OFF))
"""The rules of a server without a policy file."""


def parse_policy(text: bytes) -> PolicyFile:
    """Parse a policy file, YAML or JSON; raise an `InvalidSettingsError` that names the key."""
    if len(text) > MAX_POLICY_BYTES:
        raise InvalidSettingsError(f"policy.yaml has {len(text)} bytes, more than {MAX_POLICY_BYTES}")
    return decode_yaml(text, PolicyFile, "policy.yaml", PlainWords)


def seconds_of(duration: Duration) -> int:
    """Return the seconds of a duration."""
    found = _DURATION.fullmatch(duration)
    if found is None:
        raise ValueError(f"{duration!r} is not a duration such as 4h or 7d")
    return int(found[1]) * _UNITS[found[2]]


def _check_specifiers(versions: str) -> None:
    try:
        SpecifierSet(versions)
    except InvalidSpecifier:
        raise ValueError(f"{versions!r} are no version specifiers such as >=2,<3") from None
