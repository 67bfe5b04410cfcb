"""The workflows of CI services, our own and those that the documents show, are what these services take."""

import subprocess
import sys
from pathlib import Path

import pytest

from cluster import tools
from support import documents
from support.documents import PAGES, ROOT

OURS = sorted((ROOT / ".github/workflows").glob("*.yml"))
SHOWN = [block for page in PAGES for block in documents.blocks(page)]
BIN = Path(sys.executable).parent


def passes(*command: object) -> None:
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture
def shown(tmp_path: Path) -> Path:
    """Write what the documents show as a repository would have it."""
    for block in SHOWN:
        if block.title.startswith((".github/", ".gitlab-ci")):
            file = tmp_path / block.title
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(block.text)
    return tmp_path


def test_github_accepts_the_workflows(shown: Path) -> None:
    assert len(OURS) == 2
    actionlint = tools.built(tools.ACTIONLINT) / "actionlint"
    passes(actionlint, *OURS)
    passes(actionlint, shown / ".github/workflows/release.yml")


def test_nothing_in_them_can_be_attacked(shown: Path) -> None:
    """Actions are pinned, permissions are the least, nothing of a pull request reaches a shell."""
    passes(BIN / "zizmor", "--offline", "--persona", "auditor", *OURS)
    passes(BIN / "zizmor", "--offline", shown / ".github/workflows/release.yml")


def test_gitlab_accepts_the_pipeline(shown: Path) -> None:
    check = ("--builtin-schema", "vendor.gitlab-ci", "--data-transform", "gitlab-ci")
    passes(BIN / "check-jsonschema", *check, shown / ".gitlab-ci.yml")


@pytest.mark.parametrize(
    ("schema", "files"),
    [("vendor.dependabot", "dependabot.yml"), ("vendor.github-issue-forms", "ISSUE_TEMPLATE/*.yml")],
)
def test_github_accepts_our_other_files(schema: str, files: str) -> None:
    found = sorted((ROOT / ".github").glob(files))
    assert found
    passes(BIN / "check-jsonschema", "--builtin-schema", schema, *found)
