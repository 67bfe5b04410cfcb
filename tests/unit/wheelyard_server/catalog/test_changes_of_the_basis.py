"""A change of the basis is in force at once, on cached projects, too, and costs no other cache."""

import gc
from datetime import timedelta
from typing import Any

import pytest

from support.fake_upstream import FakeTime, FakeUpstream, configured, replica
from support.memory_storage import MemoryStorage
from wheelyard_server.catalog import offers as module
from wheelyard_server.catalog.catalog import Catalog
from wheelyard_server.catalog.offers import Offers
from wheelyard_server.catalog.stored_project import ProjectView
from wheelyard_server.errors import NotFoundError
from wheelyard_server.names import parse_project_name
from wheelyard_server.policy.verdict import PERMITTED, Rule, Verdict
from wheelyard_server.settings.policy import PolicyFile
from wheelyard_server.settings.upstreams import Names

DEMO = parse_project_name("demo")
WHEELS = tuple(f"demo-{number}.0-py3-none-any.whl" for number in range(3))
PRIVATE = PolicyFile(names=Names(private=("demo",)))
OTHERS = PolicyFile(names=Names(private=("acme-*",)))


@pytest.fixture
def time() -> FakeTime:
    return FakeTime()


@pytest.fixture
def upstream() -> FakeUpstream:
    found = FakeUpstream()
    found.put("demo", *WHEELS)
    return found


@pytest.fixture
def catalog(upstream: FakeUpstream, time: FakeTime) -> Catalog:
    return replica(MemoryStorage(), time, configured(upstream))


def is_decided(catalog: Catalog) -> bool:
    cached = catalog.cached_project(DEMO)
    return cached is not None and catalog.is_decided(cached)


async def test_a_name_that_becomes_private_is_gone_at_once_and_back_without_asking_again(
    catalog: Catalog, upstream: FakeUpstream
) -> None:
    """U10, and no cache is lost: neither the document nor the page is fetched again."""
    before = await catalog.project(DEMO)
    assert is_decided(catalog)
    catalog.basis.put_file(PRIVATE)
    assert not is_decided(catalog), "the fast lane must not answer"
    with pytest.raises(NotFoundError):
        await catalog.project(DEMO)
    with pytest.raises(NotFoundError):
        await catalog.mirrored.find(DEMO, "up", f"packages/{WHEELS[0]}")
    catalog.basis.put_file(OTHERS)
    after = await catalog.project(DEMO)
    assert is_decided(catalog)
    assert (after.files, after.etag, after.revision) == (before.files, before.etag, before.revision)
    assert upstream.asked == ["demo"]


async def test_a_new_basis_that_changes_no_verdict_keeps_the_revision_of_pages(catalog: Catalog) -> None:
    before = await catalog.project(DEMO)
    for number in range(3):
        catalog.basis.put_file(PolicyFile(names=Names(private=(f"acme-{number}",))))
        view = await catalog.project(DEMO)
        assert view is not before, "it was decided again"
        assert (view.revision, view.etag) == ("", before.etag)


class Rules:
    """A rule in place of all others, which hides one version from one moment to another."""

    def __init__(self, time: FakeTime, version: str) -> None:
        self.version = version
        self.since, self.until = time.now() + timedelta(seconds=100), time.now() + timedelta(seconds=200)

    def __call__(self, file: Any, *rest: Any) -> Verdict:
        now = rest[-1]
        if file.version != self.version or now >= self.until:
            return PERMITTED
        if now < self.since:
            return Verdict(until=self.since)
        reason = f"{file.version} waits"
        return Verdict(is_listed=False, is_served=False, rule=Rule.COOLDOWN, reason=reason, until=self.until)


def names(view: ProjectView) -> list[str]:
    return [file.filename for file in view.files]


async def test_a_page_is_never_served_past_a_boundary_in_time(
    catalog: Catalog, time: FakeTime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also not if a project was read, but decided about only after the boundary."""
    monkeypatch.setattr(module, "decide", Rules(time, "1.0"))
    await catalog.project(DEMO)
    seen = []
    for _ in range(3):
        view = await catalog.project(DEMO)
        seen.append((len(names(view)), view.revision != "", is_decided(catalog)))
        time.sleep(100)
        assert is_decided(catalog) == (len(seen) == 3)
    assert seen == [(3, False, True), (2, True, True), (3, False, True)]


async def test_a_file_is_decided_about_at_the_moment_of_its_request(
    catalog: Catalog, time: FakeTime, monkeypatch: pytest.MonkeyPatch
) -> None:
    view = await catalog.project(DEMO)
    monkeypatch.setattr(module, "decide", Rules(time, "1.0"))
    file = await view.file(WHEELS[1])
    assert file is not None
    served = []
    for _ in range(3):
        served.append(view.verdict(file).is_served)
        time.sleep(100)
    assert served == [True, False, True]


async def test_views_of_earlier_bases_do_not_pile_up_in_memory(upstream: FakeUpstream, time: FakeTime) -> None:
    """Advisories change every few minutes, and the files of a hot project stay decoded."""
    upstream.put("demo", *(f"demo-{number}.0-py3-none-any.whl" for number in range(200)))
    catalog = replica(MemoryStorage(), time, configured(upstream))
    for number in range(30):
        catalog.basis.put_file(PolicyFile(names=Names(private=(f"acme-{number}",))))
        view = await catalog.project(DEMO)
        assert (len(view.files), len(view.by_version), len(view.listed_names)) == (200, 200, 200)
    del view
    gc.collect()
    alive = [each for each in gc.get_objects() if isinstance(each, Offers) and each._project.name == DEMO]
    assert len(alive) <= 2
