import re

import pytest
from hypothesis import strategies as st
from packaging.utils import canonicalize_version, parse_wheel_filename
from packaging.version import Version

from support.properties import given
from wheelyard_server.errors import InvalidUploadError, NotFoundError
from wheelyard_server.names import (
    MAX_SPLITS,
    FileType,
    belongs_to,
    distribution_identity,
    other_spellings,
    parse_filename,
    parse_project_name,
    possible_projects,
    standard_sdist_stem,
    tag_count,
    version_key,
)


@pytest.mark.parametrize("spelling", ["Foo.Bar", "foo_bar", "FOO--bar", "foo-bar"])
def test_spellings_of_a_name_are_one_project(spelling: str) -> None:
    assert parse_project_name(spelling) == "foo-bar"


@pytest.mark.parametrize("name", ["", "-a", "a-", "a b", "ä", "../a", "a\n"])
def test_an_invalid_name_is_not_found(name: str) -> None:
    with pytest.raises(NotFoundError):
        parse_project_name(name)


def test_a_filename_has_project_version_and_type() -> None:
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


@pytest.mark.parametrize(
    ("filename", "variant"),
    [
        ("demo-1.0-py3-none-any-x86_64v3.whl", "x86_64v3"),
        ("demo-1.0-7-cp313-cp313-linux_x86_64-cu129.whl", "cu129"),
        ("demo-1.0-py2.py3-none-any-null.whl", "null"),
    ],
)
def test_a_variant_wheel_is_refused_by_name(filename: str, variant: str) -> None:
    with pytest.raises(InvalidUploadError, match=rf"variant wheels yet \(PEP 825, variant {variant}\)"):
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


def _in_some_order(*parts: str) -> st.SearchStrategy[str]:
    """Compressed tag sets of some of these, in any order, maybe repeated, in any case."""
    some = st.lists(st.sampled_from([*parts, *(part.upper() for part in parts)]), min_size=1, max_size=3)
    return some.map(".".join)


SPELLED_VERSIONS = st.sampled_from(
    ["1", "1.0", "1.0.0", "v1", "0!1", "1.0rc1", "1.0.0.RC.1", "1c1", "1+l", "1.0+L", "2"]
)
WHEELS = st.builds(
    lambda *parts: "-".join(filter(None, parts)) + ".whl",
    st.sampled_from(["foo_bar", "Foo.Bar"]),
    SPELLED_VERSIONS,
    st.sampled_from(["", "1", "01", "1a", "2"]),
    _in_some_order("py2", "py3"),
    _in_some_order("none", "abi3"),
    _in_some_order("any", "linux_x86_64"),
)
_SUFFIX = re.compile(r"\.(tar\.gz|zip|tar\.bz2|tgz)$")
SDISTS = st.builds(
    "-".join,
    st.tuples(
        st.sampled_from(["foo_bar", "Foo.Bar", "foo-bar"]),
        st.builds(str.__add__, SPELLED_VERSIONS, st.sampled_from([".tar.gz", ".zip", ".tar.bz2", ".tgz"])),
    ),
)


@given(WHEELS, WHEELS)
def test_wheels_are_one_distribution_if_project_version_build_and_tags_are_the_same(one: str, other: str) -> None:
    means_the_same = parse_wheel_filename(one) == parse_wheel_filename(other)
    assert (distribution_identity(one) == distribution_identity(other)) is means_the_same
    assert list(other_spellings(one, [other])) == [other] * (means_the_same and one != other)


@given(SDISTS, SDISTS)
def test_a_version_has_one_sdist_whatever_its_suffix(one: str, other: str) -> None:
    versions = [Version(_SUFFIX.sub("", each).rpartition("-")[2]) for each in (one, other)]
    assert (distribution_identity(one) == distribution_identity(other)) is (versions[0] == versions[1])


@given(WHEELS, SDISTS)
def test_a_wheel_is_never_an_sdist(wheel: str, sdist: str) -> None:
    assert distribution_identity(wheel) != distribution_identity(sdist)
    assert not list(other_spellings(wheel, [sdist]))
    assert not list(other_spellings(sdist, [wheel]))


@pytest.mark.parametrize("filename", ["", "demo.whl", "demo-one-py3-none-any.whl", "demo-1.0.exe", "demo.zip", "-"])
def test_a_file_that_is_no_distribution_has_no_other_spelling(filename: str) -> None:
    assert distribution_identity(filename) is None
    assert not list(other_spellings(filename, [filename, "demo-1.0.tar.gz"]))


@given(st.text() | st.text("deo-1.wh", max_size=20))
def test_whatever_a_stored_filename_is_it_can_be_compared(filename: str) -> None:
    assert filename not in other_spellings(filename, [filename])
    list(other_spellings("demo-1.0.tar.gz", [filename, f"{filename}.whl", f"{filename}.zip"]))


ZEROS = st.lists(st.sampled_from(["0", "00", "1", "10", "100"]), min_size=1, max_size=5).map(".".join)
SUFFIXES = st.tuples(
    st.sampled_from(["", "1!", "10!"]),
    ZEROS,
    *(
        st.sampled_from(["", *each])
        for each in (["a0", "rc10"], [".post0", ".post10"], [".dev0"], ["+a.0", "+1.0.0"])
    ),
)


@given(SUFFIXES)
def test_equal_versions_have_the_same_key_and_others_have_not(parts: tuple[str, ...]) -> None:
    epoch, release, *rest = parts
    version = Version(f"{epoch}{release}{''.join(rest)}")
    assert version_key(str(version)) == canonicalize_version(version, strip_trailing_zero=True)
    longer = Version(f"{epoch}{release}.0{''.join(rest)}")
    assert version_key(str(longer)) == version_key(str(version))


@pytest.mark.parametrize(
    ("filename", "projects"),
    [
        ("torch-2.0+cu124-cp311-cp311-linux_x86_64.whl", ["torch"]),
        ("a_b.C-1.0.tar.gz", ["a-b-c"]),
        ("a-b-1.0.tar.gz", ["a-b", "a"]),
        ("a-1.0-1.zip", ["a-1-0", "a"]),
        ("demo-1.0-variants.json", ["demo-1-0-variants", "demo-1-0", "demo-1", "demo"]),
        ("demo_1.0.exe", ["demo-1-0", "demo-1", "demo"]),
        ("-1.0.tar.gz", []),
        ("demo.tar.gz", []),
        ("", []),
        ("\u00e9-1.0.tar.gz", []),
    ],
)
def test_the_projects_of_a_file_whose_url_is_all_that_is_known(filename: str, projects: list[str]) -> None:
    """T42: a lock has the URL of a file, and its page was never asked for."""
    assert list(possible_projects(filename)) == projects


@given(name=st.from_regex(r"[a-z0-9]+(-[a-z0-9]+){0,5}", fullmatch=True), version=st.sampled_from(["1.0", "2-1"]))
def test_the_right_project_is_among_the_possible_ones(name: str, version: str) -> None:
    for filename in (f"{name}-{version}.tar.gz", f"{name.replace('-', '_')}-{version}-py3-none-any.whl"):
        assert name in possible_projects(filename)


def test_a_filename_full_of_dashes_has_few_projects() -> None:
    assert len(possible_projects("-".join("a" * 60) + ".tar.gz")) == MAX_SPLITS
