from collections.abc import Mapping
from pathlib import Path

import pytest

from support.distributions import metadata
from support.inspecting import SDIST, ZIP_SDIST, accepted, finding, refusal
from support.tar_writer import member, tar_gz
from support.zip_writer import zip_file
from wheelyard_server.catalog.inspection.findings import Rule


def archive(filename: str, files: Mapping[str, str]) -> bytes:
    if filename.endswith(".zip"):
        return zip_file({name: content.encode() for name, content in files.items()})
    return tar_gz(*(member(name, content.encode()) for name, content in files.items()))


def sdist(filename: str, root: str, name: str, version: str, metadata_version: str = "2.1") -> bytes:
    text = metadata(name, version).replace("2.3", metadata_version, 1)
    return archive(filename, {f"{root}/PKG-INFO": text, f"{root}/setup.py": "pass"})


REFUSED: Mapping[str, tuple[dict[str, str], str]] = {
    "no folder": ({"PKG-INFO": metadata("demo", "1.0")}, "has no 'PKG-INFO/PKG-INFO'"),
    "two folders": (
        {"demo-1.0/PKG-INFO": metadata("demo", "1.0"), "a/b": ""},
        "one top folder, but this has 2",
    ),
    "no PKG-INFO": ({"demo-1.0/setup.py": ""}, "has no 'demo-1.0/PKG-INFO'"),
    "PKG-INFO further down": ({"demo-1.0/src/PKG-INFO": metadata("demo", "1.0")}, "has no 'demo-1.0/PKG-INFO'"),
    "PKG-INFO of another project": ({"demo-1.0/PKG-INFO": metadata("other", "1.0")}, "names the project 'other'"),
    "PKG-INFO of another version": ({"demo-1.0/PKG-INFO": metadata("demo", "1.1")}, "has the version '1.1'"),
}


@pytest.mark.parametrize("filename", [SDIST, ZIP_SDIST])
@pytest.mark.parametrize(("files", "reason"), REFUSED.values(), ids=REFUSED.keys())
def test_an_sdist_that_deceives_is_refused(
    tmp_path: Path, filename: str, files: dict[str, str], reason: str
) -> None:
    assert reason in refusal(tmp_path, filename, archive(filename, files))


@pytest.mark.parametrize("filename", [SDIST, ZIP_SDIST])
@pytest.mark.parametrize("folder", ["other-1.0", "demo-1.1", "demo"])
def test_another_folder_is_a_finding(tmp_path: Path, filename: str, folder: str) -> None:
    found = finding(tmp_path, filename, archive(filename, {f"{folder}/PKG-INFO": metadata("demo", "1.0")}))
    assert found.rule == Rule.SDIST_FOLDER
    assert f"'{folder}' does not match the project and version" in found.message


@pytest.mark.parametrize(
    ("filename", "root", "name", "version", "metadata_version"),
    [
        ("PyYAML-5.3.1.tar.gz", "PyYAML-5.3.1", "PyYAML", "5.3.1", "1.2"),
        ("zope.interface-5.0.0.tar.gz", "zope.interface-5.0.0", "zope.interface", "5.0.0", "2.1"),
        ("google-api-core-1.0.0.tar.gz", "google-api-core-1.0.0", "google-api-core", "1.0.0", "1.2"),
        ("numpy-1.19.5.zip", "numpy-1.19.5", "numpy", "1.19.5", "1.2"),
        ("Demo_Project-1.0.0.tar.gz", "demo_project-1", "demo.project", "1.0", "2.3"),
        ("demo_project-1.0.tar.gz", "demo_project-1.0", "Demo.Project", "1.0", "2.4"),
    ],
)
def test_spellings_of_old_and_new_sdists_are_accepted(
    tmp_path: Path, filename: str, root: str, name: str, version: str, metadata_version: str
) -> None:
    body = sdist(filename, root, name, version, metadata_version)
    assert accepted(tmp_path, filename, body).metadata_version == metadata_version


@pytest.mark.parametrize(
    "filename", ["Demo_Project-1.0.tar.gz", "demo.project-1.0.tar.gz", "demo-project-1.tar.gz"]
)
def test_newer_tools_must_use_the_standard_filename(tmp_path: Path, filename: str) -> None:
    body = sdist(filename, filename.removesuffix(".tar.gz"), "demo-project", "1.0", "2.4")
    version = "1" if filename.endswith("-1.tar.gz") else "1.0"
    found = finding(tmp_path, filename, body)
    assert found.rule == Rule.SDIST_FILENAME
    assert f"must be named 'demo_project-{version}'" in found.message
