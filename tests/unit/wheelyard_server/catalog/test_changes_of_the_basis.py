"""A change of the basis is in force at once, on cached projects, too, and costs no other cache."""

import gc
from datetime import timedelta

import pytest

from support.fake_upstream import FakeTime, FakeUpstream, configured, page_file, replica
from support.memory_storage import MemoryStorage
from wheelyard_server.catalog.catalog import Catalog
from wheelyard_server.catalog.offers import Offers
from wheelyard_server.catalog.stored_project import ProjectView
from wheelyard_server.errors import NotFoundError, RefusedFileError
from wheelyard_server.names import parse_project_name
from wheelyard_server.settings.policy import Denied, ExceptableRule, PolicyException, PolicyFile, PolicyRules
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


@pytest.fixture
def policy(time: FakeTime, upstream: FakeUpstream) -> PolicyFile:
    """Return a policy by which demo 1.0 waits for 100 s more, and demo 2.0 is excepted for 200 s more."""
    young = page_file(WHEELS[1], upload_time=time.now() - timedelta(days=7) + timedelta(seconds=100))
    upstream.put("demo", WHEELS[0], young, WHEELS[2])
    denied = Denied(packages=("demo",), versions="==2.0")
    excepted = PolicyException(
        packages=("demo",),
        rules=(ExceptableRule.DENY,),
        until=time.now() + timedelta(seconds=200),  # type: ignore[arg-type] # as `Until.parse` makes it
        reason="SEC-1",
    )
    return PolicyFile(policy=PolicyRules(deny=(denied,), exceptions=(excepted,)))


def numbers(view: ProjectView) -> str:
    return "".join(file.version[0] for file in view.files)


async def test_a_page_is_never_served_past_a_boundary_in_time(
    catalog: Catalog, time: FakeTime, policy: PolicyFile
) -> None:
    """A wait that ends shows a file, an exception that ends hides one, and the pages differ in their keys."""
    catalog.basis.put_file(policy)
    seen = []
    for _ in range(3):
        view = await catalog.project(DEMO)
        seen.append((numbers(view), view.revision != "", is_decided(catalog)))
        time.sleep(99)
        assert is_decided(catalog)
        time.sleep(1)
        assert is_decided(catalog) == (len(seen) == 3), "the fast lane must not answer"
    assert seen == [("02", True, True), ("012", False, True), ("01", True, True)]


async def test_a_clock_that_was_wrong_for_a_moment_lets_nothing_in_for_longer(
    catalog: Catalog, time: FakeTime, policy: PolicyFile
) -> None:
    """U11: a clock that is days ahead ends all waits, and no page may outlive its correction."""
    catalog.basis.put_file(policy)
    path = f"packages/{WHEELS[1]}"
    with pytest.raises(RefusedFileError):
        await catalog.mirrored.find(DEMO, "up", path)
    time.ahead = timedelta(days=30)
    assert await catalog.mirrored.find(DEMO, "up", path)
    assert "1" in numbers(await catalog.project(DEMO))
    time.ahead = timedelta()
    assert not is_decided(catalog), "the fast lane must not answer"
    with pytest.raises(RefusedFileError):
        await catalog.mirrored.find(DEMO, "up", path)
    assert "1" not in numbers(await catalog.project(DEMO))


async def test_a_project_that_is_decided_about_long_after_it_was_read_is_decided_by_the_present(
    catalog: Catalog, time: FakeTime, policy: PolicyFile
) -> None:
    await catalog.project(DEMO)
    catalog.basis.put_file(policy)
    view = await catalog.project(DEMO)
    time.sleep(300)
    assert numbers(view) == "01"


async def test_a_file_is_decided_about_at_the_moment_of_its_request(
    catalog: Catalog, time: FakeTime, policy: PolicyFile
) -> None:
    catalog.basis.put_file(policy)
    view = await catalog.project(DEMO)
    served = []
    for _ in range(3):
        files = [await view.file(name) for name in WHEELS]
        served.append("".join(each.version[0] for each in files if each and view.verdict(each).is_served))
        time.sleep(100)
    assert served == ["02", "012", "01"]


async def test_views_of_earlier_bases_do_not_pile_up_in_memory(upstream: FakeUpstream, time: FakeTime) -> None:
    """Advisories change every few minutes, and the files of a hot project stay decoded."""
    upstream.put("demo", *(f"demo-{number}.0-py3-none-any.whl" for number in range(200)))
    catalog = replica(MemoryStorage(), time, configured(upstream))
    for number in range(30):
        catalog.basis.put_file(PolicyFile(names=Names(private=(f"piled-{number}",))))
        view = await catalog.project(DEMO)
        assert (len(view.files), len(view.by_version), len(view.listed_names)) == (200, 200, 200)
    del view
    gc.collect()
    alive = [each for each in gc.get_objects() if isinstance(each, Offers) and is_piled(each)]
    assert len(alive) <= 2


def is_piled(offers: Offers) -> bool:
    """Return whether these are of the test above: other tests in this process have others."""
    return any(name.startswith("piled-") for name in offers.basis.policy.private)
