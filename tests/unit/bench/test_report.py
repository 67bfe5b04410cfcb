"""What the bench makes of figures; that the figures are right is for people to judge."""

from pathlib import Path

import pytest

from bench import plots, report
from bench.measures import ALL
from bench.results import Results, key_of, load
from bench.servers import BY_NAME
from bench.targets import TARGETS, Target, Term, Verdict

RATE = key_of("pages/html/rate")
OTHER = key_of("pages/json/rate")


@pytest.fixture
def results() -> Results:
    about = {
        "date": "today",
        "run": "tiny",
        "machine": {"processors": "2"},
        "idle check": "passed",
        "servers": {name: {"version": "1", "settings": "plain"} for name in ("nginx", "wheelyard", "devpi")},
    }
    found = Results(about)
    for value in (90.0, 110.0, 100.0):
        found.add(RATE, "nginx", value)
    found.add(RATE, "wheelyard", 50.0)
    found.lack(RATE, "devpi", "failed: it broke\n    on line 2")
    return found


def target(bound: float, *, at_least: bool = True) -> Target:
    return Target("pages", bound, [Term(RATE, ["wheelyard"], ["nginx"])], at_least=at_least)


def test_the_result_is_the_median_of_the_rounds(results: Results) -> None:
    assert results.median(RATE, "nginx") == 100
    assert results.spread(RATE, "nginx") == pytest.approx(0.2)
    assert results.spread(RATE, "wheelyard") is None, "one round has no spread"


def test_a_target_is_reached_at_its_bound(results: Results) -> None:
    assert target(0.5).verdict(results) is Verdict.REACHED
    assert target(0.51).verdict(results) is Verdict.MISSED
    assert target(0.5, at_least=False).verdict(results) is Verdict.REACHED
    assert target(0.49, at_least=False).verdict(results) is Verdict.MISSED


def test_the_worst_term_decides(results: Results) -> None:
    both = Target("both", 0.4, [Term(RATE, ["wheelyard"], ["nginx"]), Term(OTHER, ["wheelyard"], ["nginx"])])
    assert both.verdict(results) is Verdict.UNKNOWN, "one of them was not measured"
    results.add(OTHER, "nginx", 100.0)
    results.add(OTHER, "wheelyard", 30.0)
    assert both.worst(results) == pytest.approx(0.3)
    assert both.verdict(results) is Verdict.MISSED


def test_the_best_of_several_servers_is_the_bar(results: Results) -> None:
    assert Term(RATE, ["devpi", "wheelyard", "nginx"]).value(results, more_is_better=True) == 100
    assert Term(RATE, ["devpi", "wheelyard", "nginx"]).value(results, more_is_better=False) == 50


def test_every_target_names_figures_and_servers_that_there_are() -> None:
    figures = {
        (group.name, each.name, figure.name) for group in ALL for each in group.measures for figure in each.figures
    }
    for each in TARGETS:
        for term in each.terms:
            assert term.key in figures
            assert set(term.servers) & set(BY_NAME), each.title


def test_a_report_says_what_is_missing_and_why(results: Results) -> None:
    text = report.markdown(results, [])
    assert "| 10 files, HTML, requests/s | 100 | 0.5 |" in text
    assert "- devpi: 10 files, HTML: failed: it broke on line 2" in text


def test_results_come_back_from_their_file(results: Results, tmp_path: Path) -> None:
    results.save(tmp_path / "found.json")
    read = load(tmp_path / "found.json")
    assert (read.about, read.absent) == (results.about, results.absent)
    assert read.values == results.values


def test_the_longest_bar_is_the_best_rate() -> None:
    figure = ALL[0].measures[0].figures[0]
    picture = plots.bars(figure, {"wheelyard": 50.0, "nginx": 100.0})
    assert picture.index("nginx") < picture.index("wheelyard")
    assert 'width="380"' in picture
    assert 'width="190"' in picture
