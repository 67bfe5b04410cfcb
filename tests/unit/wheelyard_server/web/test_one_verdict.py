"""U1, U2, T31: all surfaces have the verdict of `Judge`.

This holds for any policy, quarantine, advisories and time. The surfaces are the pages (HTML, JSON,
JSON API, the list of filenames), the URL of a file with its metadata and provenance, the management
API, and all of them a second time, when the fast lane answers.
"""

import asyncio
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest
from aiohttp.test_utils import TestClient
from hypothesis import strategies as st

from support import distributions
from support.access import ACCESS, OWNER
from support.attestations import attested
from support.http import auth, form
from support.memory_storage import MemoryStorage
from support.mirrored_projects import mirror, never_asked
from support.patience import HANG_SECONDS
from support.policies import advisory, feed, of_versions
from support.properties import given, settings
from support.serving import LimitedServer
from wheelyard_server import app
from wheelyard_server.app import CATALOG
from wheelyard_server.catalog.documents import Documents
from wheelyard_server.model import Project
from wheelyard_server.names import NormalizedName, parse_project_name
from wheelyard_server.policy.advisories import NO_ADVISORIES, Advisories
from wheelyard_server.policy.judge import Judge
from wheelyard_server.policy.quarantine import Quarantine, Quarantined
from wheelyard_server.policy.verdict import Verdict
from wheelyard_server.settings import Folder, Limits, Settings, StorageSettings
from wheelyard_server.settings.policy import parse_policy
from wheelyard_server.web.front.fast_lane import LANE, FastLane
from wheelyard_server.web.front.request_groups import LaneClient
from wheelyard_server.web.handlers.files import METADATA_SUFFIX, PROVENANCE_SUFFIX
from wheelyard_server.web.http.lifecycle import LIFECYCLE

NOW = datetime.now(UTC).replace(microsecond=0)
JSON = {"Accept": "application/vnd.pypi.simple.v1+json"}
LOCAL, MIRRORED = map(parse_project_name, ("demo", "open-up"))
VERSIONS = ("1.0", "2.0", "3.0")
AGES = {"1.0": 30, "2.0": 8, "3.0": 1}
"""The ages of the mirrored files in days."""


class World(NamedTuple):
    """What verdicts depend on."""

    policy: str
    quarantine: Quarantine
    advisories: Advisories
    moment: datetime


actions = st.sampled_from(["Block", "Report", "'Off'"])
globs = st.sampled_from(["demo", "open-up", "open-*", "'*'", "other"])
specifiers = st.sampled_from(["''", "'==1.0'", "'<3'", "'>=2'"])
days = st.integers(-3, 40)


@st.composite
def policies(draw: st.DrawFn) -> str:
    parts = [f"cooldown: {{action: {draw(actions)}, age: {draw(st.integers(0, 10))}d}}"]
    denied = [
        f"{{packages: [{draw(globs)}], versions: {draw(specifiers)}, action: {draw(actions)}}}"
        for _ in range(draw(st.integers(0, 2)))
    ]
    parts.append(f"deny: [{', '.join(denied)}]")
    parts.append(f"malware: {{action: {draw(actions)}, requireFeed: {str(draw(st.booleans())).lower()}}}")
    parts.append(f"vulnerabilities: {{action: {draw(actions)}, known: {draw(st.integers(0, 90))}d}}")
    parts.append(f"formats: {{action: {draw(actions)}, allow: [{draw(st.sampled_from(['wheel', 'sdist']))}]}}")
    if draw(st.booleans()):
        parts.append(
            f"allow: {{action: {draw(actions)}, releases: [{{packages: [{draw(globs)}],"
            f" versions: {draw(specifiers)}}}]}}"
        )
    until = (NOW + timedelta(days=draw(days))).isoformat()
    parts.append(
        f"exceptions: [{{packages: [{draw(globs)}], versions: {draw(specifiers)},"
        f" from: [cooldown, deny, allow, malware], until: '{until}', reason: SEC-1}}]"
    )
    return "policy: {" + ", ".join(parts) + "}"


