"""Requests for the fetch log, and the words below an answer; `web/handlers/test_fetches.py` has the answers."""

import pytest

from support.noted_calls import NOTED, parsed
from wheelyard_server.commands import fetches as module
from wheelyard_server.commands.fetches import coverage_as_text, statistics_as_text

COMPLETE = {
    "days": 30, "keptDays": 90, "since": "2026-11-01", "dropped": 0, "coarse": 0, "killedServers": 0, "damaged": [],
    "omitted": 0, "notes": ["A note."],
}  # fmt: skip


def test_a_complete_answer_has_no_warning() -> None:
    assert coverage_as_text(COMPLETE) == ["30 days, recorded since 2026-11-01; 90 days are kept.", "A note."]


def test_each_thing_that_is_missing_has_a_line_in_words_for_one() -> None:
    one = {"days": 1, "keptDays": 1, "dropped": 1, "coarse": 1, "killedServers": 1, "damaged": ["x"], "omitted": 1}
    assert coverage_as_text({**COMPLETE, **one, "since": None, "notes": []}) == [
        "1 day, nothing is recorded; 1 day is kept.",
        "1 fetch is omitted: ask for fewer days, or for one version.",
        "1 fetch is counted by network, or without the client: there were too many.",
        "1 fetch, of any file, is not attributed: there were too many.",
        "1 server was killed: up to a minute of its fetches may be missing.",
        "1 part of the log is damaged: run `wheelyard verify`.",
    ]


def test_each_thing_that_is_missing_has_a_line_in_words_for_more() -> None:
    more = {"dropped": 2, "coarse": 3, "killedServers": 4, "damaged": ["x", "y"], "omitted": 5}
    assert coverage_as_text({**COMPLETE, **more})[1:-1] == [
        "5 fetches are omitted: ask for fewer days, or for one version.",
        "3 fetches are counted by network, or without the client: there were too many.",
        "2 fetches, of any file, are not attributed: there were too many.",
        "4 servers were killed: up to a minute of their fetches may be missing.",
        "2 parts of the log are damaged: run `wheelyard verify`.",
    ]


def test_statistics_begin_with_their_sum() -> None:
    answer = {"name": "demo", "fetches": 1, "versions": [], "clients": [], "days": [], "coverage": COMPLETE}
    assert statistics_as_text(answer).splitlines()[0] == "demo: 1 fetch"
    assert statistics_as_text({**answer, "fetches": 2}).splitlines()[0] == "demo: 2 fetches"


@pytest.mark.parametrize(
    ("arguments", "query"),
    [
        (("demo",), "project=demo&days=90"),
        (("demo==1.0+a", "--days", "7"), "project=demo&version=1.0%2Ba&days=7"),
        (("sha256:" + "A" * 64, "--days", "1"), f"sha256={'A' * 64}&days=1"),
    ],
)
def test_the_fetches_of_a_file_a_version_or_a_project_are_asked_for(arguments: tuple[str, ...], query: str) -> None:
    asked = module.fetched(NOTED, parsed(module, "fetched", *arguments))
    assert asked == ["GET", f"/fetches?{query}", None]


@pytest.mark.parametrize(("flags", "days"), [((), 30), (("--days", "7"), 7)])
def test_the_statistics_are_asked_for_with_the_days(flags: tuple[str, ...], days: int) -> None:
    asked = module.statistics(NOTED, parsed(module, "statistics", "demo", *flags))
    assert asked == ["GET", f"/projects/demo/statistics?days={days}", None]
