"""Projects of this index whose names an upstream has, too."""

from pathlib import Path

import pytest

from support import distributions
from support.catalogs import DEMO, upload
from support.fake_upstream import FakeTime, FakeUpstream, configured, replica
from support.memory_storage import MemoryStorage
from wheelyard_server.catalog.mirrors.new_names import Asker
from wheelyard_server.catalog.mirrors.shadowing import Shadowing
from wheelyard_server.errors import TooManyNewNamesError, UpstreamUnavailableError


@pytest.fixture
async def upstream() -> FakeUpstream:
    return FakeUpstream()


@pytest.fixture
async def storage(tmp_path: Path, upstream: FakeUpstream) -> MemoryStorage:
    """Return an index with demo 1.0 and 1.9, published before the upstream had that name."""
    storage = MemoryStorage()
    catalog = replica(storage, FakeTime(), configured(upstream))
    for version in ("1.0", "1.9"):
        await catalog.publish(upload(distributions.wheel(tmp_path, "demo", version)))
    return storage


@pytest.mark.parametrize(("version", "is_outdated"), [("1.10", True), ("1.9", False), ("0.9", False)])
async def test_an_upstreams_project_of_the_same_name_is_found_and_compared(
    storage: MemoryStorage, upstream: FakeUpstream, version: str, *, is_outdated: bool
) -> None:
    upstream.put("demo", "demo-0.1.tar.gz", f"demo-{version}.tar.gz", "demo-odd.exe", "other-9.0.tar.gz")
    found = await replica(storage, FakeTime(), configured(upstream)).shadowing(DEMO)
    assert found == Shadowing(DEMO, "up", "1.9", version)
    assert found.is_outdated is is_outdated


async def test_private_names_are_not_asked_for(storage: MemoryStorage, upstream: FakeUpstream) -> None:
    """U10, T34."""
    upstream.put("demo", "demo-9.0.tar.gz")
    upstream.asked.clear()
    assert await replica(storage, FakeTime(), configured(upstream), private=("demo",)).shadowing(DEMO) is None
    assert upstream.asked == []


async def test_a_project_that_no_upstream_has_or_that_is_mirrored_shadows_nothing(upstream: FakeUpstream) -> None:
    catalog = replica(MemoryStorage(), FakeTime(), configured(upstream))
    assert await catalog.shadowing(DEMO) is None
    upstream.put("demo", "demo-9.0.tar.gz")
    await catalog.refresh(DEMO)
    assert await catalog.shadowing(DEMO) is None


async def test_an_outage_is_no_absence_and_questions_are_bounded(
    storage: MemoryStorage, upstream: FakeUpstream
) -> None:
    """U7, U13."""
    upstream.fail()
    catalog = replica(storage, FakeTime(), configured(upstream), new_names_per_hour=1)
    with pytest.raises(UpstreamUnavailableError):
        await catalog.shadowing(DEMO, Asker("ann", ""))
    with pytest.raises(TooManyNewNamesError):
        await catalog.shadowing(DEMO, Asker("ann", ""))
