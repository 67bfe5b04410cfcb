"""Licenses and publishers are looked up before a file is served and behind a page, as far as rules need them."""

import asyncio
import json
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from support import distributions
from support.attestations import GITHUB, attestation, certificate, statement
from support.catalogs import upload
from support.fake_upstream import START, FakeTime, FakeUpstream, configured, page_file
from support.memory_storage import MemoryStorage
from wheelyard_server.catalog.catalog import Catalog, Policy
from wheelyard_server.catalog.facts import MAX_FILES, MAX_VERSIONS, RETRY_SECONDS
from wheelyard_server.catalog.mirrors.contents import Space
from wheelyard_server.catalog.mirrors.mirrors import Upstreams
from wheelyard_server.catalog.scratch import Scratch
from wheelyard_server.catalog.scratch_budget import ScratchBudget
from wheelyard_server.errors import RefusedFileError
from wheelyard_server.model import File, Project
from wheelyard_server.model.mirror import NO_LICENSE, NO_PUBLISHER
from wheelyard_server.names import NormalizedName
from wheelyard_server.settings.policy import parse_policy
from wheelyard_server.upstream import PageFile

NAME = NormalizedName("demo")
ORIGIN = "https://files.example.com/packages"
DENY = "licenses: {action: Block, deny: [AGPL-*]}"
NEED = "licenses: {action: Block, unknown: Block}"
PROVENANCE = "provenance: {action: Block}"
ACME = "GitHub acme/app release.yml"


class World:
    """An upstream with wheels that have core metadata and provenance of their own, and replicas."""

    def __init__(self, folder: Path) -> None:
        self.storage = MemoryStorage()
        self.time = FakeTime()
        self.upstream = FakeUpstream()
        self._folder = folder
        self._listed: list[PageFile] = []

    def catalog(self, policy: str) -> Catalog:
        """Return a replica with this policy, in YAML, and no cooldown."""
        space = Space(Scratch(self._folder / "scratch", 10**9), ScratchBudget(10**9), 10**9)
        upstreams = Upstreams((configured(self.upstream),), clock=self.time.monotonic)
        wanted = Policy(upstreams=upstreams, space=space)
        catalog = Catalog(self.storage, wanted, self.time.now, may_raise_format=lambda: True)
        catalog._facts._clock = self.time.monotonic
        catalog.basis.put_file(parse_policy(f"policy:\n  cooldown: {{action: Off}}\n  {policy}\n".encode()))
        return catalog

    def put(self, filename: str, license_: str | None = None, signer: str | None = None, **fields: object) -> str:
        """Let the upstream have a file with a license and a publisher; return its path."""
        body = filename.encode()
        described: dict[str, Any] = dict(fields)
        if license_ is not None:
            headers = ("Metadata-Version: 2.4", "Name: demo", "Version: 1.0", f"Summary: {filename}")
            metadata = "\n".join((*headers, f"License-Expression: {license_}", "", "")).encode()
            self.upstream.files[f"{ORIGIN}/{filename}.metadata"] = metadata
            described["core_metadata"] = sha256(metadata).hexdigest()
        if signer is not None:
            described["provenance"] = f"{ORIGIN}/{filename}.provenance"
            self.upstream.files[described["provenance"]] = provenance(filename, body, signer)
        self.upstream.files[f"{ORIGIN}/{filename}"] = body
        self._listed.append(page_file(filename, body, **described))
        self.upstream.put("demo", *self._listed)
        return f"packages/{filename}"

    @property
    def lookups(self) -> list[str]:
        """Return the files that were looked up at the upstream, in order."""
        return [call.removeprefix(f"read {ORIGIN}/") for call in self.upstream.calls if call.startswith("read ")]


def provenance(filename: str, body: bytes, repository: str) -> bytes:
    extensions = {each: text.replace("acme/app", repository) for each, text in GITHUB.items()}
    signed = attestation(statement(filename, sha256(body).hexdigest()), certificate(extensions))
    return json.dumps({"version": 1, "attestation_bundles": [{"publisher": {}, "attestations": [signed]}]}).encode()


def wheel(number: int) -> str:
    return f"demo-{number}.0-py3-none-any.whl"


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


async def listed(catalog: Catalog) -> set[str]:
    """Return the files of a page, after everything behind it has ended."""
    names = {file.filename for file in (await catalog.project(NAME)).files}
    await asyncio.gather(*catalog._facts.pages.values())
    return names


