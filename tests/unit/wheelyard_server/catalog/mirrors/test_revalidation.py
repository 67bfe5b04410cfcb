"""The failure table of `docs/adr/0038`, row by row, for known and unknown projects, with a fake clock."""

import asyncio
from collections.abc import Callable

import pytest

from support.fake_upstream import FakeTime, FakeUpstream, configured, page_file, replica
from support.memory_storage import Fault, MemoryStorage
from wheelyard_server.catalog.catalog import Catalog
from wheelyard_server.catalog.mirrors import revalidation
from wheelyard_server.catalog.stored_project import Forwarded, ForwardReason, ProjectView
from wheelyard_server.errors import (
    NotFoundError,
    UnsafeStorageError,
    UpstreamAnswerError,
    UpstreamCredentialsError,
    UpstreamError,
    UpstreamUnavailableError,
)
from wheelyard_server.names import parse_project_name
from wheelyard_server.upstream import Unchanged

DEMO = parse_project_name("demo")
WHEEL, SDIST, NEWER = "demo-1.0-py3-none-any.whl", "demo-1.0.tar.gz", "demo-1.1.tar.gz"
FRESH, STALE = 600, 86_400


class Index:
    """An index with one upstream that has the project, which one replica has read."""

    def __init__(self) -> None:
        self.storage, self.time, self.upstream = MemoryStorage(), FakeTime(), FakeUpstream()
        self.upstream.put("demo", WHEEL, SDIST)
        self.catalog = self.replica()

    def replica(self, *, offline: bool = False) -> Catalog:
        return replica(self.storage, self.time, configured(self.upstream, offline=offline))

    async def read(self) -> ProjectView:
        return await self.catalog.project(DEMO)

    async def listed(self) -> list[str]:
        return [file.filename for file in (await self.read()).files]

    async def after(self, seconds: float) -> list[str]:
        """Return what is listed after this time, once the upstream was asked if need be."""
        self.time.sleep(seconds)
        await self.read()
        await settled()
        return await self.listed()

    @property
    def writes(self) -> int:
        return sum(call.startswith("write projects/") for call in self.storage.calls)


async def settled() -> None:
    """Let what goes on behind an answer come to its end."""
    for _ in range(50):
        await asyncio.sleep(0)


