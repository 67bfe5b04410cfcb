"""Reports for other tools: vulnerabilities as SARIF 2.1.0, fetched releases as CycloneDX 1.6.

https://docs.oasis-open.org/sarif/sarif/v2.1.0/, https://cyclonedx.org/docs/1.6/json/
"""

import uuid
from collections.abc import Iterable
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any
from urllib.parse import quote

from wheelyard_server.catalog.exposures import Exposure, Exposures, FetchedRelease
from wheelyard_server.policy.advisories import Advisory
from wheelyard_server.settings.policy import Severity

SARIF_TYPE = "application/sarif+json"
CYCLONEDX_TYPE = "application/vnd.cyclonedx+json"

_SARIF_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_LEVELS = {None: "warning", Severity.LOW: "note", Severity.MEDIUM: "warning"}
_SCORES = {Severity.LOW: "3.0", Severity.MEDIUM: "5.5", Severity.HIGH: "8.0", Severity.CRITICAL: "9.5"}
"""Scores within the bands of a severity, by which code scanning sorts."""
_MALWARE_SCORE = "10.0"


def sarif(found: Exposures) -> dict[str, Any]:
    """Return the vulnerabilities as a SARIF log with one run."""
    advisories = {each.advisory.id: each.advisory for each in found.found}
    numbers = {id_: number for number, id_ in enumerate(advisories)}
    driver = {
        "name": "Wheelyard",
        "version": version("wheelyard"),
        "rules": [_rule(each) for each in advisories.values()],
    }
    results = [_result(each, numbers[each.advisory.id]) for each in found.found]
    run = {"tool": {"driver": driver}, "results": results, "columnKind": "unicodeCodePoints"}
    return {"$schema": _SARIF_SCHEMA, "version": "2.1.0", "runs": [run]}


def _rule(advisory: Advisory) -> dict[str, Any]:
    score = _MALWARE_SCORE if advisory.is_malware else _SCORES.get(advisory.severity) if advisory.severity else None
    properties: dict[str, Any] = {"tags": ["security", "malware" if advisory.is_malware else "vulnerability"]}
    if score is not None:
        properties["security-severity"] = score
    return {
        "id": advisory.id,
        "shortDescription": {"text": advisory.summary or advisory.id},
        "properties": properties,
    }


def _result(exposure: Exposure, rule: int) -> dict[str, Any]:
    release, advisory = exposure
    name = f"{release.project}=={release.version}"
    fix = f" Fixed in {', '.join(advisory.fixed)}." if advisory.fixed else ""
    text = f"{name} was fetched {release.fetches} times. {advisory.id}: {advisory.summary or 'no summary'}.{fix}"
    return {
        "ruleId": advisory.id,
        "ruleIndex": rule,
        "level": "error" if advisory.is_malware else _LEVELS.get(advisory.severity, "error"),
        "message": {"text": text},
        "locations": [
            {
                "physicalLocation": {"artifactLocation": {"uri": _purl(release)}},
                "logicalLocations": [{"fullyQualifiedName": name, "kind": "package"}],
            }
        ],
        "partialFingerprints": {"release/v1": f"{name} {advisory.id}"},
    }


def cyclonedx(found: Exposures) -> dict[str, Any]:
    """Return everything that was fetched as a CycloneDX BOM, with its vulnerabilities."""
    own = {"type": "application", "name": "wheelyard", "version": version("wheelyard")}
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid4()}",
        "version": 1,
        "metadata": {
            "timestamp": datetime.now(UTC).isoformat(timespec="seconds"),
            "tools": {"components": [own]},
        },
        "components": [_component(each) for each in found.releases],
        "vulnerabilities": _vulnerabilities(found.found),
    }


def _component(release: FetchedRelease) -> dict[str, Any]:
    digests = sorted({each.file.sha256 for each in release.files if each.file.sha256})
    properties = [
        {"name": "wheelyard:fetches", "value": str(release.fetches)},
        {"name": "wheelyard:lastFetch", "value": datetime.fromtimestamp(release.last, UTC).isoformat()},
        {"name": "wheelyard:owner", "value": release.upstream or "this index"},
        *({"name": "wheelyard:sha256", "value": digest} for digest in digests),
    ]
    component = {
        "type": "library",
        "bom-ref": _purl(release),
        "name": release.project,
        "version": release.version,
        "purl": _purl(release),
        "properties": properties,
    }
    # A component has one set of digests: that of the only file that was fetched.
    return {**component, "hashes": [{"alg": "SHA-256", "content": digests[0]}]} if len(digests) == 1 else component


def _vulnerabilities(found: Iterable[Exposure]) -> list[dict[str, Any]]:
    """Return each advisory once, with all releases that it concerns."""
    by_id: dict[str, dict[str, Any]] = {}
    for release, advisory in found:
        known = by_id.setdefault(advisory.id, _vulnerability(advisory))
        known["affects"].append({"ref": _purl(release), "versions": [{"version": release.version}]})
    return list(by_id.values())


def _vulnerability(advisory: Advisory) -> dict[str, Any]:
    severity = "critical" if advisory.is_malware else (advisory.severity or "unknown").lower()
    return {
        "bom-ref": advisory.id,
        "id": advisory.id,
        "description": advisory.summary,
        "published": advisory.published.isoformat(),
        "ratings": [{"severity": severity}],
        "references": [{"id": each, "source": {"name": each.partition("-")[0]}} for each in advisory.aliases],
        "affects": [],
    }


def _purl(release: FetchedRelease) -> str:
    """Return the package URL; one of this index's own is not the package of that name elsewhere."""
    name = f"pkg:pypi/{quote(release.project)}"
    qualifier = "" if release.upstream else "?repository_url=urn:wheelyard"
    return f"{name}@{quote(release.version)}{qualifier}" if release.version else f"{name}{qualifier}"
