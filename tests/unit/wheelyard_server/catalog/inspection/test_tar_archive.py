"""Bad `.tar.gz` files, each a small change of a good sdist."""

import gzip
import io
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import HealthCheck
from hypothesis import strategies as st

from support.distributions import metadata
from support.inspecting import SDIST, accepted, refusal
from support.properties import given, settings
from support.tar_writer import END, PKG_INFO, member, pkg_info, rewritten, tar_gz
from support.zip_writer import zip_file
from wheelyard_server.catalog.inspection import ArchiveLimits
from wheelyard_server.errors import InvalidUploadError

GOOD = tar_gz(pkg_info(), member("demo-1.0/setup.py", b"pass\n"))
RAW = gzip.decompress(GOOD)
TEXT = metadata("demo", "1.0")
FOLDER, SYMLINK, HARD_LINK = tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE


def sdist_with(*members: bytes) -> bytes:
    return tar_gz(pkg_info(), *members)


def symlink(name: str, target: str) -> bytes:
    return member(name, type=SYMLINK, linkname=target)


def extended(type_: bytes, content: bytes) -> bytes:
    """Return an extended header, as raw as it is given."""
    is_posix = type_ in {tarfile.XHDTYPE, tarfile.XGLTYPE}
    format_: Literal[0, 1] = tarfile.USTAR_FORMAT if is_posix else tarfile.GNU_FORMAT
    return member("demo-1.0/extended", content, type=type_, format_=format_)


def pax(record: bytes) -> bytes:
    return extended(tarfile.XHDTYPE, record)


POSIX, GNU = (member("demo-1.0/x", b"content", format_=form) for form in (tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT))
MODE, UID, SIZE, MTIME, MAGIC, MAJOR, PREFIX, REST = 100, 108, 124, 136, 257, 329, 345, 500
"""Offsets of fields of a header."""


def irregular(at: int, field: bytes, of: bytes = POSIX) -> bytes:
    return sdist_with(rewritten(of, at, field))


def signed(header: bytes) -> bytes:
    """Return a header with the checksum of programs that took bytes for signed numbers."""
    high = sum(byte > 127 for byte in header)
    return header[:148] + b"%06o\0 " % (int(header[148:154], 8) - 256 * high) + header[156:]


IRREGULAR: Mapping[str, tuple[bytes, str]] = {
    "no magic": (irregular(MAGIC, bytes(8)), "neither POSIX nor GNU"),
    "another magic": (irregular(MAGIC, b"ustar\0 0"), "neither POSIX nor GNU"),
    "POSIX's long name": (
        sdist_with(rewritten(extended(tarfile.GNUTYPE_LONGNAME, b"demo-1.0/a\0"), MAGIC, b"ustar\x0000"), POSIX),
        "neither POSIX nor GNU",
    ),
    "GNU's extended header": (
        sdist_with(rewritten(pax(b"24 path=demo-1.0/longer\n"), MAGIC, b"ustar  \0"), POSIX),
        "neither POSIX nor GNU",
    ),
    "GNU's header with more": (irregular(PREFIX, b"x", GNU), "fields that must be empty"),
    "GNU's header with more at its end": (irregular(REST, b"x", GNU), "fields that must be empty"),
    "POSIX's header with more at its end": (irregular(REST, b"x"), "fields that must be empty"),
    "more behind a name": (irregular(50, b"x"), "after the end of a name"),
    "more behind a prefix": (irregular(PREFIX + 50, b"x"), "after the end of a name"),
    "size in base 256": (irregular(SIZE, b"\x80" + bytes(10) + b"\7"), "smaller than 8 GiB"),
    "size with a sign": (irregular(SIZE, b"+0000000007\0"), "not octal"),
    "size with an underscore": (irregular(SIZE, b"000000000_7\0"), "not octal"),
    "size with a prefix": (irregular(SIZE, b"0o000000007\0"), "not octal"),
    "size that is no octal number": (irregular(SIZE, b"00000000008\0"), "not octal"),
    "size with more behind it": (irregular(SIZE, b"00000007 1\0\0"), "not octal"),
    "no size": (irregular(SIZE, bytes(12)), "not octal"),
    "no checksum": (sdist_with(POSIX[:148] + bytes(8) + POSIX[156:]), "not octal"),
    "checksum in other digits": (
        sdist_with(POSIX[:148] + b"+" + POSIX[149:]),
        "not octal",
    ),
    "checksum of signed bytes": (
        sdist_with(signed(member("demo-1.0/\u00e9", format_=tarfile.GNU_FORMAT))),
        "damaged header",
    ),
    "mode that is not a number": (irregular(MODE, b"rw-r--r-"), "number field that is not a number"),
    "owner with a sign": (irregular(UID, b"-000001\0"), "number field that is not a number"),
    "device that is not a number": (irregular(MAJOR, b"0x"), "number field that is not a number"),
    "file in the oldest form that may be a folder": (
        sdist_with(member("demo-1.0/x/", type=tarfile.AREGTYPE)),
        "may be a file or a folder",
    ),
    "commit of git in the middle": (
        sdist_with(extended(tarfile.XGLTYPE, b"12 comment=a\n"), POSIX),
        "may only have one global header",
    ),
    "two extended headers": (
        sdist_with(pax(b"24 path=demo-1.0/longer\n"), pax(b"11 uname=a\n"), POSIX),
        "two names, or two extended headers",
    ),
}


