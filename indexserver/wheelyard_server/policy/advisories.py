"""Advisories: the malware and the vulnerabilities that are known, as a value."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import lru_cache
from types import MappingProxyType

import msgspec

from wheelyard_server.policy.affected_versions import EVERY_VERSION, AffectedVersions, Interval, listed, spelled
from wheelyard_server.settings.policy import Severity

_MAX_COMPILED = 256
"""Projects whose advisories are kept decoded: those that were asked for last."""
_MAX_ANSWERS = 4096
"""Versions of a project whose advisories are kept."""


class Advisory(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What one record (OSV) says of one project. Records that are withdrawn have none."""

    id: str
    """Such as MAL-2026-1 or GHSA-xxxx-xxxx-xxxx."""
    is_malware: bool
    severity: Severity | None
    """None if the record has none."""
    published: datetime
    """UTC."""
    is_reviewed: bool
    """Whether its source reviews records, so that what it calls fixed is a fix."""
    summary: str = ""
    """One line of the record's author, who may be anyone."""
    aliases: tuple[str, ...] = ()
    """Ids of the same in other databases, such as CVE-2026-1."""
    modified: datetime | None = None
    """When the feed last changed the record, in UTC."""
    versions: tuple[str, ...] = ()
    """Affected versions outside of the intervals, in the form of `listed`."""
    intervals: tuple[Interval, ...] = (EVERY_VERSION,)
    fixed: tuple[str, ...] = ()
    """Versions that fix it, in the form of `listed`."""
    digests: tuple[str, ...] = ()
    """SHA-256 of files that are malware, if the record lists any."""


class PackedAdvisories(Mapping[str, tuple[Advisory, ...]]):
    """Advisories by project, decoded when they are asked for: all of OSV's take 10 MiB instead of 200."""

    def __init__(self, layers: tuple[Mapping[str, bytes], ...]) -> None:
        """Take the encoded advisories by name; the first layer that has a name counts."""
        self._layers = layers

    def __getitem__(self, name: str) -> tuple[Advisory, ...]:
        """Return the advisories of a project."""
        for layer in self._layers:
            if (packed := layer.get(name)) is not None:
                return unpacked(packed)
        raise KeyError(name)

    def __contains__(self, name: object) -> bool:
        """Return whether there are advisories of a project, or were."""
        return any(name in layer for layer in self._layers)

    def __iter__(self) -> Iterator[str]:
        """Yield the names."""
        return iter({name: None for layer in reversed(self._layers) for name in layer})

    def __len__(self) -> int:
        """Return the number of names."""
        return sum(1 for _ in self)


_DECODER = msgspec.msgpack.Decoder(tuple[Advisory, ...])
_ONE_DECODER = msgspec.msgpack.Decoder(Advisory)
_PARTS_DECODER = msgspec.msgpack.Decoder(tuple[msgspec.Raw, ...])
_ENCODER = msgspec.msgpack.Encoder()


def packed_one(advisory: Advisory) -> bytes:
    """Return one advisory as `joined` takes it."""
    return _ENCODER.encode(advisory)


def unpacked_one(body: bytes) -> Advisory:
    """Return what `packed_one` packed; raise `msgspec.MsgspecError`."""
    return _ONE_DECODER.decode(body)


def joined(parts: tuple[bytes, ...]) -> bytes:
    """Return the advisories of a project, given packed one by one, as `PackedAdvisories` has them."""
    return _ENCODER.encode(tuple(map(msgspec.Raw, parts)))


def parted(body: bytes) -> tuple[bytes, ...]:
    """Return the advisories that were joined, one by one."""
    return tuple(map(bytes, _PARTS_DECODER.decode(body)))


def unpacked(body: bytes) -> tuple[Advisory, ...]:
    """Return the advisories that were joined; raise `msgspec.MsgspecError`."""
    return _DECODER.decode(body)


class Advisories:
    """All advisories of one feed at one moment."""

    def __init__(
        self,
        revision: str = "",
        by_name: Mapping[str, tuple[Advisory, ...]] = MappingProxyType({}),
        digests: Mapping[str, str] = MappingProxyType({}),
        *,
        are_lost: bool = False,
    ) -> None:
        """`digests` has the project whose advisories name a digest as malware."""
        self.revision = revision
        """Differs for each state of the feed; "" if there never was one."""
        self.are_lost = are_lost
        """Whether there are advisories that this server cannot read: then it knows none, though files may be
        blocked elsewhere."""
        self._by_name = by_name
        self.digests = digests
        """The project whose advisories name a digest as malware, by digest."""
        self._of = lru_cache(_MAX_COMPILED)(self._compiled)

    @property
    def are_known(self) -> bool:
        """Return whether there was ever a feed."""
        return bool(self.revision)

    def has(self, name: str) -> bool:
        """Return whether any advisory concerns a project. Takes at most 1 us."""
        return name in self._by_name

    def of(self, name: str) -> tuple[Advisory, ...]:
        """Return all advisories of a project, whatever the version, malware first."""
        return self._of(name).advisories if self.has(name) else ()

    def affecting(self, name: str, version: str) -> tuple[Advisory, ...]:
        """Return the advisories that a version of a project is affected by, malware first."""
        return self._of(name).affecting(version) if self.has(name) else ()

    def concerning(self, name: str, version: str) -> tuple[Advisory, ...]:
        """Return the advisories that may concern a file: those of its version, or all if it has none."""
        return self.affecting(name, version) if version else self.of(name)

    def fixed_by(self, name: str, version: str) -> tuple[Advisory, ...]:
        """Return the advisories of reviewed sources that call this version their fix."""
        return self._of(name).fixed_by(listed(version)) if self.has(name) else ()

    def malware_with(self, sha256: str) -> Advisory | None:
        """Return the advisory that names this digest as malware, whatever the project."""
        name = self.digests.get(sha256)
        return next((each for each in self.of(name) if sha256 in each.digests), None) if name else None

    def _compiled(self, name: str) -> "_OfProject":
        return _OfProject(self._by_name.get(name, ()))


class _OfProject:
    """The advisories of one project."""

    def __init__(self, advisories: tuple[Advisory, ...]) -> None:
        self.advisories = tuple(sorted(advisories, key=lambda each: (not each.is_malware, each.id)))
        self._affected = [(each, AffectedVersions(each.versions, each.intervals)) for each in self.advisories]
        self._answers: dict[str, tuple[Advisory, ...]] = {}

    def affecting(self, version: str) -> tuple[Advisory, ...]:
        """Return the advisories of a version. A project has many files of each."""
        known = self._answers.get(version)
        if known is None:
            wanted = spelled(version)
            known = tuple(each for each, affected in self._affected if affected.include(wanted))
            if len(self._answers) >= _MAX_ANSWERS:
                self._answers.clear()
            self._answers[version] = known
        return known

    def fixed_by(self, version: str) -> tuple[Advisory, ...]:
        """Return the reviewed advisories that this version fixes."""
        return tuple(
            each for each in self.advisories if each.is_reviewed and not each.is_malware and version in each.fixed
        )


NO_ADVISORIES = Advisories()
