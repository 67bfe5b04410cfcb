"""Projects of this index whose names an upstream has, too."""

from pathlib import Path

import pytest

from support import distributions
from support.catalogs import DEMO, upload
from support.fake_upstream import FakeTime, FakeUpstream, configured, replica
from support.memory_storage import MemoryStorage
from wheelyard_server.catalog.mirrors.shadows import Shadow
from wheelyard_server.errors import UpstreamUnavailableError


@pytest.fixture
async def upstream() -> FakeUpstream:
    return FakeUpstream()


@pytest.fixture
async def storage(tmp_path: Path, upstream: FakeUpstream) -> MemoryStorage:
    """Return an index with demo 1.9, published before the upstream had that name."""
    storage = MemoryStorage()
    catalog = replica(storage, FakeTime(), configured(upstream))
    await catalog.publish(upload(distributions.wheel(tmp_path, "demo", "1.9")))
    return storage


async def test_an_upstreams_project_of_the_same_name_is_found_with_its_newest_version(
    storage: MemoryStorage, upstream: FakeUpstream
) -> None:
    upstream.put(
        "demo", "demo-0.1.tar.gz", "demo-1.10.tar.gz", "demo-1.9.tar.gz", "demo-odd.exe", "other-9.0.tar.gz"
    )
    assert await replica(storage, FakeTime(), configured(upstream)).shadows(DEMO) == (Shadow("up", "1.10"),)


async def test_private_names_are_not_asked_for(storage: MemoryStorage, upstream: FakeUpstream) -> None:
    """U10, T34."""
    upstream.put("demo", "demo-9.0.tar.gz")
    upstream.asked.clear()
    assert await replica(storage, FakeTime(), configured(upstream), private=("demo",)).shadows(DEMO) == ()
    assert upstream.asked == []


async def test_a_name_that_no_upstream_has_is_not_shadowed(storage: MemoryStorage, upstream: FakeUpstream) -> None:
    assert await replica(storage, FakeTime(), configured(upstream)).shadows(DEMO) == ()


async def test_an_outage_is_no_absence(storage: MemoryStorage, upstream: FakeUpstream) -> None:
    """U7."""
    upstream.fail()
    with pytest.raises(UpstreamUnavailableError):
        await replica(storage, FakeTime(), configured(upstream)).shadows(DEMO)
