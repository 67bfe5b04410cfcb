"""The page about advisories: the feed, what was fetched, the quarantine, and what rules did."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from support import distributions
from support.access import NOBODY, OWNER, READER
from support.http import Client
from support.managers import page_of, refusals, with_manager
from support.memory_storage import MemoryStorage
from support.mirrored_projects import mirror, never_asked
from wheelyard_server.app import CATALOG
from wheelyard_server.catalog.advisories.state import AdvisoriesState, FeedFailure, Force, WaitingExport
from wheelyard_server.catalog.catalog import Catalog
from wheelyard_server.catalog.fetches.rows import Login
from wheelyard_server.policy.advisories import Advisories, Advisory
from wheelyard_server.policy.quarantine import Quarantine, Quarantined
from wheelyard_server.settings import Settings
from wheelyard_server.settings.policy import Action, Severity
from wheelyard_server.web.site.advisories import SHOWN, SHOWN_VERSIONS, counts, feed

PAGE = "/advisories/"
DAY = datetime(2026, 11, 1, tzinfo=UTC)


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return msgspec.structs.replace(with_manager(settings), upstreams=(never_asked("*"),))


@pytest.fixture
async def fetched(client: Client, storage: MemoryStorage, tmp_path: Path) -> Catalog:
    """Fetch open-up 9 times and other once, and return the catalog."""
    assert client.app is not None
    catalog = client.app[CATALOG]
    for name, times in (("open_up", 9), ("other", 1)):
        project = name.replace("_", "-")
        await mirror(storage, project, distributions.wheel(tmp_path, name))
        for _ in range(times):
            which = (project, f"{name}-1.0-py3-none-any.whl", "a" * 64, "1.0")
            catalog.fetches.counter.count(which, Login("", "none"), "192.0.2.7", "pip")
    return catalog


def advisory(id_: str, **fields: Any) -> Advisory:
    known = {"is_malware": False, "severity": Severity.HIGH, "published": DAY, "is_reviewed": True}
    return Advisory(**{"id": id_, **known, **fields})


def state(**fields: Any) -> AdvisoriesState:
    nothing = dict.fromkeys(AdvisoriesState.__struct_fields__)
    known = {
        "state": Force.IN_FORCE,
        "source": "osv",
        "records": 1200,
        "malware": 7,
        "unreadable": 0,
        "late": False,
    }
    return AdvisoriesState(**{**nothing, "problem": "", **known, **fields})


async def test_findings_have_malware_first_and_then_the_most_fetched(client: Client, fetched: Catalog) -> None:
    found = {
        "open-up": (
            advisory("GHSA-aaaa-bbbb-cccc", summary="<b>Reads more", fixed=("1.1", "2.0")),
            advisory("<i>odd", severity=None),
        ),
        "other": (advisory("MAL-2026-1", is_malware=True),),
    }
    fetched.basis.put_advisories(Advisories("1", found))
    text = await page_of(client, PAGE)
    places = [text.index(each) for each in ("MAL-2026-1", "&lt;i&gt;odd", "GHSA-aaaa-bbbb-cccc")]
    assert places == sorted(places)
    assert '<a href="https://osv.dev/vulnerability/GHSA-aaaa-bbbb-cccc" rel="nofollow noreferrer noopener">' in text
    assert "vulnerability/&lt;" not in text
    assert 'href="../project/open-up/1.0/"' in text
    for words in (
        '<span class="tag bad">malware</span>',
        '<span class="tag warn">High severity</span>',
        "no severity",
        "&lt;b&gt;Reads more",
        "(fixed in 1.1, 2.0)",
        "(no fix is known)",
        "9 fetches",
        "1 fetch,",
        "2 releases compared",
    ):
        assert words in text


async def test_many_findings_are_cut_and_malware_is_never_among_the_rest(client: Client, fetched: Catalog) -> None:
    many = tuple(advisory(f"GHSA-{number}", fixed=("1",) * (SHOWN_VERSIONS + 2)) for number in range(SHOWN + 4))
    other = (advisory("MAL-2026-1", is_malware=True),)
    fetched.basis.put_advisories(Advisories("1", {"open-up": many, "other": other}))
    text = await page_of(client, PAGE)
    assert text.count("osv.dev/vulnerability/") == SHOWN
    assert "MAL-2026-1" in text
    assert "And 5 more: <code>wheelyard vulnerabilities</code>" in text
    assert "and 2 more)" in text


async def test_an_index_in_which_nothing_happened_says_so(client: Client) -> None:
    text = await page_of(client, PAGE)
    for words in (
        '<span class="tag warn">missing',
        "spec.advisories",
        "No file was fetched",
        "<code>wheelyard quarantine PROJECT --reason TEXT</code>",
        "None since this server started",
    ):
        assert words in text


async def test_fetched_files_without_a_finding(client: Client, fetched: Catalog) -> None:
    fetched.basis.put_advisories(Advisories("1", {"elsewhere": (advisory("GHSA-1"),)}))
    assert "No advisory is about a file that was fetched" in await page_of(client, PAGE)
    fetched.basis.put_advisories(Advisories())
    assert "Without advisories, nothing is found" in await page_of(client, PAGE)


async def test_the_quarantine_shows_its_newest_entries(client: Client, fetched: Catalog) -> None:
    entries = [
        Quarantined(reason=f"<b>reason {number}.", by="it.boss", at=DAY, project="open-up", version=f"{number}.0")
        for number in range(SHOWN + 2)
    ]
    file = Quarantined(reason="bytes", by="it.boss", at=DAY, sha256="e" * 64)
    fetched.quarantine._put(fetched.quarantine._read._replace(quarantine=Quarantine(entries=(*entries, file))))
    text = await page_of(client, PAGE)
    assert text.index("e" * 64) < text.index(f"&lt;b&gt;reason {SHOWN + 1}.") < text.index("reason 3.")
    assert 'href="../project/open-up/3.0/"' in text
    assert "reason 2." not in text
    assert "And 3 more: <code>wheelyard quarantine --list</code>" in text
    assert "by <bdi>it.boss</bdi>" in text


async def test_requests_that_met_a_rule_are_counted(client: Client, fetched: Catalog) -> None:
    fetched.counts.decisions.by_rule.update(
        {("deny", Action.BLOCK): 2, ("malware", Action.BLOCK): 5, ("license", Action.REPORT): 1}
    )
    text = await page_of(client, PAGE)
    assert text.index("blocked by malware: 5 times") < text.index("blocked by deny: 2 times")
    assert "only reported by license: 1 time<" in text
    assert counts(fetched.counts.decisions.by_rule, Action.REPORT) == ["license: 1 time"]


async def test_the_page_shows_what_is_wrong_with_the_feed(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    assert client.app is not None
    wrong = state(
        age=7 * 3600,
        late=True,
        unreadable=2,
        problem="it is damaged",
        failure=FeedFailure(reason="<b>no answer", since=DAY),
        waiting=WaitingExport(reason="It lacks 900 records.", since=DAY, records=1, malware=0),
    )
    monkeypatch.setattr(client.app[CATALOG].advisories, "state", lambda: wrong)
    text = await page_of(client, PAGE)
    for words in (
        "1,200 records, 7 of them about malware, from <bdi>osv</bdi>",
        "nothing new for 7 hours",
        "cannot be read since 2026-11-01 00:00 UTC: &lt;b&gt;no answer",
        "it is damaged",
        "2 records of the feed cannot be read",
        "It lacks 900 records.",
        "<code>wheelyard advisories accept</code>",
    ):
        assert words in text


async def test_lost_advisories_are_an_alarm(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    assert client.app is not None
    monkeypatch.setattr(client.app[CATALOG].advisories, "state", lambda: state(state=Force.LOST))
    text = await page_of(client, PAGE)
    assert '<span class="tag bad">lost' in text
    assert "offers no file of an upstream until it can" in text


@pytest.mark.parametrize(
    ("age", "words"),
    [(None, ""), (30, "less than a minute"), (119, "1 minute"), (7200, "2 hours"), (90_000, "1 day")],
)
def test_ages_have_one_unit(age: int | None, words: str) -> None:
    assert feed(state(age=age)).age == words


async def test_others_are_refused_and_have_no_link_to_it(client: Client) -> None:
    assert await refusals(client, PAGE, NOBODY, READER, OWNER) == [303, 403, 403, 403]
    assert "advisories/" not in await page_of(client, "/access/", OWNER)
    assert '"../advisories/"' in await page_of(client, "/access/")
