import pytest
from hypothesis import given
from hypothesis import strategies as st

from wheelyard_server.errors import InvalidUploadError, NotFoundError
from wheelyard_server.names import (
    FileType,
    belongs_to,
    parse_filename,
    parse_project_name,
    standard_sdist_stem,
    tag_count,
)


@pytest.mark.parametrize("spelling", ["Foo.Bar", "foo_bar", "FOO--bar", "foo-bar"])
def test_spellings_of_a_name_are_one_project(spelling: str) -> None:
    assert parse_project_name(spelling) == "foo-bar"


@pytest.mark.parametrize("name", ["", "-a", "a-", "a b", "ä", "../a", "a\n"])
def test_what_is_no_name_is_not_found(name: str) -> None:
    with pytest.raises(NotFoundError):
        parse_project_name(name)


def test_a_wheel_and_an_sdist_tell_project_version_and_type() -> None:
    wheel = parse_filename("Foo_Bar-1.0+local.1-cp311-cp311-manylinux_2_17_x86_64.whl")
    assert (wheel.project, str(wheel.version), wheel.filetype) == ("foo-bar", "1.0+local.1", FileType.WHEEL)
    sdist = parse_filename("foo_bar-2.0rc1.tar.gz")
    assert (sdist.project, str(sdist.version), sdist.filetype) == ("foo-bar", "2.0rc1", FileType.SDIST)


@pytest.mark.parametrize(
    "filename",
    [
        "",
        "demo.whl",
        "demo-1.0.exe",
        "demo-1.0-py3-none.whl",
        "demo-1.0-build-py3-none-any.whl",
        "demo-1.0-py3-none-any!.whl",
        "demo-1.0-py3-none-linux+x.whl",
        "demo-1.0-py3--any.whl",
        "demo-1.0-py3..py2-none-any.whl",
        "demo-1.0-1-2-py3-none-any.whl",
        f"demo-1.0-{'.'.join('p' * 9)}-{'.'.join('n' * 9)}-{'.'.join('a' * 9)}.whl",
        "../demo-1.0.tar.gz",
        "a/demo-1.0.tar.gz",
        "a\\demo-1.0.tar.gz",
        "demo-1.0.tar.gz\n",
        "demo-1.0.tar.gz\x00",
        "demo-one.tar.gz",
        ".demo-1.0.tar.gz",
        "d" * 250 + "-1.0.tar.gz",
    ],
)
def test_other_filenames_are_refused(filename: str) -> None:
    with pytest.raises(InvalidUploadError):
        parse_filename(filename)


@given(st.text())
def test_whatever_a_filename_is_it_is_parsed_or_refused(filename: str) -> None:
    try:
        parsed = parse_filename(filename)
    except InvalidUploadError:
        return
    assert "/" not in parsed.filename
    assert parse_project_name(parsed.project) == parsed.project


@pytest.mark.parametrize(
    ("compressed", "count"),
    [("py3-none-any", 1), ("demo-1.0-1-py2.py3-none-any.whl", 2), ("a.b-c.d-e.f.g", 12)],
)
def test_a_compressed_tag_set_stands_for_the_product_of_its_parts(compressed: str, count: int) -> None:
    assert tag_count(compressed) == count


@pytest.mark.parametrize("folder", ["foo_bar-1.0", "Foo.Bar-1.0.0", "foo-bar-1"])
def test_a_folder_belongs_to_a_distribution_in_any_spelling(folder: str) -> None:
    assert belongs_to(folder, parse_filename("Foo_Bar-1.0.tar.gz"))


@pytest.mark.parametrize("folder", ["", "foo_bar", "foo_bar-", "foo_bar-1.1", "foo-1.0", "-1.0", "foo_bar-one"])
def test_other_folders_do_not(folder: str) -> None:
    assert not belongs_to(folder, parse_filename("Foo_Bar-1.0.tar.gz"))


def test_the_standard_spells_an_sdist_in_one_way() -> None:
    assert standard_sdist_stem(parse_filename("Foo.Bar-1.0.RC1.zip")) == "foo_bar-1.0rc1"
