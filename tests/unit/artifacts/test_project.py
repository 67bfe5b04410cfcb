"""One version: of the wheel, the chart, its image, the command lines, and what the documents say."""

import re
import shutil
from importlib.metadata import version as installed
from pathlib import Path

import pytest
import yaml

from artifacts import project
from support.command_line import wheelyard


def test_the_chart_and_its_image_have_it() -> None:
    chart = yaml.safe_load((project.ROOT / "charts/wheelyard/Chart.yaml").read_text())
    assert (chart["version"], chart["appVersion"]) == (project.version(), project.version())


def test_the_command_lines_say_it() -> None:
    assert wheelyard("--version").stdout == f"wheelyard {project.version()}\n"
    assert installed("wheelyard") == project.version()


@pytest.mark.parametrize("page", ["docs/quickstart.md", "docs/operations.md"])
def test_the_documents_name_no_other_image(page: str) -> None:
    text = (project.ROOT / page).read_text()
    tags = re.findall(r"(?:image\.tag=|/wheelyard:)(\S+)", text)
    assert tags
    assert set(tags) == {project.version()}


def test_the_next_version_is_written_everywhere_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in project.VERSIONED:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(project.ROOT / name, tmp_path / name)
    before, old = {name: (tmp_path / name).read_text() for name in project.VERSIONED}, project.version()
    monkeypatch.setattr(project, "ROOT", tmp_path)
    project.set_version("10.20.30")
    assert project.version() == "10.20.30"
    for name in project.VERSIONED:
        text = (tmp_path / name).read_text()
        assert "10.20.30" in text
        assert text.replace("10.20.30", old) == before[name]


@pytest.mark.parametrize("new", ["1.2", "v1.2.3", "1.2.3-rc1", "01.2.3"])
def test_an_invalid_version_is_refused(new: str) -> None:
    with pytest.raises(ValueError, match="a version is like"):
        project.set_version(new)


def test_the_time_is_what_is_given_or_that_of_the_commit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    assert project.epoch() == 1_700_000_000
    monkeypatch.delenv("SOURCE_DATE_EPOCH")
    assert project.epoch() > 1_700_000_000