@st.composite
def worlds(draw: st.DrawFn) -> World:
    entries = [
        Quarantined(
            project=draw(st.sampled_from(["demo", "open-up"])),
            version=draw(st.sampled_from(["", *VERSIONS])),
            reason="alert",
            by="ann",
            at=NOW,
        )
        for _ in range(draw(st.integers(0, 1)))
    ]
    records = [advisory("MAL-1", **of_versions(draw(st.sampled_from(VERSIONS))))]
    advisories = draw(st.sampled_from([NO_ADVISORIES, feed(*records, name="open-up")]))
    return World(
        draw(policies()),
        Quarantine(entries=tuple(entries)),
        advisories,
        NOW + timedelta(days=draw(days), hours=draw(st.integers(-1, 1))),
    )


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> dict[NormalizedName, list[Path]]:
    folder = tmp_path_factory.mktemp("wheels")
    modules = {LOCAL: "demo", MIRRORED: "open_up"}
    return {
        name: [distributions.wheel(folder, module, version) for version in VERSIONS]
        for name, module in modules.items()
    }


class Counted(FastLane):
    """Knows how many requests it took."""

    taken = 0

    def takes(self, client: LaneClient, data: bytes) -> bool:
        taken = super().takes(client, data)
        self.taken += taken
        return taken


class Surfaces:
    """An index with a local and a mirrored project, and what each of its surfaces says of them."""

    def __init__(self, client: TestClient[Any, Any]) -> None:
        self.client = client

    async def check(self, world: World) -> None:
        assert self.client.app is not None
        catalog = self.client.app[CATALOG]
        catalog._views.now = lambda: world.moment
        catalog.basis.put_file(parse_policy(world.policy.encode()))
        catalog.basis.put_quarantine(world.quarantine)
        catalog.basis.put_advisories(world.advisories)
        for name in (LOCAL, MIRRORED):
            project = (await catalog._documents.read(name)).project
            judge = Judge(project, catalog.basis.value, world.moment)
            verdicts = {file.filename: judge.verdict(file) for file in files_of(project)}
            for _ in range(2):  # The second time, the fast lane may answer.
                await self._check_pages(name, judge.verdict_on_name(), verdicts)
                for path, filename in urls(project):
                    await self._check_file(path, verdicts[filename])
            await self._check_api(name, verdicts)

    async def _check_pages(self, name: str, on_name: Verdict, verdicts: dict[str, Verdict]) -> None:
        listed = sorted(filename for filename, verdict in verdicts.items() if verdict.is_listed)
        assert all(verdict.is_served for verdict in verdicts.values() if verdict.is_listed), "U1"
        assert on_name.is_served or not listed, "a refused name has no files"
        wanted = (200, listed) if on_name.is_served else (403, [])
        status, body = await self._get(f"/simple/{name}/", JSON)
        assert (status, sorted(each["filename"] for each in body.get("files", []))) == wanted
        for path in (f"/simple/{name}/", f"/legacy/+simple/{name}/"):
            answer = await self.client.get(path, headers={"Accept": "text/html"})
            text = await answer.text() if answer.status == 200 else ""
            assert (answer.status, sorted(re.findall(r">([^<]+\.whl)</a>", text))) == wanted
        status, body = await self._get(f"/pypi/{name}/json", {})
        releases = sorted(file["filename"] for files in body.get("releases", {}).values() for file in files)
        assert (status, releases) == (200 if listed else 403, listed)

    async def _check_file(self, path: str, verdict: Verdict) -> None:
        for method in ("GET", "HEAD"):
            answer = await self.client.request(method, path)
            assert answer.status == (200 if verdict.is_served else 403), (method, path, verdict)
            await answer.read()
            if not verdict.is_served:
                assert answer.reason == verdict.reason

    async def _check_api(self, name: str, verdicts: dict[str, Verdict]) -> None:
        _, project = await self._get(f"/api/v1/projects/{name}", auth(OWNER))
        unlisted = {each["filename"]: each["unlisted"] for each in project["files"]}
        assert unlisted == {name: None if each.is_listed else each.reason for name, each in verdicts.items()}
        _, decisions = await self._get(f"/api/v1/projects/{name}/decisions", auth(OWNER))
        decided = {each["filename"]: each["verdict"] for each in decisions["files"]}
        assert {name: (each["listed"], each["served"], each["rule"]) for name, each in decided.items()} == {
            name: (each.is_listed, each.is_served, each.rule) for name, each in verdicts.items()
        }

    async def _get(self, path: str, headers: dict[str, str]) -> tuple[int, Any]:
        answer = await self.client.get(path, headers=headers)
        return answer.status, json.loads(await answer.read())


