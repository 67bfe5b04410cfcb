"""The cooldown: files of upstreams wait until they have reached an age.

The clock is the upload time of the file, not of its version: a wheel that is added to an old
version is young. Without an upload time it is the first sight by this index (U8, T30).
"""

from collections.abc import Iterator
from datetime import datetime
from functools import cache, partial

from wheelyard_server.model.mirror import Mirror, MirroredFile
from wheelyard_server.policy.case import Case, MirrorCheck, MirrorRule, time_of
from wheelyard_server.policy.moments import BEGINNING_OF_TIME, END_OF_TIME, aware, earlier, later, shown
from wheelyard_server.policy.objection import Objection
from wheelyard_server.policy.sentences import plain
from wheelyard_server.policy.verdict import Rule
from wheelyard_server.settings.policy import Duration, FirstSight, seconds_of

RELEASE_SECONDS = 86_400
"""Time in which all files of a release are published."""


def cooldown(case: Case, mirror: Mirror, now: datetime) -> MirrorCheck:
    """Object to files until they are old enough, and not to those that are so now."""
    rule = case.rules.cooldown
    old_since, waits = earlier(now, seconds_of(rule.age)), partial(_waits, age=rule.age)
    fixes = _least(rule.age, rule.fixes)
    fixed_since, fix_waits = earlier(now, seconds_of(fixes)), partial(_waits, age=fixes)
    settled_at = mirror.made if rule.first_sight.get(case.project.owner) is FirstSight.SETTLED else None
    exposed = cache(lambda version: _exposed(case, mirror, version))
    released = cache(lambda version: _released(mirror, version))

    def check(file: MirroredFile) -> MirrorRule | None:
        published = file.upload_time or file.first_seen
        if published is None:
            return _undecidable
        if published.tzinfo is None:
            published = aware(published)
        if published <= old_since or (file.upload_time is None and published == settled_at):
            return None
        if fixes == rule.age or not exposed(file.version) <= published <= released(file.version):
            return waits
        return fix_waits if published > fixed_since else None

    return check


def _waits(case: Case, file: MirroredFile, age: Duration) -> Iterator[Objection]:
    published = time_of(file)
    until = later(published, seconds_of(age))
    verb = "published" if file.upload_time else "first seen"
    text = f"{plain(file.filename)} was {verb} at {shown(published)} and waits {age}, until {shown(until)}"
    yield case.exceptable(Objection(Rule.COOLDOWN, text, case.rules.cooldown.action, until=until), file)


def _undecidable(case: Case, file: MirroredFile) -> Iterator[Objection]:
    text = f"{plain(file.filename)} has neither an upload time nor a first sight, so its age is unknown"
    yield case.exceptable(Objection(Rule.COOLDOWN, text, case.rules.cooldown.action), file)


def _least(age: Duration, other: Duration | None) -> Duration:
    return age if other is None else min(age, other, key=seconds_of)


def _exposed(case: Case, mirror: Mirror, version: str) -> datetime:
    """Return since when this index has permitted a version with a vulnerability that `version` fixes.

    It is the end of time if there is none: an update that merely claims to be a fix waits as all
    others. An attacker with the token of a project cannot make a reviewed advisory call a version
    its fix.
    """
    name, advisories = case.project.name, case.basis.advisories
    fixed = {advisory.id for advisory in advisories.fixed_by(name, version)} if version else set()
    if not fixed:
        return END_OF_TIME
    is_affected = cache(lambda other: any(each.id in fixed for each in advisories.affecting(name, other)))
    return min((_permitted(case, file) for file in mirror.files if is_affected(file.version)), default=END_OF_TIME)


def _released(mirror: Mirror, version: str) -> datetime:
    """Return until when files of a version count as parts of its release.

    An attacker with the token of a project can add a file to an old fix: it must not count as one.
    """
    first = min(time_of(file) for file in mirror.files if file.version == version)
    return later(first, RELEASE_SECONDS)


def _permitted(case: Case, file: MirroredFile) -> datetime:
    """Return when the cooldown has let a file in, by its age or by an exception."""
    published = aware(file.published or BEGINNING_OF_TIME)
    if case.exception(Rule.COOLDOWN, file.version) is not None:
        return published
    return later(published, seconds_of(case.rules.cooldown.age))
