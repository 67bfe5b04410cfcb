import zipfile
from pathlib import Path

import pytest

from support import distributions
from wheelyard_server.catalog.distribution import METADATA_BYTES, read_core_metadata
from wheelyard_server.errors import InvalidUploadError
from wheelyard_server.names import parse_filename


def read(path: Path, filename: str | None = None) -> tuple[bytes, str | None]:
    found = read_core_metadata(path, parse_filename(filename or path.name))
    return found.raw, found.requires_python


def zip_of(path: Path, members: dict[str, str]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, body in members.items():
            archive.writestr(name, body)
    return path


def test_a_wheel_s_metadata_is_read_byte_for_byte(tmp_path: Path) -> None:
    path = distributions.wheel(tmp_path, extra="Requires-Python: >=3.9\n")
    assert read(path) == (distributions.metadata("demo", "1.0", "Requires-Python: >=3.9\n").encode(), ">=3.9")


def test_an_sdist_s_metadata_is_read(tmp_path: Path) -> None:
    assert read(distributions.sdist(tmp_path)) == (distributions.metadata("demo", "1.0").encode(), None)


def test_a_zip_sdist_s_metadata_is_read(tmp_path: Path) -> None:
    text = distributions.metadata("demo", "1.0")
    assert read(zip_of(tmp_path / "demo-1.0.zip", {"demo-1.0/PKG-INFO": text})) == (text.encode(), None)


def test_spellings_of_name_and_version_agree(tmp_path: Path) -> None:
    text = distributions.metadata("Demo_Project", "1.0.0")
    path = zip_of(tmp_path / "demo_project-1.0-py3-none-any.whl", {"Demo.Project-1.0.0.dist-info/METADATA": text})
    assert read(path)[0] == text.encode()


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (distributions.metadata("other", "1.0"), "names the project 'other'"),
        (distributions.metadata("demo", "1.1"), "has the version '1.1'"),
        (distributions.metadata("demo", "one"), "has the version 'one'"),
        ("", "names the project None"),
        (distributions.metadata("demo", "1.0", "Requires-Python: yes\n"), "Requires-Python"),
        ("x" * (METADATA_BYTES + 1), "larger than"),
    ],
)
def test_metadata_that_disagrees_with_the_filename_is_refused(tmp_path: Path, text: str, complaint: str) -> None:
    wheel = zip_of(tmp_path / "demo-1.0-py3-none-any.whl", {"demo-1.0.dist-info/METADATA": text})
    with pytest.raises(InvalidUploadError, match=complaint):
        read(wheel)
    with pytest.raises(InvalidUploadError, match=complaint):
        read(distributions.sdist(tmp_path, pkg_info=text))


@pytest.mark.parametrize(
    "members",
    [
        {},
        {"demo/METADATA": ""},
        {"demo-1.0.dist-info/WHEEL": ""},
        {"demo-1.0.dist-info/METADATA": "", "other-1.0.dist-info/METADATA": ""},
        {"other-1.0.dist-info/METADATA": distributions.metadata("demo", "1.0")},
    ],
)
def test_a_wheel_without_its_own_dist_info_is_refused(tmp_path: Path, members: dict[str, str]) -> None:
    with pytest.raises(InvalidUploadError):
        read(zip_of(tmp_path / "demo-1.0-py3-none-any.whl", members))


def test_an_sdist_without_pkg_info_is_refused(tmp_path: Path) -> None:
    path = distributions.sdist(tmp_path, version="2.0").rename(tmp_path / "demo-1.0.tar.gz")
    with pytest.raises(InvalidUploadError, match=r"has no demo-1\.0/PKG-INFO"):
        read(path)


@pytest.mark.parametrize("filename", ["demo-1.0-py3-none-any.whl", "demo-1.0.tar.gz", "demo-1.0.zip"])
@pytest.mark.parametrize("body", [b"", b"no archive", b"PK\x05\x06" + b"\0" * 18, b"\x1f\x8b\x08" + b"\0" * 20])
def test_what_is_no_archive_is_refused(tmp_path: Path, filename: str, body: bytes) -> None:
    path = tmp_path / filename
    path.write_bytes(body)
    with pytest.raises(InvalidUploadError):
        read(path)


@pytest.mark.parametrize("kept", [10, 100, 0.5, 0.9])
def test_a_truncated_archive_is_refused(tmp_path: Path, kept: float) -> None:
    for path in (distributions.wheel(tmp_path), distributions.sdist(tmp_path, pkg_info="x" * 5000)):
        body = path.read_bytes()
        path.write_bytes(body[: int(kept if kept >= 1 else len(body) * kept)])
        with pytest.raises(InvalidUploadError):
            read(path)