@pytest.mark.parametrize(("body", "reason"), IRREGULAR.values(), ids=IRREGULAR.keys())
def test_a_header_that_is_not_regular_is_refused(tmp_path: Path, body: bytes, reason: str) -> None:
    assert reason in refusal(tmp_path, SDIST, body)


REGULAR: Mapping[str, bytes] = {
    "POSIX's": sdist_with(POSIX),
    "GNU's": sdist_with(GNU),
    "POSIX's prefix": sdist_with(member("demo-1.0/" + "folder/" * 15 + "x", format_=tarfile.USTAR_FORMAT)),
    "spaces before and behind a number": irregular(SIZE, b"         7  "),
    "number without an end": irregular(SIZE, b"000000000007"),
    "a large user id in base 256": irregular(UID, b"\x80" + (2**31).to_bytes(7, "big"), GNU),
    "a time before 1970": irregular(MTIME, b"\xff" * 12, GNU),
    "no devices": irregular(MAJOR, bytes(16)),
    "type of the oldest form": sdist_with(member("demo-1.0/x", type=tarfile.AREGTYPE)),
}


@pytest.mark.parametrize("body", REGULAR.values(), ids=REGULAR.keys())
def test_a_regular_header_is_accepted(tmp_path: Path, body: bytes) -> None:
    assert accepted(tmp_path, SDIST, body).raw == TEXT.encode()