async def known(catalog: Catalog) -> dict[str, tuple[str, str]]:
    """Return the license and the publisher of each file in the document."""
    project = (await catalog._documents.read(NAME)).project
    assert project.mirror is not None
    return {file.filename: (file.license, file.publisher) for file in project.mirror.files}


async def is_served(catalog: Catalog, path: str) -> bool:
    try:
        await catalog.mirrored.find(NAME, "up", path)
    except RefusedFileError:
        return False
    return True


async def test_a_denied_license_is_refused_although_nothing_was_known_of_the_file(world: World) -> None:
    free, denied = world.put(wheel(1), "MIT"), world.put(wheel(2), "AGPL-3.0-only")
    catalog = world.catalog(DENY)
    assert await is_served(catalog, free)
    assert not await is_served(catalog, denied)
    assert await listed(catalog) == {wheel(1)}
    assert {name: license_ for name, (license_, _) in (await known(catalog)).items()} == {
        wheel(1): "MIT",
        wheel(2): "AGPL-3.0-only",
    }


async def test_a_page_without_known_licenses_has_them_a_moment_later_if_they_are_needed(world: World) -> None:
    world.put(wheel(1), "MIT")
    world.put(wheel(2), "something free")
    catalog = world.catalog(NEED)
    assert [await listed(catalog) for _ in range(3)] == [set(), {wheel(1)}, {wheel(1)}]
    assert sorted(world.lookups) == [f"{wheel(number)}.metadata" for number in (1, 2)]
    assert (await known(catalog))[wheel(2)] == (NO_LICENSE, "")


async def test_a_page_looks_up_its_newest_versions_first_and_continues_with_the_next_request(world: World) -> None:
    numbers = range(1, MAX_VERSIONS + 4)
    for number in numbers:
        world.put(wheel(number), "MIT")
    catalog = world.catalog(NEED)
    everything = {wheel(number) for number in numbers}
    oldest = {wheel(number) for number in (1, 2, 3)}
    assert [await listed(catalog) for _ in range(3)] == [set(), everything - oldest, everything]
    assert len(world.lookups) == len(everything)


async def test_one_lookup_is_enough_for_all_files_of_a_version_and_for_all_clients(world: World) -> None:
    paths = [
        world.put("demo-1.0.tar.gz"),
        world.put(wheel(1), "MIT"),
        world.put("demo-1.0-cp39-abi3-any.whl", "MIT"),
    ]
    catalog = world.catalog(NEED)
    assert all(await asyncio.gather(*(is_served(catalog, paths[0]) for _ in range(20))))
    assert all([await is_served(catalog, path) for path in paths])
    assert len(world.lookups) == 1
    assert {license_ for license_, _ in (await known(catalog)).values()} == {"MIT"}


async def test_a_version_without_readable_metadata_has_no_license_and_is_not_looked_up_again(world: World) -> None:
    path = world.put("demo-1.0.tar.gz")
    assert not await is_served(world.catalog(NEED), path)
    assert await is_served(world.catalog(DENY), path)
    catalog = world.catalog(NEED)
    assert await listed(catalog) == await listed(catalog) == set()
    assert world.upstream.calls == []


@pytest.mark.parametrize("policy", ["formats: {action: Block}", "licenses: {action: Off, unknown: Block}"])
async def test_nothing_is_looked_up_if_no_rule_needs_it(world: World, policy: str) -> None:
    path = world.put(wheel(1), "MIT", "acme/app")
    catalog = world.catalog(policy)
    assert await is_served(catalog, path)
    assert await listed(catalog) == {wheel(1)}
    assert world.upstream.calls == []


async def test_a_file_that_another_rule_refuses_is_not_looked_up(world: World) -> None:
    path = world.put(wheel(1), "MIT")
    catalog = world.catalog(f'{NEED}\n  deny: [{{packages: [demo], versions: "==1.0"}}]')
    assert not await is_served(catalog, path)
    assert await listed(catalog) == set()
    assert world.upstream.calls == []


async def test_a_lookup_that_fails_refuses_for_now_and_is_tried_again_after_a_minute(world: World) -> None:
    path = world.put(wheel(1), "MIT")
    await world.catalog("formats: {action: Block}").project(NAME)
    world.upstream.fail()
    catalog = world.catalog(NEED)
    for _ in range(2):
        assert not await is_served(catalog, path)
        assert await listed(catalog) == set()
    assert len(world.lookups) == 1
    world.upstream.error = None
    assert not await is_served(catalog, path)
    world.time.sleep(RETRY_SECONDS)
    assert await is_served(catalog, path)


