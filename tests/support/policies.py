"""Projects, files, advisories and policies as the tests of rules need them."""

from datetime import UTC, datetime, timedelta

import msgspec

from wheelyard_server.model import File, Project
from wheelyard_server.model.mirror import Mirror, MirroredFile
from wheelyard_server.policy.advisories import NO_ADVISORIES, Advisories, Advisory
from wheelyard_server.policy.affected_versions import Interval, listed
from wheelyard_server.policy.basis import Basis
from wheelyard_server.policy.file_policy import AllowedUpstream, FilePolicy
from wheelyard_server.policy.judge import Judge
from wheelyard_server.policy.quarantine import NO_QUARANTINE, Quarantine
from wheelyard_server.settings.policy import NO_RULES, PolicyRules, Severity, parse_policy

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
URL = "https://upstream.example.com/simple/"
MADE = NOW - timedelta(days=100)
"""When the index first saw the projects."""


def ago(days: float) -> datetime:
    """Return the moment so many days before now."""
    return NOW - timedelta(days=days)


def digest_of(letter: str) -> str:
    """Return a SHA-256 that consists of one hexadecimal digit."""
    return letter * 64


def mirrored(
    filename: str = "demo-1.0-py3-none-any.whl", days: float | None = 30, **fields: object
) -> MirroredFile:
    """Return a file of an upstream, published so many days ago; None: at an unknown time."""
    version = filename.removesuffix(".tar.gz").split("-")[1]
    published = None if days is None else ago(days)
    file = MirroredFile(filename=filename, version=version, path=f"/{filename}", sha256=digest_of("0"))
    return file.replace(upload_time=published, **fields)


def local(filename: str = "demo-1.0-py3-none-any.whl", **fields: object) -> File:
    """Return a file that was just published to this index."""
    file = File(
        filename=filename,
        version=filename.split("-")[1],
        upload_id="1",
        size=1,
        sha256=digest_of("0"),
        upload_time=NOW,
        uploader="ann",
        core_metadata_sha256=digest_of("1"),
    )
    return file.replace(**fields)


def mirror_of(*files: MirroredFile, name: str = "demo", **fields: object) -> Project:
    """Return a project of the upstream `up` with these files."""
    mirror = Mirror(url=URL, made=MADE, fetched=NOW, files=files).replace(**fields)
    return Project(name=name, owner="up", mirror=mirror)


def rules(text: str) -> PolicyRules:
    """Return the rules of a policy in YAML, such as `cooldown: {age: 2d}`."""
    lines = "\n".join(f"  {line}" for line in text.splitlines())
    return parse_policy(f"policy:\n{lines or '  {}'}\n".encode()).policy


def basis(
    applied: PolicyRules = NO_RULES,
    advisories: Advisories = NO_ADVISORIES,
    quarantine: Quarantine = NO_QUARANTINE,
    private: tuple[str, ...] = ("acme-*",),
) -> Basis:
    """Return a basis of an index with the upstream `up` for all names that are not private."""
    policy = FilePolicy((AllowedUpstream("up", URL),), private, applied, index="team/pypi")
    return Basis(policy, advisories, quarantine)


def judge(text: str, project: Project, advisories: Advisories = NO_ADVISORIES, now: datetime = NOW) -> Judge:
    """Return the judge of a project by a policy in YAML."""
    return Judge(project, basis(rules(text), advisories), now)


def advisory(id_: str, **fields: object) -> Advisory:
    """Return an advisory on all versions, published 60 days ago."""
    made = Advisory(
        id=id_,
        is_malware=id_.startswith("MAL-"),
        severity=None if id_.startswith("MAL-") else Severity.CRITICAL,
        published=ago(60),
        is_reviewed=id_.startswith(("GHSA-", "PYSEC-")),
    )
    return msgspec.structs.replace(made, **fields)


def of_versions(*versions: str) -> dict[str, object]:
    """Return the fields of an advisory on these versions only."""
    return {"versions": tuple(map(listed, versions)), "intervals": ()}


def until(version: str) -> dict[str, object]:
    """Return the fields of an advisory on all versions before this one, which fixes them."""
    return {"intervals": (Interval(end=version),), "fixed": (listed(version),)}


def feed(*advisories: Advisory, name: str = "demo") -> Advisories:
    """Return a feed with advisories on one project."""
    digests = {digest: name for each in advisories for digest in each.digests}
    return Advisories("1", {name: advisories}, digests)
