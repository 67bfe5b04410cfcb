"""One name, one owner, whatever upstreams say, with a fake upstream and a fake clock."""

import asyncio
import gc
from collections.abc import Awaitable
from contextlib import suppress
from pathlib import Path

import pytest

from support import distributions
from support.catalogs import upload
from support.fake_upstream import FakeTime, FakeUpstream, configured, page_file, replica
from support.memory_storage import MemoryStorage
from wheelyard_server.catalog.catalog import Catalog, Policy
from wheelyard_server.catalog.edits import Selection
from wheelyard_server.catalog.mirrors.mirrors import Upstreams
from wheelyard_server.catalog.mirrors.new_names import Asker
from wheelyard_server.catalog.packed_files import PackedFiles
from wheelyard_server.errors import (
    NameOwnedError,
    NotFoundError,
    RefreshedLatelyError,
    RefusedFileError,
    TooManyNewNamesError,
    UpstreamAnswerError,
    UpstreamUnavailableError,
)
from wheelyard_server.model.status import Status
from wheelyard_server.names import NormalizedName, parse_project_name

DEMO = parse_project_name("demo")
OTHER = parse_project_name("other")
WHEEL = "demo-1.0-py3-none-any.whl"


class Index:
    """One storage, two upstreams, and any number of replicas."""

    def __init__(self) -> None:
        self.storage = MemoryStorage()
        self.time = FakeTime()
        self.first = FakeUpstream("first", "https://first.example.com/simple/")
        self.second = FakeUpstream("second", "https://second.example.com/simple/")

    def replica(self, *packages: str, private: tuple[str, ...] = (), new_names_per_hour: int = 2_000) -> Catalog:
        """Return a replica; `packages` are the globs of the first upstream."""
        both = configured(self.first, *packages), configured(self.second)
        return replica(self.storage, self.time, *both, private=private, new_names_per_hour=new_names_per_hour)

    @property
    def writes(self) -> int:
        return sum(call.startswith("write projects/") for call in self.storage.calls)


@pytest.fixture
def index() -> Index:
    return Index()


async def listed(catalog: Catalog, name: NormalizedName = DEMO) -> list[str]:
    return [file.filename for file in (await catalog.project(name)).files]


async def settled() -> None:
    """Let what goes on behind an answer come to its end."""
    for _ in range(50):
        await asyncio.sleep(0)


async def test_the_first_upstream_that_has_a_name_owns_it_and_later_ones_are_not_asked(index: Index) -> None:
    index.first.put("demo", WHEEL)
    index.second.put("demo", "demo-9.0-py3-none-any.whl")
    view = await index.replica().project(DEMO)
    assert view.project.owner == "first"
    assert [file.filename for file in view.files] == [WHEEL]
    assert index.second.asked == []


async def test_an_upstream_without_the_name_is_passed_over(index: Index) -> None:
    index.second.put("demo", WHEEL)
    assert (await index.replica().project(DEMO)).project.owner == "second"
    assert index.first.asked == ["demo"]


async def test_an_upstream_whose_globs_do_not_match_is_not_asked(index: Index) -> None:
    index.first.put("demo", WHEEL)
    index.second.put("demo", WHEEL)
    assert (await index.replica("torch*").project(DEMO)).project.owner == "second"
    assert index.first.asked == []


async def test_a_failing_first_upstream_lets_no_second_one_answer(index: Index) -> None:
    """U7, T2, T8: an error is no absence, so the name cannot change hands in an outage."""
    index.first.fail()
    index.second.put("demo", WHEEL)
    catalog = index.replica()
    with pytest.raises(UpstreamUnavailableError):
        await catalog.project(DEMO)
    assert index.second.asked == []
    assert index.writes == 0
    index.first.error = None
    assert (await catalog.project(DEMO)).project.owner == "second"


async def test_an_absence_is_remembered_for_seconds_and_writes_nothing(index: Index) -> None:
    """A project that an upstream has just published is found (T3), and what readers guess writes nothing (U13)."""
    catalog = index.replica()
    for _ in range(5):
        with pytest.raises(NotFoundError):
            await catalog.project(DEMO)
    assert index.first.asked == ["demo"]
    assert index.writes == 0
    index.first.put("demo", WHEEL)
    index.time.sleep(10)
    assert await listed(catalog) == [WHEEL]


async def test_500_clients_of_an_unknown_project_ask_once(index: Index) -> None:
    """T9."""
    index.first.put("demo", WHEEL)
    index.first.delay = lambda: asyncio.sleep(0)
    catalog = index.replica()
    await asyncio.gather(*(catalog.project(DEMO) for _ in range(500)))
    assert index.first.asked == ["demo"]
    assert index.writes == 1


