import logging
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from support import distributions
from support.catalogs import upload
from support.fake_upstream import FakeTime, FakeUpstream, configured, page_file, replica
from support.memory_storage import MemoryStorage
from support.policies import local
from wheelyard_server.catalog import decisions as module
from wheelyard_server.catalog.catalog import Catalog
from wheelyard_server.catalog.counts import Counts, UsedException
from wheelyard_server.catalog.decisions import Decisions
from wheelyard_server.errors import NotFoundError, Refusal, RefusedFileError
from wheelyard_server.model.status import Status
from wheelyard_server.names import NormalizedName, parse_project_name
from wheelyard_server.policy.verdict import PERMITTED, Rule
from wheelyard_server.settings.policy import Action, parse_policy

DEMO = parse_project_name("demo")
WHEEL = "demo-1.0-py3-none-any.whl"
PATH = f"packages/{WHEEL}"
REFUSED = Refusal("demo", Rule.COOLDOWN, WHEEL)
DENIED = "policy: {deny: [{packages: [demo], reason: use other}]}"


@pytest.fixture
def time() -> FakeTime:
    return FakeTime()


@pytest.fixture
def upstream() -> FakeUpstream:
    found = FakeUpstream()
    found.put("demo", WHEEL)
    return found


@pytest.fixture
def storage() -> MemoryStorage:
    return MemoryStorage()


@pytest.fixture
def catalog(storage: MemoryStorage, upstream: FakeUpstream, time: FakeTime) -> Catalog:
    return replica(storage, time, configured(upstream), private=("acme-*",))


@pytest.fixture
def put(catalog: Catalog) -> Callable[[str], None]:
    return lambda text: catalog.basis.put_file(parse_policy(text.encode()))


async def refusal_of(catalog: Catalog, name: NormalizedName) -> RefusedFileError | None:
    """Return why there is no page, as `GuardedCatalog.page` does."""
    try:
        return (await catalog.project(name)).refusal_of_name
    except RefusedFileError as error:
        return error


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == module.__name__]


@pytest.mark.parametrize("known", [False, True])
async def test_a_denied_name_is_refused_on_its_page_and_at_its_files_and_its_upstream_is_not_asked(
    catalog: Catalog, upstream: FakeUpstream, put: Callable[[str], None], *, known: bool
) -> None:
    """Section 7.3: 403 and never 404, also for a name that no reader has asked for before."""
    if known:
        await catalog.project(DEMO)
    asked = list(upstream.asked)
    put(DENIED)
    for _ in range(2):
        refusal = await refusal_of(catalog, DEMO)
        assert refusal is not None
        assert str(refusal).startswith("demo is denied: use other")
        assert (refusal.refusal.rule, refusal.refusal.filename) == (Rule.DENY, "")
        with pytest.raises(RefusedFileError, match="is denied: use other"):
            await catalog.mirrored.find(DEMO, "up", PATH)
        with pytest.raises(RefusedFileError):
            await catalog.refresh(DEMO)
    assert upstream.asked == asked
    put("{}")
    assert (await catalog.project(DEMO)).file_count == 1


async def test_a_name_that_is_not_allowed_is_refused_but_a_name_that_no_upstream_is_asked_for_is_absent(
    catalog: Catalog, upstream: FakeUpstream, put: Callable[[str], None]
) -> None:
    put("policy: {allow: {releases: [{packages: [numpy]}]}}")
    with pytest.raises(RefusedFileError, match="not among the projects"):
        await catalog.project(DEMO)
    with pytest.raises(NotFoundError):
        await catalog.project(parse_project_name("acme-app"))
    assert upstream.asked == []


async def test_a_denied_version_is_hidden_and_its_files_are_refused(
    catalog: Catalog, upstream: FakeUpstream, put: Callable[[str], None]
) -> None:
    upstream.put("demo", WHEEL, "demo-2.0-py3-none-any.whl")
    put("policy: {deny: [{packages: [demo], versions: <2, reason: use 2}]}")
    assert [file.version for file in (await catalog.project(DEMO)).files] == ["2.0"]
    with pytest.raises(RefusedFileError, match=r"demo 1.0 is denied: use 2\. Ask for an exception"):
        await catalog.mirrored.find(DEMO, "up", PATH)
    assert await catalog.mirrored.find(DEMO, "up", "packages/demo-2.0-py3-none-any.whl")


