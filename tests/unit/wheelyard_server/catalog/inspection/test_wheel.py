"""Wheels whose parts disagree, each a small change of a good one."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from support.distributions import metadata, wheel_files, with_record
from support.inspecting import WHEEL, accepted, finding, inspected, refusal
from support.zip_writer import zip_file
from wheelyard_server.catalog.inspection.findings import Rule
from wheelyard_server.settings import Accept

INFO = "demo-1.0.dist-info"


def wheel(changes: Mapping[str, bytes | None], info: str = INFO) -> bytes:
    """Return a wheel with these files changed; None takes one away."""
    files = {**wheel_files(), **changes}
    return zip_file(with_record({name: content for name, content in files.items() if content is not None}, info))


def wheel_file(*lines: str) -> bytes:
    return wheel({f"{INFO}/WHEEL": "".join(f"{line}\n" for line in lines).encode()})


def renamed(info: str, name: str = "demo", version: str = "1.0") -> bytes:
    """Return a wheel with another .dist-info folder, name and version."""
    content = metadata(name, version).encode()
    old: dict[str, bytes | None] = {f"{INFO}/METADATA": None, f"{INFO}/WHEEL": None}
    return wheel({**old, f"{info}/METADATA": content, f"{info}/WHEEL": wheel_files()[f"{INFO}/WHEEL"]}, info)


REFUSED: Mapping[str, tuple[bytes, str]] = {
    "nothing in it": (zip_file({}), "one .dist-info folder, but this has 0"),
    "no .dist-info folder": (zip_file({"demo.py": b""}), "one .dist-info folder, but this has 0"),
    "two .dist-info folders": (
        wheel({"other-1.0.dist-info/METADATA": b""}),
        "one .dist-info folder, but this has 2",
    ),
    "a second one in capitals": (
        wheel({"other-1.0.DIST-INFO/METADATA": b""}),
        "one .dist-info folder, but this has 2",
    ),
    "another project's .dist-info": (renamed("other-1.0.dist-info"), "'other-1.0.dist-info' does not match"),
    "another version's .dist-info": (renamed("demo-1.1.dist-info"), "'demo-1.1.dist-info' does not match"),
    ".dist-info without a version": (renamed("demo.dist-info"), "'demo.dist-info' does not match"),
    "another project's .data": (wheel({"other-1.0.data/scripts/run": b""}), "'other-1.0.data' does not match"),
    "another project inside .data": (
        wheel({"demo-1.0.data/purelib/evil-1.0.dist-info/METADATA": b""}),
        "contains the metadata of another project",
    ),
    "no METADATA": (wheel({f"{INFO}/METADATA": None}), "has no 'demo-1.0.dist-info/METADATA'"),
    "no WHEEL": (wheel({f"{INFO}/WHEEL": None}), "has no 'demo-1.0.dist-info/WHEEL'"),
    "no RECORD": (zip_file(wheel_files()), "has no 'demo-1.0.dist-info/RECORD'"),
    "METADATA of another project": (wheel({f"{INFO}/METADATA": metadata("other", "1.0").encode()}), "'other'"),
    "METADATA of another version": (wheel({f"{INFO}/METADATA": metadata("demo", "1.1").encode()}), "'1.1'"),
    "METADATA in Latin-1": (
        wheel({f"{INFO}/METADATA": metadata("demo", "1.0", "Author: \u00e9\n").encode("latin-1")}),
        "cannot be read as UTF-8",
    ),
    "empty WHEEL": (wheel_file(), "one Wheel-Version"),
    "no Wheel-Version": (wheel_file("Tag: py3-none-any"), "one Wheel-Version"),
    "Wheel-Version 2": (wheel_file("Wheel-Version: 2.0", "Tag: py3-none-any"), "one Wheel-Version"),
    "two Wheel-Versions": (wheel_file("Wheel-Version: 1.0", "Wheel-Version: 2.0"), "one Wheel-Version"),
}


@pytest.mark.parametrize(("body", "reason"), REFUSED.values(), ids=REFUSED.keys())
def test_a_wheel_that_deceives_is_refused(tmp_path: Path, body: bytes, reason: str) -> None:
    assert reason in refusal(tmp_path, WHEEL, body)


OTHER_TAGS: Mapping[str, tuple[bytes, str]] = {
    "no tag": (wheel_file("Wheel-Version: 1.0"), "differ in 'py3-none-any'"),
    "another tag": (wheel_file("Wheel-Version: 1.0", "Tag: py2-none-any"), "differ in 'py2-none-any'"),
    "one tag more": (wheel_file("Wheel-Version: 1.0", "Tag: py2.py3-none-any"), "differ in 'py2-none-any'"),
    "no such tag": (wheel_file("Wheel-Version: 1.0", "Tag: py3"), "invalid Tag line"),
    "tags without end": (
        wheel_file("Wheel-Version: 1.0", f"Tag: {'.'.join('p' * 99)}-{'.'.join('n' * 99)}-any"),
        "too many tags",
    ),
}


@pytest.mark.parametrize(("body", "message"), OTHER_TAGS.values(), ids=OTHER_TAGS.keys())
def test_tags_that_are_not_those_of_the_filename_are_a_finding(tmp_path: Path, body: bytes, message: str) -> None:
    found = finding(tmp_path, WHEEL, body)
    assert found.rule == Rule.WHEEL_TAGS
    assert message in found.message
    assert "rename it with 'wheel tags'" in found.message


def test_a_wheel_version_before_the_standard_is_a_finding(tmp_path: Path) -> None:
    found = finding(tmp_path, WHEEL, wheel_file("Wheel-Version: 0.1", "Tag: py3-none-any"))
    assert found.rule == Rule.WHEEL_VERSION


def test_a_file_has_a_finding_for_each_rule(tmp_path: Path) -> None:
    body = wheel_file("Wheel-Version: 0.1", "Tag: py2-none-any")
    found = inspected(tmp_path, WHEEL, body, Accept.INSTALLABLE).findings
    assert [each.rule for each in found] == [Rule.WHEEL_VERSION, Rule.WHEEL_TAGS]


def test_spellings_of_name_and_version_agree(tmp_path: Path) -> None:
    body = renamed("Demo.Project-1.0.0.dist-info", "Demo_Project", "1.0")
    assert accepted(tmp_path, "demo_project-1-py3-none-any.whl", body).metadata_version == "2.3"


@pytest.mark.parametrize(
    ("filename", "tags"),
    [
        ("demo-1.0-py2.py3-none-any.whl", ["py2-none-any", "py3-none-any"]),
        ("demo-1.0-py2.py3-none-any.whl", ["py2.py3-none-any"]),
        ("demo-1.0-7build-cp311-abi3-manylinux_2_17_x86_64.whl", ["cp311-abi3-manylinux_2_17_x86_64"]),
    ],
)
def test_compressed_tag_sets_are_compared_expanded(tmp_path: Path, filename: str, tags: list[str]) -> None:
    body = wheel_file("Wheel-Version: 1.9", *(f"Tag: {tag}" for tag in tags))
    assert accepted(tmp_path, filename, body)


def test_a_data_folder_of_its_own_and_a_package_that_is_called_data_are_accepted(tmp_path: Path) -> None:
    body = wheel({"demo-1.0.data/scripts/run": b"#!python", "some.data": b"", "other.data/x": b""})
    assert accepted(tmp_path, WHEEL, body)