async def test_a_private_name_is_asked_nowhere_whether_it_exists_or_not(index: Index, tmp_path: Path) -> None:
    """U10, T34: the answer is the same as for a name that no upstream has."""
    index.first.put("demo", WHEEL)
    catalog = index.replica(private=("demo*",))
    with pytest.raises(NotFoundError) as private:
        await catalog.project(DEMO)
    with pytest.raises(NotFoundError) as public:
        await catalog.project(OTHER)
    assert str(private.value) == str(public.value)
    await catalog.publish(upload(distributions.wheel(tmp_path, "demo", "1.0")))
    assert await listed(catalog) == [WHEEL]
    assert "demo" not in index.first.asked + index.second.asked


async def test_a_name_that_becomes_private_is_no_longer_offered_and_may_be_published(
    index: Index, tmp_path: Path
) -> None:
    index.first.put("demo", "demo-9.0.tar.gz")
    await index.replica().project(DEMO)
    catalog = index.replica(private=("demo",))
    with pytest.raises(NotFoundError):
        await catalog.project(DEMO)
    with pytest.raises(NotFoundError):
        await catalog.mirrored.find(DEMO, "first", "packages/demo-9.0.tar.gz")
    await catalog.publish(upload(distributions.wheel(tmp_path, "demo", "1.0")))
    assert await listed(catalog) == [WHEEL]


async def test_nothing_is_asked_for_a_local_project(index: Index, tmp_path: Path) -> None:
    catalog = index.replica()
    await catalog.publish(upload(distributions.wheel(tmp_path, "demo", "1.0")))
    index.first.asked.clear()
    index.first.put("demo", "demo-9.0.tar.gz")
    assert await listed(catalog) == [WHEEL]
    await catalog.publish(upload(distributions.wheel(tmp_path, "demo", "1.1")))
    await catalog.delete(DEMO, Selection())
    with pytest.raises(NotFoundError):
        await catalog.project(DEMO)
    assert index.first.asked == []


async def test_a_name_of_an_upstream_cannot_be_published_before_it_is_claimed(index: Index, tmp_path: Path) -> None:
    """T25: versions of two owners are never mixed."""
    index.second.put("demo", "demo-9.0.tar.gz")
    catalog = index.replica()
    wheel = distributions.wheel(tmp_path, "demo", "1.0")
    body = wheel.read_bytes()
    for _ in range(2):  # Before and after somebody has read it.
        with pytest.raises(NameOwnedError, match="wheelyard claim demo"):
            await catalog.publish(upload(wheel))
        assert await listed(catalog) == ["demo-9.0.tar.gz"]
    await catalog.claim(DEMO, "ann")
    with pytest.raises(NotFoundError):
        await catalog.project(DEMO)
    with pytest.raises(RefusedFileError, match="claimed"):
        await catalog.mirrored.find(DEMO, "second", "packages/demo-9.0.tar.gz")
    wheel.write_bytes(body)
    await catalog.publish(upload(wheel))
    assert await listed(catalog) == [WHEEL]


async def test_an_upload_and_a_first_page_that_race_are_decided_by_the_storage(
    index: Index, tmp_path: Path
) -> None:
    """U3: the upstream gets the name between the question of the upload and its commit, or just before."""
    reader, publisher, gate = index.replica(), index.replica(), asyncio.Event()
    index.first.put("demo", "demo-9.0.tar.gz")
    index.first.delay = gate.wait
    reading = asyncio.create_task(reader.project(DEMO))
    await settled()
    index.first.delay = None
    page = index.first.pages.pop("demo")
    await publisher.publish(upload(distributions.wheel(tmp_path, "demo", "1.0")))
    index.first.pages["demo"] = page
    gate.set()
    assert [file.filename for file in (await reading).files] == [WHEEL]
    assert await listed(publisher) == [WHEEL]


async def test_nothing_is_published_while_an_upstream_cannot_be_asked(index: Index, tmp_path: Path) -> None:
    index.second.fail()
    with pytest.raises(UpstreamUnavailableError, match=r"names\.private"):
        await index.replica().publish(upload(distributions.wheel(tmp_path, "demo", "1.0")))
    assert index.writes == 0


async def test_a_released_name_goes_to_the_upstream_that_has_it(index: Index, tmp_path: Path) -> None:
    index.first.put("demo", "demo-9.0.tar.gz")
    catalog = index.replica()
    await catalog.claim(DEMO, "ann")
    await catalog.publish(upload(distributions.wheel(tmp_path, "demo", "1.0")))
    with pytest.raises(NameOwnedError, match="delete them"):
        await catalog.release(DEMO)
    await catalog.delete(DEMO, Selection())
    await catalog.release(DEMO)
    assert await listed(catalog) == ["demo-9.0.tar.gz"]


