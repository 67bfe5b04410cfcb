"""Answers as text for people."""

import pytest

from wheelyard_server.commands.text import MAX_VERSIONS, as_text, counted, newest_first, project_as_text


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        ({"user": None, "groups": []}, "user: -\ngroups: -"),
        ({"files": ["a", "b"]}, "files: a b"),
        ({"claimed": {"at": "noon", "by": "me"}}, "claimed: at noon by me"),
        ({"shadows": [{"name": "a", "newer": True}, {"name": "b", "newer": False}]}, "a  newer\nb"),
    ],
)
def test_an_answer_has_a_line_for_each_value(answer: object, text: str) -> None:
    assert as_text(answer) == text


def test_versions_are_in_the_order_of_pep_440() -> None:
    versions = ["1.10", "1.9", "1.9rc1", "2004d", "1!0.1", "odd-one", "1.9.post1", "1" * 5000]
    assert newest_first(versions) == ["1!0.1", "1.10", "1.9.post1", "1.9", "1.9rc1", "odd-one", "2004d", "1" * 5000]


def test_a_project_of_thousands_of_files_is_a_few_lines() -> None:
    versions = [f"1.{number}" for number in range(3000)]
    project = {"name": "demo", "upstream": "pypi", "status": "active", "statusReason": "", "versions": versions}
    lines = project_as_text({**project, "statusChanged": None, "next": "z", "files": [{"filename": "a"}] * 1000})
    assert lines.splitlines()[:4] == ["name: demo", "upstream: pypi", "status: active", "statusReason: -"]
    (shown,) = lines.splitlines()[4:]
    assert shown.startswith("versions: 1.2999 1.2998 1.2997 ")
    assert shown.endswith(f" 1.{3000 - MAX_VERSIONS} and {3000 - MAX_VERSIONS} more (--json)")


def test_a_number_has_the_words_for_one_or_for_more() -> None:
    assert [counted(number, "file", "files") for number in (0, 1, 2)] == ["0 files", "1 file", "2 files"]
