"""Globs as people write names: a rule with another spelling of a name must not be without effect."""

import pytest

from wheelyard_server.policy.globs import ByName, name_spelling, pattern_of


@pytest.mark.parametrize("written", ["PyYAML", "pyyaml ", "PYYAML"])
def test_a_plain_name_is_found_in_any_spelling(written: str) -> None:
    found = ByName([((written,), "rule")])
    assert found.of("pyyaml") == ("rule",)
    assert found.of("pyyaml-extra") == ()


@pytest.mark.parametrize("written", ["my_tool*", "my__tool*", "My.-_Tool*", " my-tool* "])
def test_separators_of_a_glob_are_those_of_normalized_names(written: str) -> None:
    assert pattern_of([written]).fullmatch("my-tool-cli")
    assert ByName([((written,), "rule")]).of("my-tool-cli") == ("rule",)
    assert name_spelling(written) == "my-tool*"


def test_without_globs_nothing_matches() -> None:
    assert pattern_of([]).fullmatch("") is None
