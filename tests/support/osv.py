"""Made records in the format of OSV (schema 1.7), and exports of them. None is a real advisory."""

import io
import json
import random
import zipfile
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

START = datetime(2026, 11, 1, tzinfo=UTC)
CRITICAL = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"
MEDIUM = "CVSS:3.1/AV:N/AC:H/PR:N/UI:N/S:C/C:H/I:N/A:N"

OsvJson = dict[str, Any]


def stamp(moment: datetime) -> str:
    """Spell a moment as OSV does."""
    return moment.isoformat().replace("+00:00", "Z")


def events(*pairs: tuple[str, str]) -> list[dict[str, str]]:
    """Return the events of a range, such as ("introduced", "0")."""
    return [{kind: version} for kind, version in pairs]


def affected(name: str, versions: Iterable[str] = (), *ranges: list[dict[str, str]], **more: Any) -> OsvJson:
    """Return what a record says of one project."""
    found: OsvJson = {
        "package": {"ecosystem": "PyPI", "name": name, "purl": f"pkg:pypi/{name}"},
        "ranges": [{"type": "ECOSYSTEM", "events": each} for each in ranges],
        "versions": list(versions),
        "database_specific": {"source": f"https://osv.example.com/{name}.json"},
    }
    return {**found, **more}


def record(identifier: str, *parts: OsvJson, modified: datetime = START, **more: Any) -> OsvJson:
    """Return a record with the fields that all of OSV's have."""
    found: OsvJson = {
        "id": identifier,
        "modified": stamp(modified),
        "published": stamp(modified),
        "schema_version": "1.7.3",
        "summary": f"Summary of {identifier}",
        "details": "Details that are of no use here. " * 8,
        "affected": list(parts),
        "references": [{"type": "WEB", "url": f"https://osv.example.com/{identifier}"}],
    }
    return {**found, **more}


def malware(identifier: str, name: str, *versions: str, **more: Any) -> OsvJson:
    """Return a report of malware: of these versions, or of all of them."""
    ranges = [] if versions else [events(("introduced", "0"))]
    origin = {"source": "made", "sha256": "0" * 64, "import_time": stamp(START), "versions": list(versions)}
    about = {"malicious-packages-origins": [origin]}
    return record(
        identifier, affected(name, versions, *ranges), **{"severity": None, "database_specific": about, **more}
    )


def vulnerability(identifier: str, name: str, *, fixed: str, vector: str = CRITICAL, **more: Any) -> OsvJson:
    """Return a vulnerability of all versions before a fix."""
    part = affected(name, (), events(("introduced", "0"), ("fixed", fixed)))
    return record(identifier, part, severity=[{"type": "CVSS_V3", "score": vector}], **more)


def withdrawn(made: OsvJson, at: datetime) -> OsvJson:
    """Return a record as it is after its withdrawal."""
    return {**made, "withdrawn": stamp(at), "modified": stamp(at)}


def odd_records() -> Iterator[OsvJson]:
    """Yield a record of each kind that a reader must get right."""
    yield malware("MAL-2026-1", "Evil_Package", "1.0", "1.0.1")
    yield malware("MAL-2026-2", "all.versions")
    yield withdrawn(malware("MAL-2026-3", "innocent"), START)
    yield malware("MAL-2026-4", "odd-versions", "2004d", "v1.0.0", "1.0-beta.1", "not a version")
    yield malware("GHSA-aaaa-bbbb-cccc", "aliased", "3.1", aliases=["MAL-2026-5"])
    yield record("MAL-2026-6", affected("nothing-said"))
    yield vulnerability("GHSA-2222-3333-4444", "flask", fixed="2.3.2", aliases=["CVE-2026-1"])
    part = affected("django", (), events(("introduced", "4.0"), ("fixed", "4.2.1"), ("introduced", "5.0")))
    yield record("PYSEC-2026-7", part, database_specific={"severity": "MODERATE"})
    yield record("PYSEC-2026-8", affected("last", (), events(("introduced", "0"), ("last_affected", "1.2"))))
    yield record("PYSEC-2026-9", affected("zlib", ecosystem_specific={}), affected("two", ["1.0"]))
    yield {**record("GHSA-npm0-npm0-npm0"), "affected": [{"package": {"ecosystem": "npm", "name": "flask"}}]}


def export(records: Iterable[OsvJson], *, others: dict[str, bytes] | None = None) -> bytes:
    """Return the archive of these records, and of files with other content."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for each in records:
            archive.writestr(f"{each['id']}.json", json.dumps(each))
        for name, body in (others or {}).items():
            archive.writestr(name, body)
    return target.getvalue()


def listing(records: Iterable[OsvJson]) -> bytes:
    """Return the list of changes, the last one first."""
    lines = sorted((f"{each['modified']},{each['id']}" for each in records), reverse=True)
    return "".join(f"{line}\n" for line in lines).encode()


def as_many_as_osv(seed: int = 1, malicious: int = 14_000, others: int = 20_000) -> Iterator[OsvJson]:
    """Yield as many records of PyPI as OSV has in 2026, with lists of versions as long as real ones."""
    chance = random.Random(seed)  # noqa: S311 - made data
    for number in range(malicious):
        versions = [] if chance.random() < 0.6 else [f"{chance.randint(0, 3)}.0.{each}" for each in range(3)]
        yield malware(f"MAL-{2022 + number % 5}-{number}", f"evil-{number:x}-package", *versions)
    popular = [f"popular-{number}" for number in range(5_000)]
    for number in range(others):
        name = popular[int(len(popular) * chance.random() ** 3)]
        moment = START - timedelta(hours=number)
        yield _vulnerability_like_osv(chance, number, name, moment)


def _vulnerability_like_osv(chance: random.Random, number: int, name: str, moment: datetime) -> OsvJson:
    count = min(int(chance.expovariate(1 / 60)) + 1, 1_500)
    versions = [f"{each // 20}.{each % 20}.{chance.randint(0, 4)}" for each in range(count)]
    fixed = f"{count // 20 + 1}.0.0"
    ordered = events(("introduced", "0"), ("fixed", fixed))
    # One in three has commits in place of a range, so that its versions are all that there is.
    ranges = [ordered] if number % 3 else []
    part = affected(name, versions, *ranges)
    part["ranges"].append({"type": "GIT", "repo": "https://git.example.com/x", "events": [{"introduced": "0"}]})
    source = "GHSA" if number % 2 else "PYSEC"
    scores = [{"type": "CVSS_V3", "score": chance.choice((CRITICAL, MEDIUM))}]
    return record(f"{source}-2026-{number}", part, modified=moment, severity=scores, aliases=[f"CVE-2026-{number}"])
