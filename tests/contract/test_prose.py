"""The worst patterns of docs/dev/style.md stay away from documents, messages, docstrings and comments."""

from pathlib import Path

import pytest

from support.documents import ROOT
from support.prose import MAX_COLUMNS, Piece, files, pieces, problems, reports, too_long

PAGES = [
    *ROOT.glob("*.md"),
    *(ROOT / "docs").rglob("*.md"),
    *(ROOT / "tests").rglob("README.md"),
]
TREES = [
    ".github",
    "Dockerfile",
    "Makefile",
    "charts",
    "charts/wheelyard/templates/NOTES.txt",
    "crds",
    "docs/hooks",
    "examples",
    "findings",
    "indexserver",
    "mkdocs.yml",
    "pyproject.toml",
    "operator",
    "release",
    "tests/apiserver",
    "tests/bench",
    "tests/chaos",
    "tests/chart",
    "tests/clients",
    "tests/cluster",
    "tests/contract",
    "tests/demo",
    "tests/e2e",
    "tests/fuzz",
    "tests/integration",
    "tests/s3_servers",
    "tests/support",
    "tests/conftest.py",
    "tests/unit",
]
"""Files, and folders, that have none of the patterns."""

WRAPPED_TREES = [
    "charts",
    "findings",
    "docs/hooks",
    "release",
    *(each for each in TREES if each.startswith(("indexserver", "operator", "tests/"))),
]
"""Folders whose docstrings and comments are wrapped."""


ABOUT_PATTERNS = {ROOT / "tests/contract/test_prose.py", ROOT / "tests/support/prose.py"}
"""Files that have the patterns as examples."""


def of(tree: str) -> list[Path]:
    """Return the files of a tree; of none, the pages."""
    found = files(ROOT / tree) if tree else sorted(PAGES)
    return [each for each in found if each not in ABOUT_PATTERNS]


@pytest.mark.parametrize("tree", ["", *TREES])
def test_no_pattern_of_the_old_idiom_comes_back(tree: str) -> None:
    found = [report for path in of(tree) for report in reports(path)]
    assert not found, "\n".join(found)


@pytest.mark.parametrize("tree", ["", *WRAPPED_TREES])
def test_prose_is_wrapped(tree: str) -> None:
    found = [
        f"{path}:{line}: more than {MAX_COLUMNS} columns"
        for path in of(tree)
        if path.suffix in {".md", ".py"}
        for line in too_long(path)
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("who without a noun", "Whoever has the right does it."),
        ("who without a noun", "Who has the right does it."),
        ("who without a noun", "It refuses to write for who does not lead."),
        ("nobody", "It shows nobody's packages."),
        ("tell", "That project is told and left as it is."),
        ("what as a noun", "What is missing is added. It goes by what is there."),
        ("where for if", "Where it is full, nothing is written. Absent where there is none."),
        ("archaic adverb", "It is kept for ever, beside the others."),
        ("so as a predicate", "They are so on any machine."),
        ("so as a predicate", "Makes one PackageIndex so."),
        ("none as a predicate", "The token is none that a CI has signed."),
        ("by with an error", "It ends by an error."),
        ("docstring that begins with Of", "Of the headers."),
        ("British spelling", "The behaviour is recognised."),
    ],
)
def test_a_pattern_is_found(pattern: str, text: str) -> None:
    assert pattern in {found.name for found, _ in problems(Piece(1, text, is_docstring=True))}


@pytest.mark.parametrize(
    "text",
    [
        "Who may do what is declared. Which users log in, and what may they do?",
        "Say what is wrong and what to do. Where is it?",
        "There are none. None of them is so slow that it matters; it does so.",
        "Users who have the right may do it. The telling name stays.",
        "Of the three, one leads.",
    ],
)
def test_plain_english_is_no_pattern(text: str) -> None:
    assert [found.name for found, _ in problems(Piece(1, text))] == []


def test_prose_is_found_in_every_kind_of_file(tmp_path: Path) -> None:
    written = {
        "a.md": "# A heading\n\nA paragraph\nof two lines.\n\n```sh\ncode # nobody\n```\n\n- An item with `code`\n",
        "a.py": '"""A docstring.\n\nIts body."""\n\nA = "a message"  # a comment\n# of two\n\n\n'
        "def test_a_name(): ...\n",
        "a.yaml": "# A comment\na: b  # another\ndescription: One\n  sentence.\n",
        "a.sh": "#!/bin/sh\n# A comment\n# of two lines\necho\n",
    }
    for file, text in written.items():
        (tmp_path / file).write_text(text)
    found = {file: [(each.line, each.text) for each in pieces(tmp_path / file)] for file in written}
    assert found["a.md"] == [(1, "A heading?"), (3, "A paragraph of two lines."), (10, "An item with `x`")]
    assert sorted(found["a.py"]) == [
        (1, "A docstring."),
        (1, "Its body."),
        (5, "a comment of two"),
        (5, "a message"),
        (9, "a name"),
    ]
    assert found["a.yaml"] == [(1, "A comment"), (2, "another"), (3, "One sentence.")]
    assert found["a.sh"] == [(2, "A comment of two lines")]


def test_quotations_code_and_links_are_other_peoples_words(tmp_path: Path) -> None:
    page = tmp_path / "a.md"
    page.write_text('It says "nobody" and `nobody`, [here](nobody.md).\n')
    assert [each for piece in pieces(page) for each in problems(piece)] == []