async def test_a_released_name_never_gets_other_bytes_for_a_filename_that_was_published(
    index: Index, tmp_path: Path
) -> None:
    """U4, across owners."""
    index.first.put("demo", WHEEL, "demo-9.0.tar.gz")
    catalog = index.replica()
    await catalog.claim(DEMO)
    await catalog.publish(upload(distributions.wheel(tmp_path, "demo", "1.0")))
    await catalog.delete(DEMO, Selection())
    await catalog.release(DEMO)
    assert await listed(catalog) == ["demo-9.0.tar.gz"]
    with pytest.raises(RefusedFileError):
        await catalog.mirrored.find(DEMO, "first", f"packages/{WHEEL}")


async def test_a_name_that_had_files_is_not_released_without_an_upstream(index: Index, tmp_path: Path) -> None:
    catalog = index.replica()
    await catalog.publish(upload(distributions.wheel(tmp_path, "demo", "1.0")))
    await catalog.delete(DEMO, Selection())
    with pytest.raises(NameOwnedError):
        await catalog.release(DEMO)
    index.first.fail()
    with pytest.raises(UpstreamUnavailableError):
        await catalog.release(DEMO)


async def test_mirrored_files_are_neither_yanked_nor_deleted_but_a_project_can_be_quarantined(index: Index) -> None:
    index.first.put("demo", WHEEL)
    catalog = index.replica()
    await catalog.project(DEMO)
    changes: list[Awaitable[object]] = [
        catalog.yank(DEMO, Selection(), "no"),
        catalog.unyank(DEMO, Selection()),
        catalog.delete(DEMO, Selection()),
    ]
    for change in changes:
        with pytest.raises(NameOwnedError, match="mirrored from first"):
            await change
    await catalog.set_status(DEMO, Status.QUARANTINED, "odd")
    index.first.put("demo", WHEEL, "demo-1.1.tar.gz")
    index.time.sleep(2_000)
    view = await catalog.project(DEMO)
    assert (view.files, view.status, view.status_reason) == ((), "quarantined", "odd")
    assert view.project.mirror is not None
    assert len(view.project.mirror.files) == 2
    with pytest.raises(RefusedFileError, match="odd"):
        await catalog.mirrored.find(DEMO, "first", f"packages/{WHEEL}")


async def test_the_owner_stays_when_an_earlier_upstream_gets_the_name(index: Index) -> None:
    index.second.put("demo", WHEEL)
    catalog = index.replica()
    await catalog.project(DEMO)
    index.first.put("demo", "demo-9.0.tar.gz")
    index.time.sleep(5_000)
    assert (await catalog.project(DEMO)).project.owner == "second"
    assert index.first.asked == ["demo"]


async def test_an_owner_that_is_no_longer_configured_for_a_name_loses_it(index: Index) -> None:
    index.first.put("demo", WHEEL)
    await index.replica().project(DEMO)
    index.second.put("demo", "demo-9.0.tar.gz")
    catalog = index.replica("torch*")
    view = await catalog.project(DEMO)
    assert (view.project.owner, [file.filename for file in view.files]) == ("second", ["demo-9.0.tar.gz"])
    assert catalog.counts.mirrors.owners_changed == {"second": 1}
    with pytest.raises(NotFoundError):
        await catalog.mirrored.find(DEMO, "first", f"packages/{WHEEL}")


async def test_a_mirror_of_an_owner_that_lost_the_name_stays_hidden_while_the_next_does_not_answer(
    index: Index,
) -> None:
    index.first.put("demo", WHEEL)
    await index.replica().project(DEMO)
    index.second.fail()
    with pytest.raises(UpstreamUnavailableError):
        await index.replica("torch*").project(DEMO)


async def test_another_url_is_another_mirror(index: Index) -> None:
    """T1: nothing of the old place is served for the new one."""
    index.first.put("demo", WHEEL)
    await index.replica().project(DEMO)
    index.first.url = "https://moved.example.com/simple/"
    index.first.put("demo", page_file(WHEEL, b"other bytes"))
    view = await index.replica().project(DEMO)
    assert view.project.mirror is not None
    assert view.project.mirror.url == index.first.url
    assert view.files[0].sha256 == index.first.pages["demo"].files[0].hashes["sha256"]


