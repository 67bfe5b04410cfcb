"""A file belongs to a project by its name, in any reading of it; everything else is dropped (T25, T33)."""

import pytest
from hypothesis import strategies as st

from support.properties import given
from wheelyard_server.catalog.mirrors.filenames import is_safe, version_of
from wheelyard_server.names import parse_project_name


@pytest.mark.parametrize(
    ("filename", "project", "version"),
    [
        ("demo-1.0-py3-none-any.whl", "demo", "1.0"),
        ("Demo_Tools-1.0-py3-none-any.whl", "demo-tools", "1.0"),
        ("demo-1.0+cu124-py3-none-any.whl", "demo", "1.0+cu124"),
        ("demo-1.0-1-py3-none-any.whl", "demo", "1.0"),
        ("demo-odd-py3-none-any.whl", "demo", ""),
        ("demo_tools-1.0-py3-none-any.whl", "demo", None),
        ("other-1.0-py3-none-any.whl", "demo", None),
        ("demo-1.0.tar.gz", "demo", "1.0"),
        ("demo-tools-1.0.tar.gz", "demo-tools", "1.0"),
        ("demo-tools-1.0.tar.gz", "demo", None),
        ("demo.tools-1.0.zip", "demo-tools", "1.0"),
        ("demo-1.0-1.tar.gz", "demo", "1.0.post1"),
        ("demo-1.0-1.tar.gz", "demo-1-0", "1"),
        ("demo-latest.tar.gz", "demo", ""),
        ("demo-1.0-py2.7.egg", "demo", ""),
        ("demo-1.0-variants.json", "demo", ""),
        ("demolition-1.0.exe", "demo", None),
    ],
)
def test_the_version_of_a_file_in_a_project(filename: str, project: str, version: str | None) -> None:
    assert version_of(filename, parse_project_name(project)) == version


@pytest.mark.parametrize(
    "filename", ["", ".", ".hidden", "a/b.whl", "a\\b.whl", 'a".whl', "a\n.whl", "a\x00.whl", "a" * 256]
)
def test_a_filename_that_could_harm_is_refused(filename: str) -> None:
    assert not is_safe(filename)


@given(st.text(max_size=60))
def test_no_filename_makes_it_fail(filename: str) -> None:
    version_of(filename, parse_project_name("demo"))
    is_safe(filename)
