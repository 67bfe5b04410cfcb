"""From a record in OSV's format to what it says about projects of PyPI."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime

import msgspec

from wheelyard_server.errors import NotFoundError
from wheelyard_server.feed import Record
from wheelyard_server.feed.osv_format import OsvAffected, OsvEvent, OsvRange, OsvRecord, OsvSeverity
from wheelyard_server.feed.ranges import Affected, affected_by
from wheelyard_server.feed.severities import severity_of
from wheelyard_server.names import NormalizedName, parse_project_name
from wheelyard_server.policy.advisories import Advisory
from wheelyard_server.policy.affected_versions import (
    EVERY_VERSION,
    MAX_VERSION_LENGTH,
    AffectedVersions,
    Interval,
    listed,
    readable,
    spelled,
)
from wheelyard_server.policy.moments import in_utc
from wheelyard_server.settings.policy import Severity

ECOSYSTEM = "pypi"
"""In lower case."""
MALWARE = "MAL-"
"""Begins the ids of malware, also those of aliases (https://github.com/ossf/malicious-packages)."""
REVIEWED = ("GHSA-", "PYSEC-")
"""Begin the ids of databases that review their records."""
MAX_RECORD_BYTES = 4 * 1024**2
_MAX_VERSIONS = 50_000
_MAX_EVENTS = 5_000
_MAX_ALIASES = 50
_MAX_DIGESTS = 1_000
_MAX_SUMMARY = 160
_ORDERED = frozenset({"ECOSYSTEM", "SEMVER"})
"""Types of ranges whose versions have an order: in PyPI, both have that of PEP 440."""
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:+-]{0,99}")
_DIGEST = re.compile(r"[0-9A-Fa-f]{64}")
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_DECODER = msgspec.json.Decoder(OsvRecord)


class UnreadableRecordError(Exception):
    """This is not a record, or one that is beyond all bounds."""


def read_record(body: bytes) -> Record:
    """Return what a record says; raise `UnreadableRecordError`."""
    try:
        record = _DECODER.decode(body)
        modified = in_utc(record.modified)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, ValueError, OverflowError) as error:
        raise UnreadableRecordError(str(error)) from error
    if not _ID.fullmatch(record.id):
        raise UnreadableRecordError("an id that cannot be one")
    reader = _Reader(record, modified)
    affected = {} if record.withdrawn else reader.by_name()
    advisories: dict[str, Advisory] = {name: reader.advisory(each) for name, each in affected.items()}
    return Record.of(record.id, modified, advisories, is_odd=reader.is_odd)


class _Reader:
    """Reads the parts of one record."""

    def __init__(self, record: OsvRecord, modified: datetime) -> None:
        self._record = record
        self._modified = modified
        self._aliases = tuple(each for each in record.aliases or () if _ID.fullmatch(each))[:_MAX_ALIASES]
        self.is_odd = False
        """Whether a part could not be read."""

    def by_name(self) -> Mapping[NormalizedName, list[OsvAffected]]:
        """Return the affected parts of PyPI by project. Reporters spell names as they like."""
        found = defaultdict(list)
        for each in self._record.affected or ():
            if each.package is None or each.package.ecosystem.partition(":")[0].lower() != ECOSYSTEM:
                continue
            try:
                found[parse_project_name(each.package.name.strip())].append(each)
            except NotFoundError:
                self.is_odd = True
        return found

    def advisory(self, affected: Sequence[OsvAffected]) -> Advisory:
        """Return what the record says of one project; raise `UnreadableRecordError`."""
        record = self._record
        ids = (record.id, *self._aliases)
        is_malware = any(each.startswith(MALWARE) for each in ids)
        ranges = [affected_by(events) for each in affected for events in _ordered(each.ranges or ())]
        intervals = tuple(dict.fromkeys(interval for each in ranges for interval in each.intervals))
        versions = self._versions(affected, ranges, intervals)
        if EVERY_VERSION in intervals or (is_malware and not (versions or intervals)):
            # A report of malware that names no version means the project.
            intervals = (EVERY_VERSION,)
        return Advisory(
            id=record.id,
            is_malware=is_malware,
            severity=self._severity(affected),
            published=in_utc(record.published) if record.published else self._modified,
            is_reviewed=record.id.startswith(REVIEWED) and self._about("github_reviewed") is not False,
            summary=_UNPRINTABLE.sub(" ", record.summary or "").strip()[:_MAX_SUMMARY],
            aliases=self._aliases,
            modified=self._modified,
            versions=versions,
            intervals=intervals,
            fixed=tuple(dict.fromkeys(version for each in ranges for version in each.fixed)),
            digests=_digests(self._about("iocs")) if is_malware else (),
        )

    def _versions(
        self, affected: Sequence[OsvAffected], ranges: Sequence[Affected], intervals: tuple[Interval, ...]
    ) -> tuple[str, ...]:
        """Return the listed versions that no interval has: OSV lists all of a range's, too."""
        texts = [text for each in affected for text in each.versions or ()]
        if len(texts) > _MAX_VERSIONS or any(len(text) > MAX_VERSION_LENGTH for text in texts):
            raise UnreadableRecordError("more or longer versions than any project has")
        self.is_odd |= any(each.is_odd for each in ranges) or any(readable(text) is None for text in texts)
        unordered = (version for each in ranges for version in each.unreadable)
        between = AffectedVersions((), intervals)
        versions = dict.fromkeys((*map(listed, texts), *unordered))
        return tuple(each for each in versions if each and not between.include(spelled(each)))

    def _severity(self, affected: Sequence[OsvAffected]) -> Severity | None:
        scores = [*(self._record.severity or ()), *(score for each in affected for score in each.severity or ())]
        word = self._about("severity")
        return severity_of(_vectors(scores), word if isinstance(word, str) else "")

    def _about(self, name: str) -> object:
        """Return a member of what the database adds to the format; None if there is none."""
        return _member(self._record.database_specific, name)


def _ordered(ranges: Iterable[OsvRange]) -> Iterator[list[OsvEvent]]:
    """Yield the events of the ranges whose versions have an order; raise `UnreadableRecordError`."""
    for each in ranges:
        events = each.events or []
        if len(events) > _MAX_EVENTS:
            raise UnreadableRecordError("more events than any range has")
        if each.type in _ORDERED:
            yield events


def _vectors(scores: Iterable[OsvSeverity]) -> Iterator[tuple[str, str]]:
    return ((each.type, each.score) for each in scores)


def _digests(indicators: object) -> tuple[str, ...]:
    """Return the digests of files among the indicators of compromise.

    Not those of `malicious-packages-origins`: they are of the reports.
    """
    found = _member(indicators, "sha256")
    texts = found[:_MAX_DIGESTS] if isinstance(found, list) else ()
    return tuple(each.lower() for each in texts if isinstance(each, str) and _DIGEST.fullmatch(each))


def _member(value: object, name: str) -> object:
    return value.get(name) if isinstance(value, dict) else None