async def test_a_page_of_which_no_entry_can_be_used_is_a_failure(index: Index) -> None:
    index.first.put("demo", "other-1.0.tar.gz")
    index.second.put("demo", WHEEL)
    with pytest.raises(UpstreamAnswerError):
        await index.replica().project(DEMO)
    assert index.writes == 0
    assert index.second.asked == []


async def test_an_empty_page_counts_as_an_absence(index: Index) -> None:
    """T27."""
    index.first.put("demo")
    with pytest.raises(NotFoundError):
        await index.replica().project(DEMO)
    assert index.writes == 0


async def test_a_client_can_be_the_first_to_ask_for_so_many_names_in_an_hour(index: Index) -> None:
    """U13."""
    catalog, ann = index.replica(new_names_per_hour=3), Asker("ann", "192.0.2.1")
    index.first.put("demo", WHEEL)
    await catalog.project(DEMO, ann)
    for number in range(2):
        with pytest.raises(NotFoundError):
            await catalog.project(parse_project_name(f"guess{number}"), ann)
    with pytest.raises(TooManyNewNamesError) as refused:
        await catalog.project(OTHER, ann)
    assert "other" not in index.first.asked
    assert await listed(catalog) == [WHEEL]
    with pytest.raises(NotFoundError):
        await catalog.project(OTHER, Asker("", "192.0.2.1"))
    index.time.sleep(refused.value.seconds)
    with pytest.raises(NotFoundError):
        await catalog.project(parse_project_name("guess9"), ann)


async def test_a_client_can_ask_again_for_names_that_no_upstream_has_at_a_bounded_rate(index: Index) -> None:
    """U13."""
    catalog, ann = index.replica(new_names_per_hour=3), Asker("ann", "192.0.2.1")
    guesses = [parse_project_name(f"guess{number}") for number in range(3)]

    async def ask_all(asker: Asker) -> None:
        for guess in guesses:
            with pytest.raises(NotFoundError):
                await catalog.project(guess, asker)
        index.time.sleep(10)

    for _ in range(11):
        await ask_all(ann)
    index.first.asked.clear()
    with pytest.raises(TooManyNewNamesError) as refused:
        await catalog.project(guesses[0], ann)
    assert index.first.asked == []
    bob = Asker("bob", ann.address)
    await ask_all(bob)
    index.time.sleep(refused.value.seconds)
    with pytest.raises(NotFoundError):
        await catalog.project(guesses[0], ann)


async def test_the_memory_of_an_absence_is_free(index: Index) -> None:
    catalog, ann = index.replica(new_names_per_hour=1), Asker("ann", "192.0.2.1")
    for _ in range(100):
        with pytest.raises(NotFoundError):
            await catalog.project(OTHER, ann)
    assert index.first.asked == ["other"]


async def test_clients_that_try_again_in_an_outage_do_not_use_up_their_new_names(index: Index) -> None:
    """Installers repeat each request five times: after the outage, all other new names would be 429."""
    catalog, ann = index.replica(new_names_per_hour=2), Asker("ann", "")
    index.first.fail()
    for _ in range(5):
        with pytest.raises(UpstreamUnavailableError):
            await catalog.project(DEMO, ann)
    index.first.error = None
    index.first.put("other", WHEEL.replace("demo", "other"))
    assert await catalog.project(OTHER, ann)


async def test_a_url_from_a_lock_file_works_before_its_page_was_asked_for(index: Index) -> None:
    """T42."""
    index.first.put("demo", WHEEL)
    found = await index.replica().mirrored.find(DEMO, "first", f"packages/{WHEEL}")
    assert (found.file.filename, found.project.owner) == (WHEEL, "first")


async def test_a_path_that_no_page_lists_is_not_found(index: Index) -> None:
    index.first.put("demo", WHEEL)
    catalog = index.replica()
    for path in (f"elsewhere/{WHEEL}", "packages/demo-2.0.tar.gz"):
        with pytest.raises(NotFoundError):
            await catalog.mirrored.find(DEMO, "first", path)
    with pytest.raises(NotFoundError):
        await catalog.mirrored.find(DEMO, "second", f"packages/{WHEEL}")


async def test_a_path_that_a_page_which_has_just_expired_does_not_list_waits_for_the_upstream(index: Index) -> None:
    """T42: a lock that was made elsewhere may know more than the last page."""
    index.first.put("demo", WHEEL)
    catalog = index.replica()
    await catalog.project(DEMO)
    index.first.put("demo", WHEEL, "demo-1.1.tar.gz")
    index.time.sleep(700)
    assert (await catalog.mirrored.find(DEMO, "first", "packages/demo-1.1.tar.gz")).file.version == "1.1"