REFUSED: Mapping[str, tuple[bytes, str]] = {
    "empty": (b"", "truncated"),
    "no gzip": (RAW, "damaged compressed data"),
    "cut off": (GOOD[:-1], "truncated"),
    "cut in the middle": (GOOD[: len(GOOD) // 2], "truncated"),
    "trailing garbage": (GOOD + b"garbage", "data after"),
    "trailing zeros": (GOOD + bytes(10), "data after"),
    "several gzip members": (GOOD + GOOD, "data after"),
    "wrong checksum of gzip": (GOOD[:-8] + bytes(4) + GOOD[-4:], "damaged compressed data"),
    "a zip file": (zip_file({PKG_INFO: TEXT.encode()}), "zip programs can read it"),
    "also a zip file": (gzip.compress(RAW, 0) + zip_file({PKG_INFO: TEXT.encode()}), "zip programs can read it"),
    "a zip file inside, stored": (
        gzip.compress(RAW.replace(END, zip_file({}) + END), 0),
        "zip programs can read it",
    ),
    "bzip2": (b"BZh91AY&SY" + bytes(40), "damaged compressed data"),
    "no members": (tar_gz(), "one top folder, but this has 0"),
    "no end": (tar_gz(pkg_info(), end=b""), "truncated"),
    "cut member": (tar_gz(pkg_info()[:700], end=b""), "truncated"),
    "data after the end": (tar_gz(pkg_info(), end=END + member("demo-1.0/evil.py")), "data after its end"),
    "a second archive after the end": (gzip.compress(RAW + RAW), "data after its end"),
    "damaged header": (gzip.compress(RAW.replace(b"demo-1.0/setup", b"demo-1.0/SETUP")), "damaged header"),
    "negative size": (
        sdist_with(member("demo-1.0/x", size=-512, format_=tarfile.GNU_FORMAT)),
        "number that is not octal",
    ),
    "size beyond the end": (sdist_with(member("demo-1.0/x", size=1 << 30)), "truncated"),
    "another size in an extended header": (sdist_with(pax(b"9 size=8\n"), member("demo-1.0/x")), "two sizes"),
    "a size that may be taken for that of a long name": (
        sdist_with(pax(b"9 size=0\n"), extended(tarfile.GNUTYPE_LONGNAME, b"demo-1.0/a\0"), member("demo-1.0/b")),
        "between a size and its member",
    ),
    "the same size in other digits": (sdist_with(pax(b"11 size=00\n"), member("demo-1.0/x")), "two sizes"),
    "sparse file": (sdist_with(member("demo-1.0/x", type=tarfile.GNUTYPE_SPARSE)), "neither a file"),
    "sparse file of pax": (
        sdist_with(member("demo-1.0/x", pax={"GNU.sparse.major": "1"})),
        "repeated or forbidden keyword 'GNU.sparse.major'",
    ),
    "other character set": (sdist_with(pax(b"21 hdrcharset=BINARY\n"), member("demo-1.0/x")), "'hdrcharset'"),
    "pax record twice": (
        sdist_with(pax(b"11 path=ab\n" * 2), member("demo-1.0/x")),
        "repeated or forbidden keyword 'path'",
    ),
    "pax record of wrong length": (
        sdist_with(pax(b"99 path=a\n"), member("demo-1.0/x")),
        "damaged extended header",
    ),
    "pax record of no length": (sdist_with(pax(b"0 path=a\n"), member("demo-1.0/x")), "damaged extended header"),
    "pax record without a line end": (sdist_with(pax(b"10 path=abc"), member("demo-1.0/x")), "damaged extended"),
    "global path": (sdist_with(extended(tarfile.XGLTYPE, b"10 path=a\n")), "only have one global header"),
    "two names for one member": (
        sdist_with(
            extended(tarfile.GNUTYPE_LONGNAME, b"demo-1.0/a\0"), member("demo-1.0/b", pax={"path": "demo-1.0/c"})
        ),
        "two names",
    ),
    "large extended header": (sdist_with(pax(b"x" * 70_000)), "too large"),
    "extended header without a member": (sdist_with(pax(b"9 path=a\n")), "where a member should follow"),
    "fifo": (sdist_with(member("demo-1.0/x", type=tarfile.FIFOTYPE)), "neither a file, a folder nor a link"),
    "character device": (sdist_with(member("demo-1.0/x", type=tarfile.CHRTYPE)), "neither a file"),
    "block device": (sdist_with(member("demo-1.0/x", type=tarfile.BLKTYPE)), "neither a file"),
    "unknown type": (sdist_with(member("demo-1.0/x", type=b"Z")), "neither a file"),
    "folder with content": (
        sdist_with(member("demo-1.0/x", b"hidden", type=FOLDER)),
        "has content, but is not a file",
    ),
    "file with a slash at its end": (
        sdist_with(member("demo-1.0/x", pax={"path": "demo-1.0/x/"})),
        "empty or . part",
    ),
    "duplicate member": (sdist_with(pkg_info()), "more than once"),
    "member in two cases": (sdist_with(member("demo-1.0/pkg-info")), "more than once"),
    "file and folder": (sdist_with(member(PKG_INFO, type=FOLDER)), "more than once"),
    "file below a file": (sdist_with(member(f"{PKG_INFO}/x")), "is below something that is not a folder"),
    "file below a link": (sdist_with(symlink("demo-1.0/a", "."), member("demo-1.0/a/x")), "is below something"),
    "link over a folder": (sdist_with(member("demo-1.0/a/x"), symlink("demo-1.0/a", ".")), "more than once"),
    "member outside the folder": (sdist_with(member("other/x")), "one top folder, but this has 2"),
    "member that leads out": (sdist_with(member("demo-1.0/../../x")), "leads out"),
    "absolute path": (sdist_with(member("/etc/x")), "absolute path"),
    "absolute path of pax": (sdist_with(member("demo-1.0/x", pax={"path": "/etc/x"})), "absolute path"),
    "climbing long name": (
        sdist_with(extended(tarfile.GNUTYPE_LONGNAME, b"../x\0"), member("demo-1.0/x")),
        "leads out",
    ),
    "backslash": (sdist_with(member("demo-1.0\\..\\x")), "backslash"),
    "drive letter": (sdist_with(member("C:/x")), "drive letter"),
    "NUL in a long name": (
        sdist_with(extended(tarfile.GNUTYPE_LONGNAME, b"demo-1.0/a\0b\0"), member("demo-1.0/x")),
        "control character",
    ),
    "name that is no UTF-8": (
        sdist_with(extended(tarfile.GNUTYPE_LONGNAME, b"demo-1.0/\xff\0"), member("demo-1.0/x")),
        "not UTF-8",
    ),
    "symbolic link to an absolute path": (sdist_with(symlink("demo-1.0/a", "/etc/passwd")), "link that leads out"),
    "symbolic link out": (sdist_with(symlink("demo-1.0/a", "../../x")), "link that leads out"),
    "symbolic link out of the folder": (sdist_with(symlink("demo-1.0/a", "..")), "link that leads out"),
    "symbolic link through a link": (
        sdist_with(symlink("demo-1.0/a/b/up", "../.."), symlink("demo-1.0/x", "a/b/up/../..")),
        "link that leads out",
    ),
    "symbolic link to nothing": (sdist_with(symlink("demo-1.0/a", "")), "link that leads out"),
    "symbolic link with a drive letter": (sdist_with(symlink("demo-1.0/a", "C:\\x")), "backslash"),
    "hard link out": (sdist_with(member("demo-1.0/a", type=HARD_LINK, linkname="../x")), "leads out"),
    "hard link to an absolute path": (sdist_with(member("demo-1.0/a", type=HARD_LINK, linkname="/x")), "absolute"),
    "hard link to nothing": (
        sdist_with(member("demo-1.0/a", type=HARD_LINK, linkname="demo-1.0/b")),
        "not to an earlier file",
    ),
    "hard link to a symbolic link": (
        sdist_with(symlink("demo-1.0/b", "PKG-INFO"), member("demo-1.0/a", type=HARD_LINK, linkname="demo-1.0/b")),
        "not to an earlier file",
    ),
    "PKG-INFO that is a link": (
        tar_gz(member("demo-1.0/real", TEXT.encode()), symlink(PKG_INFO, "real")),
        "has no 'demo-1.0/PKG-INFO'",
    ),
}


@pytest.mark.parametrize(("body", "reason"), REFUSED.values(), ids=REFUSED.keys())
def test_a_bad_tar_archive_is_refused(tmp_path: Path, body: bytes, reason: str) -> None:
    assert reason in refusal(tmp_path, SDIST, body)


ACCEPTED: Mapping[str, bytes] = {
    "small": GOOD,
    "one block of zeros at the end": tar_gz(pkg_info(), end=END[:512]),
    "padded to a record": tar_gz(pkg_info(), end=bytes(10_240)),
    "folders": tar_gz(member("demo-1.0/", type=FOLDER), pkg_info(), member("demo-1.0/a/", type=FOLDER)),
    "commit of git": tar_gz(
        extended(tarfile.XGLTYPE, b"52 comment=0123456789012345678901234567890123456789\n"), pkg_info()
    ),
    "the same size in an extended header, as uv builds it": sdist_with(
        pax(b"24 path=demo-1.0/longer\n9 size=7\n"), member("demo-1.0/x", b"content")
    ),
    "time stamps of pax": sdist_with(member("demo-1.0/x", pax={"mtime": "1.5", "path": "demo-1.0/\u00e9"})),
    "GNU long name": sdist_with(
        extended(tarfile.GNUTYPE_LONGNAME, b"demo-1.0/" + b"n" * 200 + b"\0"), member("demo-1.0/n")
    ),
    "links inside": sdist_with(
        symlink("demo-1.0/docs/index", "../PKG-INFO"),
        symlink("demo-1.0/here", "."),
        member("demo-1.0/copy", type=HARD_LINK, linkname=PKG_INFO),
    ),
    "a zip file inside": sdist_with(member("demo-1.0/test.zip", zip_file({"a": b"b" * 99}) + bytes(70_000))),
}


@pytest.mark.parametrize("body", ACCEPTED.values(), ids=ACCEPTED.keys())
def test_a_good_tar_archive_is_accepted(tmp_path: Path, body: bytes) -> None:
    assert accepted(tmp_path, SDIST, body).raw == TEXT.encode()


@pytest.mark.parametrize("format_", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_all_formats_that_tarfile_writes_are_accepted(tmp_path: Path, format_: int) -> None:
    body = io.BytesIO()
    with tarfile.open(fileobj=body, mode="w:gz", format=format_) as archive:
        for name, content in {PKG_INFO: TEXT.encode(), "demo-1.0/" + "folder/" * 15 + "n" * 90: b"x" * 999}.items():
            info = tarfile.TarInfo(name)
            info.size, info.mtime = len(content), 1.5
            archive.addfile(info, io.BytesIO(content))
    assert accepted(tmp_path, SDIST, body.getvalue()).raw == TEXT.encode()


@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        (ArchiveLimits(members=1), "more than 1 members"),
        (ArchiveLimits(names_bytes=20), "more than 20 bytes together"),
        (ArchiveLimits(uncompressed_bytes=1024), "unpacks to more than"),
        (ArchiveLimits(ratio_from_bytes=1024, ratio=2), "more than 2 times its size"),
        (ArchiveLimits(metadata_bytes=10), "PKG-INFO' in the archive is larger than 10 bytes"),
    ],
    ids=str,
)
def test_an_archive_beyond_a_limit_is_refused(tmp_path: Path, limits: ArchiveLimits, reason: str) -> None:
    assert reason in refusal(tmp_path, SDIST, sdist_with(member("demo-1.0/zeros", bytes(5000))), limits)


def test_a_decompression_bomb_is_refused_during_the_read(tmp_path: Path) -> None:
    bomb = sdist_with(member("demo-1.0/zeros", bytes(65 * 1024 * 1024)))
    assert len(bomb) < 200_000
    assert "more than 50 times its size" in refusal(tmp_path, SDIST, bomb)


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(position=st.integers(0, len(RAW) - 1), value=st.integers(1, 255))
def test_a_changed_byte_never_hides_a_member(tmp_path: Path, position: int, value: int) -> None:
    raw = bytearray(RAW)
    raw[position] ^= value
    try:
        accepted(tmp_path, SDIST, gzip.compress(bytes(raw)))
    except InvalidUploadError:
        return
    with tarfile.open(fileobj=io.BytesIO(raw)) as archive:
        assert len(archive.getnames()) == 2
