"""The result of a decision about a file."""

from datetime import datetime
from enum import StrEnum
from typing import NamedTuple


class Rule(StrEnum):
    """What a verdict is based on, in the order in which rules precede each other.

    The names never change: people write them into exceptions.
    """

    OWNER = "owner"
    """The name belongs to another owner: an upstream that is no longer asked for it."""
    PRIVATE = "private"
    """The name is private, so nothing of an upstream is offered under it."""
    STATUS = "status"
    """The project's status (PEP 792) offers no files."""
    DIGEST = "digest"
    """The upstream lists other bytes under this filename than before."""
    QUARANTINE = "quarantine"
    """A person has quarantined it, see `policy.quarantine`."""
    DENY = "deny"
    ALLOW = "allow"
    MALWARE = "malware"
    VULNERABILITIES = "vulnerabilities"
    LICENSES = "licenses"
    FORMATS = "formats"
    PROVENANCE = "provenance"
    COOLDOWN = "cooldown"
    GONE = "gone"
    """The upstream no longer lists the file."""


class Verdict(NamedTuple):
    """Whether a file is offered, and why not."""

    is_listed: bool = True
    """Whether pages list the file. A file that is not served is never listed: ADR 0047."""
    is_served: bool = True
    """Whether the file can be downloaded. A file that is gone is served, but not listed."""
    rule: Rule | None = None
    reason: str = ""
    """One sentence for the person who asks for the file; "" if it is listed and served."""
    until: datetime | None = None
    """When the verdict changes without anybody's doing, in UTC. A permitted file may have one, too."""
    advisories: tuple[str, ...] = ()
    """Ids of the advisories that it is based on."""
    reported: tuple[Rule, ...] = ()
    """Rules that object, but only report: the file is served all the same."""
    lacks_facts: bool = False
    """Whether it depends on something about the file that was not looked up yet: then it is looked up before
    the file is served, see `catalog.facts`."""
    exception: str = ""
    """Reason of the exception that lets the file in; "" if none is needed."""


PERMITTED = Verdict()