@pytest.mark.parametrize("seconds", [700, 10_000])
async def test_in_an_outage_a_path_that_the_last_page_does_not_list_is_no_absence(
    index: Index, seconds: int
) -> None:
    """U7, T8."""
    index.first.put("demo", WHEEL)
    catalog = index.replica()
    await catalog.project(DEMO)
    index.first.fail()
    index.time.sleep(seconds)
    with pytest.raises(UpstreamUnavailableError, match="does not answer"):
        await catalog.mirrored.find(DEMO, "first", "packages/demo-1.1.tar.gz")
    with pytest.raises(NotFoundError):
        await catalog.mirrored.find(DEMO, "second", "packages/demo-1.1.tar.gz")


async def test_files_of_this_index_ask_no_upstream(index: Index) -> None:
    """U13: these URLs name no asker, and no file of an upstream."""
    index.first.put("demo", WHEEL)
    catalog = index.replica()
    with pytest.raises(NotFoundError):
        await catalog.file(DEMO, WHEEL, "0" * 64)
    assert index.first.asked == index.second.asked == []
    await catalog.project(DEMO)
    with pytest.raises(NotFoundError):
        await catalog.file(DEMO, WHEEL, "0" * 64)


async def test_downloads_of_a_project_that_is_gone_keep_one_table_of_its_paths(index: Index) -> None:
    """Pages do not show it, so no view keeps what is made of its files."""
    names = [f"demo-{number}.tar.gz" for number in range(100)]
    index.first.put("demo", *names)
    catalog = index.replica()
    await catalog.project(DEMO)
    del index.first.pages["demo"]
    for _ in range(3):
        index.time.sleep(2000)
        with suppress(NotFoundError):
            await catalog.project(DEMO)
    with pytest.raises(NotFoundError):
        await catalog.project(DEMO)
    for _ in range(5):
        found = await catalog.mirrored.find(DEMO, "first", f"packages/{names[0]}")
    assert found.project.mirror is not None
    files = found.project.mirror.files
    assert isinstance(files, PackedFiles)
    assert len(files.notes) == 1


async def test_a_known_file_waits_for_no_upstream_but_its_page_is_renewed(index: Index) -> None:
    index.first.put("demo", WHEEL)
    catalog = index.replica()
    await catalog.project(DEMO)
    index.time.sleep(100_000)
    index.first.put("demo", WHEEL, status="quarantined")
    await catalog.mirrored.find(DEMO, "first", f"packages/{WHEEL}")
    await settled()
    with pytest.raises(RefusedFileError):
        await catalog.mirrored.find(DEMO, "first", f"packages/{WHEEL}")


async def test_documents_of_format_1_hold_no_mirrors(index: Index) -> None:
    index.storage.objects["wheelyard.json"] = b'{"format":1}'
    index.first.put("demo", WHEEL)
    upstreams = Upstreams((configured(index.first),), clock=index.time.monotonic)
    catalog = Catalog(index.storage, Policy(upstreams=upstreams), now=index.time.now)
    with pytest.raises(UpstreamUnavailableError, match="once all servers"):
        await catalog.project(DEMO)
    assert index.writes == 0


async def test_a_refresh_finds_what_was_just_released_once_a_minute(index: Index) -> None:
    index.first.put("demo", WHEEL)
    catalog = index.replica()
    await catalog.project(DEMO)
    index.first.put("demo", WHEEL, "demo-1.1.tar.gz")
    assert len((await catalog.refresh(DEMO)).files) == 2
    index.first.put("demo", WHEEL, "demo-1.1.tar.gz", "demo-1.2.tar.gz")
    index.time.sleep(20)
    with pytest.raises(RefreshedLatelyError, match="asked the upstream for demo less than a minute ago") as refused:
        await catalog.refresh(DEMO)
    assert refused.value.seconds == 40
    index.time.sleep(40)
    assert len((await catalog.refresh(DEMO)).files) == 3
    index.time.sleep(60)
    index.first.fail()
    with pytest.raises(UpstreamUnavailableError):
        await catalog.refresh(DEMO)


async def test_a_first_page_that_fails_after_all_readers_have_left_is_no_lost_error(index: Index) -> None:
    lost: list[dict[str, object]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: lost.append(context))
    goes_on = asyncio.Event()
    index.first.delay = goes_on.wait
    index.first.fail()
    reader = asyncio.create_task(index.replica().project(DEMO))
    await settled()
    reader.cancel()
    await settled()
    goes_on.set()
    await settled()
    gc.collect()
    assert lost == []
