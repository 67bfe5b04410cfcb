"""What `make test` says of its suites, with a Makefile that stands in for the project's."""

from pathlib import Path

import pytest

from cluster.paths import REPOSITORY
from suites import LANES, PREPARATION, Result, Suite, run, screen

MAKEFILE = """\
.PHONY: prepare good red broken slow
prepare:
	@echo "nothing to do"
good:
	@echo "======= 5 passed, 1 skipped in 0.10s ======="
red:
	@echo "FAILED tests/unit/test_a.py::test_b - AssertionError: no"
	@echo "ERROR tests/unit/test_a.py::test_c"
	@echo "======= 1 failed, 3 passed, 1 error in 61.20s (0:01:01) ======="
	@exit 1
broken:
	@echo "E501 Line too long"
	@exit 1
flags:
	@echo "flags=$(MAKEFLAGS)"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "Makefile").write_text(MAKEFILE)
    return tmp_path


def run_lanes(folder: Path, *lanes: tuple[str, ...], prepare: str = "prepare") -> list[Result]:
    return run(Suite(prepare, ""), [[Suite(each, "") for each in lane] for lane in lanes], folder, folder / "logs")


def test_a_red_suite_stops_no_other(folder: Path) -> None:
    results = run_lanes(folder, ("red", "good"), ("broken", "good"))
    assert [(each.suite.target, bool(each.status)) for each in results] == [
        ("prepare", False),
        ("red", True),
        ("good", False),
        ("broken", True),
        ("good", False),
    ]


def test_a_failed_preparation_stops_no_suite(folder: Path) -> None:
    assert [each.status for each in run_lanes(folder, ("good",), prepare="broken")][1:] == [0]


def test_the_screen_names_each_failed_test_and_the_log(folder: Path) -> None:
    text = screen(run_lanes(folder, ("good", "red")))
    assert f"red: the whole log is {folder / 'logs/red.log'}" in text
    assert "    tests/unit/test_a.py::test_b - AssertionError: no" in text
    assert "    tests/unit/test_a.py::test_c" in text


def test_a_suite_that_runs_no_tests_shows_its_last_line(folder: Path) -> None:
    text = screen(run_lanes(folder, ("broken",)))
    assert "make: *** [Makefile" in text
    assert text.endswith("0 passed, 1 failed, 0 skipped")


def test_the_last_line_has_the_counts_of_all_suites(folder: Path) -> None:
    assert (
        screen(run_lanes(folder, ("good",), ("red", "good"))).splitlines()[-1] == "13 passed, 2 failed, 2 skipped"
    )


def test_a_screen_stays_a_screen(folder: Path) -> None:
    log = folder / "many.log"
    log.write_text("".join(f"FAILED tests/test_a.py::test_{number}\n" for number in range(100)))
    lines = screen([Result(Suite("many", ""), 1, 1.0, log)]).splitlines()
    assert len(lines) <= 40
    assert "and 71 more lines, in the logs" in lines


def test_suites_do_not_inherit_the_flags_of_the_make_above(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAKEFLAGS", "n")
    assert run_lanes(folder, ("flags",))[1].log.read_text().split() == ["flags=", "--no-print-directory"]


def test_every_suite_is_a_target_of_the_makefile() -> None:
    makefile = (REPOSITORY / "Makefile").read_text()
    for suite in (PREPARATION, *(suite for lane in LANES for suite in lane)):
        assert f"\n{suite.target}: " in makefile
