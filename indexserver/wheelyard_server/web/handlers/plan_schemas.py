"""The schemas of the management API that are about planned policies."""

from datetime import UTC, datetime
from typing import Annotated

import msgspec

from wheelyard_server.catalog.fetches.fetch_log import Coverage
from wheelyard_server.catalog.plans import Plan, PlannedChange
from wheelyard_server.policy.verdict import Verdict
from wheelyard_server.settings.policy import MAX_POLICY_BYTES
from wheelyard_server.web.handlers.fetch_schemas import LogCoverage
from wheelyard_server.web.handlers.fetches import MAX_DAYS
from wheelyard_server.web.handlers.management_schemas import ApiStruct

MAX_LOCKED_RELEASES = 20_000


class LockedRelease(ApiStruct, frozen=True):
    """A release that a lock file names."""

    project: Annotated[str, msgspec.Meta(max_length=200)]
    version: Annotated[str, msgspec.Meta(max_length=200)]


class PolicyToPlan(ApiStruct, frozen=True):
    """A policy file that is not in force yet."""

    policy: Annotated[str, msgspec.Meta(max_length=MAX_POLICY_BYTES)]
    """The policy file, in YAML or JSON."""
    releases: Annotated[tuple[LockedRelease, ...], msgspec.Meta(max_length=MAX_LOCKED_RELEASES)] = ()
    """Those of lock files, in addition to files that were fetched."""
    days: Annotated[int, msgspec.Meta(ge=1, le=MAX_DAYS)] = 30
    """Files that were fetched in so many days count, today included."""


class Decision(ApiStruct, frozen=True):
    """A verdict on a file."""

    is_served: bool
    is_listed: bool
    rule: str | None
    """The rule that refuses or hides the file."""
    reason: str
    until: datetime | None
    """When the verdict changes by itself."""
    reported: tuple[str, ...]
    """Rules that only report."""

    @classmethod
    def of(cls, verdict: Verdict) -> "Decision":
        """Describe a verdict."""
        return cls(
            is_served=verdict.is_served,
            is_listed=verdict.is_listed,
            rule=verdict.rule and verdict.rule.value,
            reason=verdict.reason,
            until=verdict.until,
            reported=tuple(rule.value for rule in verdict.reported),
        )


class FileChange(ApiStruct, frozen=True):
    """A file, or a whole name, whose verdict would change."""

    project: str
    version: str
    filename: str
    """Empty if the whole name is meant."""
    is_blocked: bool
    """Whether something that was fetched, or that a lock file names, could no longer be had."""
    fetches: int
    last: datetime | None
    """The last fetch."""
    is_locked: bool
    """Whether a lock file names its release."""
    before: Decision
    after: Decision

    @classmethod
    def of(cls, change: PlannedChange) -> "FileChange":
        """Describe a change."""
        return cls(
            project=change.project,
            version=change.version,
            filename=change.filename,
            is_blocked=change.is_blocked,
            fetches=change.fetches,
            last=datetime.fromtimestamp(change.last, UTC) if change.last else None,
            is_locked=change.is_locked,
            before=Decision.of(change.before),
            after=Decision.of(change.after),
        )


class PolicyPlan(ApiStruct, frozen=True):
    """Everything that a policy file would change, the files that it would block first."""

    blocked: int
    """Files and names that would be blocked although they are used."""
    checked: int
    """Files that were compared."""
    changes: tuple[FileChange, ...]
    unknown: tuple[LockedRelease, ...]
    """Releases of lock files that this index does not know: only the rules about names were applied."""
    omitted_projects: int
    """Projects that were not compared, since there are too many."""
    omitted_changes: int
    """Changes beyond the bound of the answer."""
    coverage: LogCoverage

    @classmethod
    def of(cls, plan: Plan, coverage: Coverage) -> "PolicyPlan":
        """Describe a plan."""
        return cls(
            blocked=plan.blocked,
            checked=plan.checked,
            changes=tuple(map(FileChange.of, plan.changes)),
            unknown=tuple(LockedRelease(project=each.project, version=each.version) for each in plan.unknown),
            omitted_projects=plan.omitted_projects,
            omitted_changes=plan.omitted_changes,
            coverage=LogCoverage.of(coverage),
        )