def files_of(project: Project) -> Any:
    return project.files if project.mirror is None else project.mirror.files


def urls(project: Project) -> Iterator[tuple[str, str]]:
    """Yield every URL of a file, its metadata and its provenance, with the filename."""
    for file in files_of(project):
        if project.mirror is None:
            places = [f"/{folder}/{project.name}/{file.sha256}/{file.filename}" for folder in ("files", "packages")]
        else:
            places = [f"/mirror/{project.owner}{file.path}"]
        for place in places:
            for suffix in ("", METADATA_SUFFIX, PROVENANCE_SUFFIX):
                yield f"{place}{suffix}", file.filename
        yield f"/integrity/{project.name}/{file.version}/{file.filename}/provenance", file.filename


async def run(folder: Path, wheels: dict[NormalizedName, list[Path]], checked: list[World]) -> int:
    """Check worlds one after the other, in the same process; return how many requests the lane took."""
    access = folder / "access.yaml"
    access.write_bytes(msgspec.yaml.encode(ACCESS))
    made = Settings(
        storage=StorageSettings(folder=Folder(path=folder / "unused")),
        access_file=access,
        scratch_folder=folder / "scratch",
        limits=Limits(header_seconds=HANG_SECONDS, body_seconds=HANG_SECONDS),
        upstreams=(never_asked("open-*"),),
    )
    storage = MemoryStorage()
    await mirror(storage, MIRRORED, *wheels[MIRRORED])
    await Documents(storage).change(MIRRORED, with_versions)
    application = app.build(made, storage)
    application[LIFECYCLE].started = True
    application[LANE].__class__ = Counted
    async with TestClient(LimitedServer(application, made.limits)) as client:
        for path in wheels[LOCAL]:
            answer = await client.post(
                "/legacy/", data=form(path, attestations=attested(path)), headers=auth(OWNER)
            )
            assert answer.status == 200, await answer.text()
        for world in checked:
            await Surfaces(client).check(world)
    lane = application[LANE]
    assert isinstance(lane, Counted)
    return lane.taken


def with_versions(project: Project) -> Project:
    assert project.mirror is not None
    files = [
        each.replace(version=version, upload_time=NOW - timedelta(days=AGES[version]))
        for each, version in zip(project.mirror.files, VERSIONS, strict=True)
    ]
    return project.replace(mirror=project.mirror.replace(files=tuple(files)))


@settings(max_examples=20)
@given(st.lists(worlds(), min_size=3, max_size=3))
def test_all_surfaces_have_one_verdict(
    tmp_path_factory: pytest.TempPathFactory, wheels: dict[NormalizedName, list[Path]], checked: list[World]
) -> None:
    asyncio.run(run(tmp_path_factory.mktemp("index"), wheels, checked))


def test_without_rules_the_fast_lane_takes_part(tmp_path: Path, wheels: dict[NormalizedName, list[Path]]) -> None:
    """Otherwise the second half of the requests above would prove nothing."""
    calm = World("policy: {cooldown: {action: 'Off'}}", Quarantine(), NO_ADVISORIES, NOW)
    assert asyncio.run(run(tmp_path, wheels, [calm])) > 20