@pytest.fixture
async def index() -> Index:
    index = Index()
    await index.read()
    index.upstream.asked.clear()
    return index


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no reader wait for an upstream that hangs: only tests of waiting let one hang."""
    monkeypatch.setattr(revalidation, "PATIENCE_SECONDS", 0.01)
    monkeypatch.setattr(revalidation, "IMPATIENCE_SECONDS", 0.01)


async def test_a_fresh_page_asks_nothing(index: Index) -> None:
    """T4, T9."""
    assert await index.after(FRESH * 0.89) == [WHEEL, SDIST]
    assert index.upstream.asked == []


async def test_a_page_that_has_just_expired_is_served_while_the_upstream_is_asked(index: Index) -> None:
    index.upstream.put("demo", WHEEL, SDIST, NEWER)
    index.time.sleep(FRESH * 1.2)
    assert await index.listed() == [WHEEL, SDIST]
    await settled()
    assert await index.listed() == [WHEEL, SDIST, NEWER]
    assert index.upstream.asked == ["demo"]


async def test_an_older_page_waits_for_the_answer(index: Index) -> None:
    index.upstream.put("demo", WHEEL, SDIST, NEWER)
    index.time.sleep(FRESH * 2.3)
    assert await index.listed() == [WHEEL, SDIST, NEWER]


async def test_a_page_says_whether_its_upstream_was_asked_for_it(index: Index) -> None:
    assert (await index.read()).caveat is None
    index.time.sleep(FRESH * 2.3)
    assert (await index.read()).caveat == Forwarded(ForwardReason.STALE, index.upstream.name)
    assert (await index.read()).caveat is None
    index.upstream.put("other", "other-1.0.tar.gz")
    other = parse_project_name("other")
    assert (await index.catalog.project(other)).caveat == Forwarded(ForwardReason.MISS, index.upstream.name)


async def test_500_readers_of_an_expired_page_ask_once(index: Index) -> None:
    """T9."""
    index.time.sleep(FRESH * 3)
    index.upstream.delay = lambda: asyncio.sleep(0)
    await asyncio.gather(*(index.read() for _ in range(500)))
    assert index.upstream.asked == ["demo"]


async def test_three_replicas_ask_once_per_window_each(index: Index) -> None:
    replicas = [index.replica() for _ in range(3)]
    for _ in range(10):
        index.time.sleep(FRESH * 2.3)
        index.upstream.asked.clear()
        for each in replicas:
            await each.project(DEMO)
            await each.project(DEMO)
        assert len(index.upstream.asked) <= 3


async def test_the_upstreams_own_maximum_age_counts_if_it_is_shorter(index: Index) -> None:
    index.upstream.put("demo", WHEEL, SDIST, NEWER, max_age=60)
    await index.after(FRESH * 3)
    index.upstream.asked.clear()
    await index.after(67)
    assert index.upstream.asked == ["demo"]


async def test_an_upstream_that_forbids_caching_is_not_asked_by_every_reader(index: Index) -> None:
    index.upstream.put("demo", WHEEL, max_age=0)
    await index.after(FRESH * 3)
    index.upstream.asked.clear()
    for _ in range(10):
        await index.read()
    assert index.upstream.asked == []


async def test_304_writes_nothing_and_is_fresh_again(index: Index) -> None:
    before = index.writes
    await index.after(FRESH * 3)
    assert index.upstream.asked == ["demo"]
    assert await index.after(FRESH * 0.5) == [WHEEL, SDIST]
    assert (index.upstream.asked, index.writes) == (["demo"], before)


async def test_the_same_page_without_an_etag_writes_nothing(index: Index) -> None:
    index.upstream.has_etags = False
    before = index.writes
    await index.after(FRESH * 3)
    assert index.writes == before


failures: list[Callable[[], UpstreamError]] = [
    lambda: UpstreamUnavailableError("up", "answered 503"),
    lambda: UpstreamUnavailableError("up", "answered 429", seconds=90),
    lambda: UpstreamCredentialsError("up", "answered 401"),
    lambda: UpstreamCredentialsError("up", "answered 403"),
    lambda: UpstreamAnswerError("up", "sent a page that cannot be read"),
    lambda: UpstreamAnswerError("up", "redirects to another host"),
]


@pytest.mark.parametrize("failure", failures)
async def test_a_failure_leaves_a_known_page_marked_as_stale_and_then_503(
    index: Index, failure: Callable[[], UpstreamError]
) -> None:
    """U7, T2, T8, T21: 24 hours without the upstream, and never an absence."""
    index.upstream.error = failure()
    for _ in range(10):
        index.time.sleep(STALE / 10 - 1)
        view = await index.read()
        assert [file.filename for file in view.files] == [WHEEL, SDIST]
        assert view.stale_seconds == index.time.seconds
        assert view.waiting_for == "the upstream up"
    index.time.sleep(FRESH)
    with pytest.raises(UpstreamUnavailableError, match=str(index.upstream.error)):
        await index.read()
    index.upstream.error = None
    index.time.sleep(100)
    assert (await index.read()).stale_seconds is None


@pytest.mark.parametrize("failure", failures)
async def test_a_failure_is_passed_on_for_an_unknown_project(
    index: Index, failure: Callable[[], UpstreamError]
) -> None:
    index.upstream.error = failure()
    with pytest.raises(type(failure())):
        await index.catalog.project(parse_project_name("other"))


async def test_an_upstream_that_failed_is_left_alone_for_as_long_as_it_says(index: Index) -> None:
    index.upstream.fail(seconds=90)
    index.time.sleep(FRESH * 3)
    for _ in range(5):
        await index.read()
    assert index.upstream.asked == ["demo"]
    index.time.sleep(89)
    await index.read()
    assert index.upstream.asked == ["demo"]
    index.time.sleep(1)
    await index.read()
    assert index.upstream.asked == ["demo", "demo"]


async def test_an_upstream_that_hangs_delays_readers_only_for_a_moment(index: Index) -> None:
    gate = asyncio.Event()
    index.upstream.delay = gate.wait
    index.upstream.put("demo", NEWER)
    index.time.sleep(FRESH * 3)
    view = await index.read()
    assert (len(view.files), view.stale_seconds) == (2, FRESH * 3)
    gate.set()
    await settled()
    assert NEWER in await index.listed()
    assert index.upstream.asked == ["demo"]


async def test_404_for_a_known_project_is_confirmed_and_then_an_absence(index: Index) -> None:
    """The owner stays, and files that are pinned go on (U9)."""
    index.upstream.pages.clear()
    assert await index.after(FRESH * 3) == [WHEEL, SDIST]
    assert await index.after(FRESH * 0.5) == [WHEEL, SDIST]
    index.time.sleep(FRESH * 3)
    with pytest.raises(NotFoundError):
        await index.read()
    found = await index.catalog.mirrored.find(DEMO, "up", f"packages/{WHEEL}")
    assert not found.verdict.is_listed
    index.upstream.put("demo", WHEEL, SDIST)
    index.time.sleep(FRESH * 3)
    assert await index.listed() == [WHEEL, SDIST]


async def test_an_outage_after_a_404_confirms_nothing(index: Index) -> None:
    index.upstream.pages.clear()
    await index.after(FRESH * 3)
    index.upstream.fail()
    assert await index.after(STALE / 2) == [WHEEL, SDIST]


async def test_a_file_with_another_digest_stays_as_it_was_and_is_counted_once(index: Index) -> None:
    known = (await index.read()).files
    index.upstream.put("demo", page_file(WHEEL, b"other"), SDIST)
    assert await index.after(FRESH * 3) == [WHEEL, SDIST]
    await index.after(FRESH * 3)
    assert [file.sha256 for file in (await index.read()).files] == [file.sha256 for file in known]
    assert index.catalog.counts.mirrors.conflicts == {"up": 1}


async def test_a_304_that_was_not_asked_for_is_a_failure(index: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    async def odd(*_: object) -> Unchanged:
        return Unchanged()

    monkeypatch.setattr(index.upstream, "page", odd)
    with pytest.raises(UpstreamAnswerError, match="304"):
        await index.catalog.project(parse_project_name("other"))


async def test_offline_serves_known_projects_without_end_and_names_no_absence(index: Index) -> None:
    """The research's last row."""
    index.catalog = index.replica(offline=True)
    index.time.sleep(10 * STALE)
    view = await index.read()
    assert (len(view.files), view.stale_seconds) == (2, None)
    with pytest.raises(UpstreamUnavailableError, match="offline"):
        await index.catalog.project(parse_project_name("other"))
    assert index.upstream.asked == []