async def test_local_files_are_subject_to_deny_and_to_digests_and_never_wait(
    catalog: Catalog, put: Callable[[str], None], tmp_path: Path
) -> None:
    wheel = distributions.wheel(tmp_path, "acme_app")
    name = parse_project_name("acme-app")
    put("policy: {cooldown: {age: 30d}, formats: {action: Block, allow: [sdist]}}")
    await catalog.publish(upload(wheel))
    view = await catalog.project(name)
    (file,) = view.project.files
    assert (view.revision, view.files) == ("", view.project.files), "no rule concerns it, so its ETag is as before"
    assert await catalog.file(name, file.filename, file.sha256) == file
    put(f"policy: {{deny: [{{sha256: [{file.sha256}], reason: leaked}}]}}")
    assert (await catalog.project(name)).files == ()
    with pytest.raises(RefusedFileError, match="is denied: leaked"):
        await catalog.file(name, file.filename, file.sha256)
    put("policy: {deny: [{packages: [acme-app]}]}")
    assert await refusal_of(catalog, name)
    assert (await catalog.set_status(name, Status.ARCHIVED, "old")).status == Status.ARCHIVED


async def test_an_upload_that_a_rule_would_refuse_to_serve_is_refused(
    catalog: Catalog, storage: MemoryStorage, put: Callable[[str], None], tmp_path: Path
) -> None:
    """Otherwise a publisher would see a success, and no client could ever install it."""
    put("policy: {deny: [{packages: [acme-app], versions: <2, reason: use 2}]}")
    with pytest.raises(RefusedFileError, match=r"acme-app 1.0 is denied: use 2"):
        await catalog.publish(upload(distributions.wheel(tmp_path, "acme_app")))
    assert not [key for key in storage.objects if key.startswith(("projects/", "files/"))]
    await catalog.publish(upload(distributions.wheel(tmp_path, "acme_app", "2.0")))


async def test_a_denied_name_can_be_claimed_and_stays_denied(catalog: Catalog, put: Callable[[str], None]) -> None:
    """Its owner changes, and the rule holds for local files, too: nothing is served by a claim."""
    await catalog.project(DEMO)
    put(DENIED)
    assert (await catalog.claim(DEMO, "ann")).owner == ""
    assert await refusal_of(catalog, DEMO)


async def test_requests_are_counted_and_pages_are_not(
    catalog: Catalog, upstream: FakeUpstream, time: FakeTime, put: Callable[[str], None]
) -> None:
    young = page_file("demo-2.0-py3-none-any.whl", upload_time=time.now() - timedelta(days=1))
    upstream.put("demo", WHEEL, young)
    put(
        "policy: {deny: [{packages: [demo], versions: ==2.0, action: Report}], exceptions: [{packages: [demo],"
        " from: [cooldown], until: 2027-01-01, reason: SEC-1}]}"
    )
    decisions = catalog.counts.decisions
    for _ in range(3):
        assert (await catalog.project(DEMO)).file_count == 2
    assert (decisions.by_rule, decisions.exceptions) == ({}, {})
    for _ in range(3):
        await catalog.mirrored.find(DEMO, "up", "packages/demo-2.0-py3-none-any.whl")
    await catalog.mirrored.find(DEMO, "up", PATH)
    assert decisions.by_rule == {(Rule.DENY, Action.REPORT): 3}
    assert decisions.exceptions == {"SEC-1": UsedException(3, time.now())}


def test_a_line_an_hour_is_logged_for_each_file_and_rule(time: FakeTime, caplog: pytest.LogCaptureFixture) -> None:
    """A red CI that asks ten thousand times writes one line, and one more with the count."""
    caplog.set_level(logging.INFO)
    counts = Counts()
    decisions = Decisions(counts, time.now)
    for _ in range(2):
        for _ in range(10_000):
            decisions.refused(REFUSED, "demo 1.0 waits until 2026-12-01")
        time.sleep(3600)
    line = f"The rule cooldown concerns {WHEEL}"
    assert lines(caplog) == [line, f"{line}: 10000 times in that hour", line]
    fields = caplog.records[0].fields  # type: ignore[attr-defined]
    assert fields == {
        "rule": "cooldown",
        "action": "Block",
        "project": "demo",
        "file": WHEEL,
        "reason": "demo 1.0 waits until 2026-12-01",
    }
    assert counts.decisions.by_rule == {(Rule.COOLDOWN, Action.BLOCK): 20_000}


def test_what_clients_ask_for_is_bounded_in_memory_and_in_the_log(
    time: FakeTime, caplog: pytest.LogCaptureFixture
) -> None:
    decisions = Decisions(Counts(), time.now)
    for number in range(3 * module.MAX_LINES_PER_HOUR):
        decisions.refused(REFUSED._replace(filename=f"demo-{number}.zip"), "waits")
        decisions.require_served("demo", local(), PERMITTED._replace(exception=f"SEC-{number}"))
    assert len(lines(caplog)) == len(decisions._times) == module.MAX_LINES_PER_HOUR
    assert len(decisions.counts.decisions.exceptions) == module.MAX_EXCEPTIONS
    assert decisions.counts.decisions.by_rule.total() == 3 * module.MAX_LINES_PER_HOUR
