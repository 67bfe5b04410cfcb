"""Damaged distributions: `inspect` refuses or accepts, and what it accepts, Python's own readers read alike.

Not even an archive that passes may make `tarfile` extract anything outside of a folder.
"""

import gzip
import io
import tarfile
import tempfile
import zipfile
from pathlib import Path

from fuzz.target import Target
from support.distributions import metadata, wheel_files, with_record
from support.inspecting import SDIST, WHEEL, ZIP_SDIST
from support.tar_writer import PKG_INFO, member, pkg_info, tar_gz
from support.zip_writer import piped, stored, zip_file
from wheelyard_server.catalog.inspection import ArchiveLimits, CoreMetadata, inspect
from wheelyard_server.errors import InvalidUploadError
from wheelyard_server.names import parse_filename
from wheelyard_server.settings import Accept

_LIMITS = ArchiveLimits(members=1000, ratio_from_bytes=1024 * 1024)
_FOLDER = Path(tempfile.mkdtemp(prefix="wheelyard-fuzz-"))
_INFO = "demo-1.0.dist-info"
_FILES = with_record(wheel_files(module="x = 1\n"))
_PKG_INFO = {PKG_INFO: metadata("demo", "1.0").encode()}
_PARTS = (f"{_INFO}/METADATA", f"{_INFO}/WHEEL", f"{_INFO}/RECORD")


def _inspect(filename: str, body: bytes) -> CoreMetadata | None:
    try:
        return inspect(io.BytesIO(body), parse_filename(filename), _LIMITS, Accept.INSTALLABLE).metadata
    except InvalidUploadError as error:
        reason = str(error)
    assert len(reason) < 300
    assert reason.isascii()
    return None


def _wheel(body: bytes) -> None:
    found = _inspect(WHEEL, body)
    if found:
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            assert archive.testzip() is None
            assert archive.read(f"{_INFO}/METADATA") == found.raw


def _zip_sdist(body: bytes) -> None:
    found = _inspect(ZIP_SDIST, body)
    if found:
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            assert archive.testzip() is None
            assert found.raw in [archive.read(name) for name in archive.namelist() if name.endswith("/PKG-INFO")]


def _tar(raw: bytes) -> None:
    body = _with_checksums(raw)
    found = _inspect(SDIST, gzip.compress(body, 1))
    if found:
        with (
            tarfile.open(fileobj=io.BytesIO(body)) as archive,
            tempfile.TemporaryDirectory(dir=_FOLDER) as unpacked,
        ):
            names = [each.name for each in archive.getmembers() if not each.isdir()]
            archive.extractall(unpacked, filter="data")
            assert len(set(names)) == len(names)
            assert (Path(unpacked) / names[0].partition("/")[0] / "PKG-INFO").read_bytes() == found.raw


def _with_checksums(raw: bytes) -> bytes:
    """Mend the checksums of what looks like a header, or hardly any change would get past them."""
    blocks = [raw[start : start + tarfile.BLOCKSIZE] for start in range(0, len(raw), tarfile.BLOCKSIZE)]
    return b"".join(_mended(block) if block[257:262] == b"ustar" else block for block in blocks)


def _mended(block: bytes) -> bytes:
    checksum = sum(block[:148]) + sum(block[156:]) + sum(b" " * 8)
    return block[:148] + b"%07o " % checksum + block[156:]


def _gzip(body: bytes) -> None:
    _inspect(SDIST, body)


def _wheel_parts(text: bytes) -> None:
    """Put the text into a sound wheel: the first byte chooses, as which file."""
    name = _PARTS[text[0] % len(_PARTS)] if text else _PARTS[0]
    files = {**_FILES, name: text[1:]}
    _wheel(zip_file(files if name.endswith("RECORD") else with_record(files | {f"{_INFO}/RECORD": b""})))


TARGETS = {
    "wheel": Target(_wheel, [
        zip_file(_FILES),
        zip_file(_FILES, both={name: stored(content) for name, content in _FILES.items()}),
        zip_file(_FILES, zip64={}),
        zip_file(_FILES, end={"comment": b"comment"}),
        piped(_FILES),
    ]),
    "zip-sdist": Target(_zip_sdist, [
        zip_file(_PKG_INFO),
        zip_file(_PKG_INFO, both={PKG_INFO: stored(_PKG_INFO[PKG_INFO])}, zip64={}),
    ]),
    "tar": Target(_tar, [
        gzip.decompress(tar_gz(pkg_info(), member("demo-1.0/x", pax={"path": "demo-1.0/\u00e9"}))),
        gzip.decompress(tar_gz(pkg_info(), member("demo-1.0/x", type=tarfile.SYMTYPE, linkname="PKG-INFO"))),
    ]),
    "gzip": Target(_gzip, [tar_gz(pkg_info())]),
    "wheel-parts": Target(_wheel_parts, [
        *(bytes([index]) + _FILES[name] for index, name in enumerate(_PARTS)),
        b"\0" + metadata("demo", "1.0", "Requires-Dist: a[b]>1; (python_version > '3')\n").encode(),
    ]),
}  # fmt: skip
