"""Every rule: marked where an index takes what is installable, refused where it takes what is well-formed."""

from pathlib import Path

import pytest

from support.inspecting import finding
from support.odd_distributions import CASES
from wheelyard_server.catalog.inspection.findings import Findings, Rule
from wheelyard_server.errors import InvalidUploadError
from wheelyard_server.model import MAX_FINDING_LENGTH
from wheelyard_server.settings import Accept


@pytest.mark.parametrize("rule", Rule)
def test_every_rule_is_a_finding_or_a_refusal_as_the_index_accepts(tmp_path: Path, rule: Rule) -> None:
    filename, body = CASES[rule]
    assert finding(tmp_path, filename, body).rule == rule


def test_a_rule_is_found_once_with_the_number_of_others() -> None:
    findings = Findings(Accept.INSTALLABLE)
    for name in ("a", "b", "c"):
        findings.add(Rule.RECORD_REPEATED, f"{name} twice")
    findings.add(Rule.ZIP_COMMENT, "x" * 300)
    first, second = findings.found()
    assert first.message == "a twice (and 2 more)"
    assert second.message == "x" * MAX_FINDING_LENGTH


def test_the_number_of_others_is_shown_after_a_long_message() -> None:
    findings = Findings(Accept.INSTALLABLE)
    findings.add(Rule.ZIP_COMMENT, "x" * 300)
    findings.add(Rule.ZIP_COMMENT, "x" * 300)
    (found,) = findings.found()
    assert len(found.message) == MAX_FINDING_LENGTH
    assert found.message.endswith("x (and 1 more)")


def test_an_index_for_well_formed_files_refuses_at_the_first_finding() -> None:
    with pytest.raises(InvalidUploadError, match=r"a comment \(zip-comment; this index accepts only"):
        Findings(Accept.WELL_FORMED).add(Rule.ZIP_COMMENT, "a comment")
