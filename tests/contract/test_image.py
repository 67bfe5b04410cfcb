"""The image is made from a base by its digest and wheels by their hashes; tests run on its Python."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from cluster import debian, wheels

REPOSITORY = Path(__file__).parents[2]
BUILDER = ("ARG BUILDER=${BASE}", "FROM --platform=${BUILDPLATFORM} ${BUILDER} AS installed")
"""The same image for the machine that builds."""
DOCKERFILES = ("Dockerfile", "tests/cluster/dependencies.Dockerfile", "tests/cluster/client.Dockerfile")


def test_the_image_has_all_that_the_project_requires() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    required = [*project["dependencies"], *extras["operator"], *extras["tracing"], *extras["web"]]
    pinned = re.findall(r"^\S+==\S+", (REPOSITORY / "requirements.txt").read_text(), re.MULTILINE)
    names = {canonicalize_name(Requirement(each).name) for each in pinned}
    assert {canonicalize_name(Requirement(each).name) for each in required} <= names


@pytest.mark.parametrize("name", DOCKERFILES)
def test_no_dockerfile_installs_without_hashes_or_from_a_tag(name: str) -> None:
    text = re.sub(r"\\\n", " ", (REPOSITORY / name).read_text())
    bases = re.findall(r"^(?:ARG B|FROM).*$", text, re.MULTILINE)
    assert {"ARG BASE", "FROM ${BASE}"} <= {*bases} <= {"ARG BASE", "FROM ${BASE}", *BUILDER}
    # `$pip` stands for the command with the options that all installations share.
    (shared,) = re.findall(r'pip="([^"]*)"', text) or [""]
    installs = re.findall(r"pip install [^&]*", text.replace("$pip", shared).replace(f'"{shared}"', ""))
    assert installs
    for each in installs:
        assert "--no-index" in each
        assert "--require-hashes" in each or ("--no-deps" in each and "wheelyard-*.whl" in each)


def test_make_image_has_the_python_of_the_tests_images() -> None:
    (tag,) = re.findall(r"^BASE \?= python:(\S+)", (REPOSITORY / "Makefile").read_text(), re.MULTILINE)
    assert tag == f"{wheels.PYTHON}-slim-{debian.RELEASE}"


def test_ci_runs_the_tests_on_the_oldest_python_and_on_that_of_the_image() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    workflow = yaml.safe_load((REPOSITORY / ".github/workflows/ci.yml").read_text())
    tested = workflow["jobs"]["check"]["strategy"]["matrix"]["python"]
    assert tested == [project["requires-python"].removeprefix(">="), wheels.PYTHON]
    classified = [each.rpartition(" ")[2] for each in project["classifiers"] if "Python :: 3." in each]
    assert tested == classified