async def test_a_restart_in_an_outage_starts_the_time_of_staleness_again(index: Index) -> None:
    """A page that was confirmed by 304 for weeks has an old document: its pod may restart at any time."""
    index.time.sleep(30 * STALE)
    index.upstream.fail()
    index.catalog = index.replica()
    assert await index.listed() == [WHEEL, SDIST]
    index.time.sleep(STALE + 1)
    with pytest.raises(UpstreamUnavailableError):
        await index.read()


async def test_a_page_that_cannot_be_stored_leaves_the_known_one(index: Index) -> None:
    index.upstream.put("demo", NEWER)
    index.storage.before_call = lambda method, key: (
        index.storage.fail_at(0, Fault.LOST_REQUEST)
        if (method == "write" and key.startswith("projects/"))
        else None
    )
    view_before = await index.listed()
    index.time.sleep(FRESH * 3)
    view = await index.read()
    assert [file.filename for file in view.files] == view_before
    assert view.stale_seconds is not None
    index.storage.before_call = None
    index.storage.recover()
    index.time.sleep(10)
    await index.read()
    await settled()
    assert NEWER in await index.listed()


async def test_nothing_is_stored_while_writing_is_not_known_to_be_safe(index: Index) -> None:
    index.catalog.writes.refuse(UnsafeStorageError("no"))
    index.upstream.put("other", "other-1.0.tar.gz")
    with pytest.raises(UnsafeStorageError):
        await index.catalog.project(parse_project_name("other"))
    index.upstream.put("demo", NEWER)
    assert await index.after(FRESH * 3) == [WHEEL, SDIST]


async def test_a_page_that_was_asked_for_earlier_does_not_undo_another_replicas_newer_one(index: Index) -> None:
    other = index.replica()
    await other.project(DEMO)
    gate = asyncio.Event()
    index.time.sleep(FRESH * 3)
    found = index.upstream.page

    async def slow(project: str, etag: str = "") -> object:
        answer = await found(parse_project_name(project), etag)
        await gate.wait()
        return answer

    index.upstream.put("demo", WHEEL)
    index.upstream.page = slow  # type: ignore[assignment,method-assign]
    waiting = asyncio.create_task(index.catalog.refresh(DEMO))
    await settled()
    index.upstream.page = found  # type: ignore[method-assign]
    index.upstream.put("demo", WHEEL, SDIST, NEWER)
    index.time.sleep(1)
    await other.project(DEMO)
    await settled()
    gate.set()
    view = await waiting
    assert view.project.mirror is not None
    assert [file.filename for file in view.project.mirror.files if file.gone is None] == [WHEEL, SDIST, NEWER]


async def test_the_fast_lanes_way_knows_when_a_mirror_expires(index: Index) -> None:
    cached = index.catalog.cached_project(DEMO)
    assert cached is not None
    view = await index.catalog.revalidated_project(DEMO)
    assert view is cached.view or view == cached.view
    reads = index.storage.calls.count("is_unchanged projects/demo.json")
    assert reads == 1
    index.upstream.put("demo", WHEEL, SDIST, NEWER)
    index.time.sleep(FRESH * 3)
    assert not index.catalog.is_fresh(cached)
    assert len((await index.catalog.revalidated_project(DEMO)).files) == 3


async def test_a_page_that_a_replica_with_a_wrong_clock_stored_is_renewed_all_the_same(index: Index) -> None:
    """T1: a time in the future would keep the page as it is until then."""
    index.time.sleep(1e7)
    index.upstream.put("demo", WHEEL, SDIST, NEWER)
    await index.replica().refresh(DEMO)
    index.time.sleep(-1e7)
    index.upstream.put("demo", WHEEL, SDIST, NEWER, "demo-1.2.tar.gz")
    view = await index.replica().refresh(DEMO)
    assert len(view.files) == 4