async def test_a_file_that_cannot_be_looked_up_keeps_no_page_of_its_project_waiting(world: World) -> None:
    """Otherwise any reader could hide all new versions of a project by asking for one broken file."""
    broken = world.put(wheel(1), "MIT")
    world.put(wheel(2), "MIT")
    await world.catalog("formats: {action: Block}").project(NAME)
    del world.upstream.files[f"{ORIGIN}/{wheel(1)}.metadata"]
    del world.upstream.files[f"{ORIGIN}/{wheel(1)}"]
    catalog = world.catalog(NEED)
    assert not await is_served(catalog, broken)
    await listed(catalog)
    assert await listed(catalog) == {wheel(2)}


async def test_a_file_from_another_publisher_or_from_none_is_refused(world: World) -> None:
    days = {number: START - timedelta(days=20 - number) for number in range(1, 5)}
    paths = [
        world.put(wheel(1), upload_time=days[1]),
        world.put(wheel(2), signer="acme/app", upload_time=days[2]),
        world.put(wheel(3), signer="evil/app", upload_time=days[3]),
        world.put(wheel(4), upload_time=days[4]),
    ]
    catalog = world.catalog(PROVENANCE)
    assert [await is_served(catalog, path) for path in paths] == [True, True, False, False]
    assert await listed(catalog) == {wheel(1), wheel(2)}
    assert (await known(catalog))[wheel(2)] == ("", ACME)
    assert sorted(world.lookups) == [f"{wheel(number)}.provenance" for number in (2, 3)]


async def test_the_page_has_the_files_of_a_publisher_once_their_provenance_was_read(world: World) -> None:
    for number in (1, 2):
        world.put(wheel(number), signer="acme/app", upload_time=START - timedelta(days=20 - number))
    catalog = world.catalog(PROVENANCE)
    assert [await listed(catalog) for _ in range(2)] == [{wheel(1)}, {wheel(1), wheel(2)}]
    assert await listed(world.catalog(PROVENANCE)) == {wheel(1), wheel(2)}, "other replicas read the document"
    assert len(world.lookups) == 2


async def test_provenance_that_passes_by_is_remembered(world: World) -> None:
    path = world.put(wheel(1), signer="acme/app")
    catalog = world.catalog("formats: {action: Block}")
    await catalog.mirrored.provenance(await catalog.mirrored.find(NAME, "up", path))
    assert (await known(catalog))[wheel(1)] == ("", ACME)


async def test_provenance_without_a_publisher_is_refused_and_not_read_again(world: World) -> None:
    first = world.put(wheel(1), signer="acme/app", upload_time=START - timedelta(days=20))
    second = world.put(wheel(2), signer="acme/app", upload_time=START - timedelta(days=10))
    world.upstream.files[f"{ORIGIN}/{wheel(2)}.provenance"] = b"{}"
    catalog = world.catalog(PROVENANCE)
    assert [await is_served(catalog, path) for path in (first, second, second)] == [True, False, False]
    assert (await known(catalog))[wheel(2)] == ("", NO_PUBLISHER)
    assert len(world.lookups) == 2


async def test_files_of_one_page_are_bounded(world: World) -> None:
    for number in range(MAX_FILES + 1):
        world.put(f"demo-1.{number // 20}-cp{number}-abi3-any.whl", signer="acme/app")
    await listed(world.catalog(PROVENANCE))
    assert len(world.lookups) == MAX_FILES


async def test_the_license_of_a_file_from_an_older_release_is_read_from_its_own_metadata(
    world: World, tmp_path: Path
) -> None:
    """An upload of this release has its license from the beginning."""
    catalog = world.catalog(NEED)
    path = distributions.wheel(tmp_path, extra="License-Expression: MIT\n")
    await catalog.publish(upload(path))
    (file,) = (await catalog.project(NAME)).project.files
    assert file.license == "MIT"

    def older(project: Project) -> Project:
        return project.replace(files=tuple(each.replace(license="") for each in project.files))

    await catalog._documents.change(NAME, older)
    assert isinstance(await catalog.file(NAME, file.filename, file.sha256), File)
    await catalog._documents.change(NAME, older)
    assert [await listed(catalog) for _ in range(2)] == [set(), {file.filename}]
