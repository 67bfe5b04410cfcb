"""The table of vulnerabilities, whose texts come from anyone."""

import pytest

from support.noted_calls import NOTED, parsed
from wheelyard_server.commands import vulnerabilities as module
from wheelyard_server.commands.vulnerabilities import shown

COVERAGE = {
    "days": 7, "keptDays": 90, "since": "2026-11-24", "dropped": 0, "coarse": 0, "killedServers": 1, "damaged": [],
    "omitted": 0, "notes": ["A note."],
}  # fmt: skip
ROW = {
    "fetches": 3, "severity": "High", "isMalware": False, "project": "demo", "version": "1.0", "id": "GHSA-1",
    "fixed": ["1.1", "2.0"], "summary": "Reads \x1b[31m" + "x" * 200,
}  # fmt: skip
ANSWER = {
    "vulnerabilities": [ROW, {**ROW, "isMalware": True, "fixed": []}], "releases": 2, "areAdvisoriesKnown": True,
    "omitted": 0, "omittedProjects": 0, "coverage": COVERAGE,
}  # fmt: skip


def test_a_table_shows_them_and_no_text_controls_the_terminal() -> None:
    head, first, second, *rest = shown(ANSWER).splitlines()
    assert head.split() == ["FETCHES", "SEVERITY", "PROJECT", "VERSION", "ID", "FIXED", "SUMMARY"]
    assert first.split()[:7] == ["3", "High", "demo", "1.0", "GHSA-1", "1.1,", "2.0"]
    assert second.split()[1] == "Malware"
    assert "\x1b" not in first
    assert len(first) < 200
    assert "1 server was killed: up to a minute of its fetches may be missing." in rest


def test_no_vulnerability_is_said_only_if_there_are_advisories() -> None:
    nothing = {**ANSWER, "vulnerabilities": []}
    assert shown(nothing).startswith("No known vulnerability in 2 fetched releases.")
    assert "no advisories yet" in shown({**nothing, "areAdvisoriesKnown": False})
    assert "Left out: 4 vulnerabilities and 5 projects." in shown({**nothing, "omitted": 4, "omittedProjects": 5})


@pytest.mark.parametrize(
    ("flags", "query"),
    [
        ((), "days=30&format=json"),
        (("--days", "7", "--format", "sarif"), "days=7&format=sarif"),
        (("--format", "cyclonedx"), "days=30&format=cyclonedx"),
        (("--json",), "days=30&format=json"),
    ],
)
def test_the_answer_is_asked_for_with_its_days_and_its_format(flags: tuple[str, ...], query: str) -> None:
    asked = module.vulnerabilities(NOTED, parsed(module, "vulnerabilities", *flags))
    assert asked == ["GET", f"/vulnerabilities?{query}", None]
