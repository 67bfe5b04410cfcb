"""Bad zip files, each a small change of a good wheel."""

import struct
import tarfile
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import HealthCheck
from hypothesis import strategies as st

from support.distributions import metadata, wheel_files, with_record
from support.inspecting import WHEEL, ZIP_SDIST, accepted, finding, refusal
from support.properties import given, settings
from support.zip_writer import piped, stored, zip_file
from wheelyard_server.catalog.inspection import ArchiveLimits
from wheelyard_server.catalog.inspection.findings import Rule
from wheelyard_server.errors import InvalidUploadError

FILES = with_record(wheel_files(module="value = 1\n" * 50))
GOOD = zip_file(FILES)
MODULE = "demo.py"
SIZE = len(FILES[MODULE])
INFO = "demo-1.0.dist-info"


def with_member(name: str, content: bytes = b"x") -> bytes:
    return zip_file(with_record({**wheel_files(), name: content}))


def zip64_field(*values: int) -> bytes:
    return struct.pack(f"<2H{len(values)}Q", 1, 8 * len(values), *values)


def tar_and_zip() -> bytes:
    """Return a zip file that begins with a tar header: most of that is the name of its first member."""
    header = zip_file({"0" * (tarfile.BLOCKSIZE - 30): b""})[: tarfile.BLOCKSIZE]
    checksum = sum(header[:148]) + sum(header[156:]) + sum(b" " * 8)
    name = f"{header[30:148].decode()}{checksum:07o} {header[156:].decode()}"
    return zip_file({name: b"", **FILES})


def overlapping() -> bytes:
    """Return a zip file two of whose members share their bytes (the better zip bomb)."""
    return zip_file([*FILES.items(), ("twin.py", FILES[MODULE])], central={"twin.py": {"offset": 0}})


def unordered() -> bytes:
    """Return a good wheel whose directory has another order than its members."""
    start = GOOD.index(b"PK\1\2")
    *entries, last = GOOD[start:-22].split(b"PK\1\2")[1:]
    return b"PK\1\2".join([GOOD[:start], last, *entries]) + GOOD[-22:]


def descriptor(format_: str = "<4s3L", size: int = SIZE) -> bytes:
    """Return a descriptor of the module."""
    raw = FILES[MODULE]
    deflater = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    compressed = len(deflater.compress(raw) + deflater.flush())
    return struct.pack(format_, b"PK\7\x08", zlib.crc32(raw), compressed, size)


FOUND: Mapping[str, tuple[bytes, Rule, str]] = {
    "comment": (zip_file(FILES, end={"comment": b"hello"}), Rule.ZIP_COMMENT, "has a comment"),
    "long comment": (zip_file(FILES, end={"comment": b"c" * 65_535}), Rule.ZIP_COMMENT, "has a comment"),
    "comment behind zip64": (zip_file(FILES, zip64={}, end={"comment": b"hello"}), Rule.ZIP_COMMENT, "a comment"),
    "data descriptor": (
        zip_file(
            FILES,
            both={MODULE: {"flags": 8, "after": descriptor()}},
            local={MODULE: {"crc": 0, "compressed": 0, "size": 0}},
        ),
        Rule.ZIP_DATA_DESCRIPTOR,
        "'demo.py' in the archive has a data descriptor",
    ),
    "data descriptor that repeats the header": (
        zip_file(FILES, both={MODULE: {"flags": 8, "after": descriptor()}}),
        Rule.ZIP_DATA_DESCRIPTOR,
        "data descriptor",
    ),
    "written to a pipe": (piped(FILES), Rule.ZIP_DATA_DESCRIPTOR, "(and 3 more)"),
    "written to a pipe with zip64": (piped(FILES, force_zip64=True), Rule.ZIP_DATA_DESCRIPTOR, "(and 3 more)"),
    "folder twice": (
        zip_file([("a/", b""), ("a/", b""), *FILES.items()], both={"a/": stored(b"")}),
        Rule.ARCHIVE_FOLDER_REPEATED,
        "'a' is in the archive twice",
    ),
    "empty folder that Windows calls otherwise": (
        zip_file([("a/", b""), ("a./", b""), *FILES.items()], both={"a/": stored(b""), "a./": stored(b"")}),
        Rule.ARCHIVE_FOLDER_REPEATED,
        "'a.' in the archive becomes 'a' on Windows (and 1 more)",
    ),
}


@pytest.mark.parametrize(("body", "rule", "message"), FOUND.values(), ids=FOUND.keys())
def test_a_deviation_that_all_readers_read_alike_is_a_finding(
    tmp_path: Path, body: bytes, rule: Rule, message: str
) -> None:
    found = finding(tmp_path, WHEEL, body)
    assert found.rule == rule
    assert message in found.message
    with zipfile.ZipFile(tmp_path / WHEEL) as archive:
        assert {name: archive.read(name) for name in FILES} == FILES


REFUSED: Mapping[str, tuple[bytes, str]] = {
    "empty": (b"", "too small"),
    "no zip file": (b"not an archive, but long enough for one", "does not end like a zip file"),
    "only an end": (GOOD[-22:], "before its start"),
    "truncated": (GOOD[:-1], "damaged or truncated"),
    "cut in the middle": (GOOD[: len(GOOD) // 2], "does not end like a zip file"),
    "data before": (b"#!/bin/sh\n" + GOOD, "before its start"),
    "data after": (GOOD + b"\n", "trailing data"),
    "another zip file after": (GOOD + GOOD, "before its start"),
    "comment that is cut off": (zip_file(FILES, end={"comment": b"hello"})[:-1], "does not end like a zip file"),
    "comment with an end's signature": (
        zip_file(FILES, end={"comment": b"PK\5\6"}),
        "does not end like a zip file",
    ),
    "comment behind another end": (
        zip_file({**FILES, "nested.zip": b""}, both={"nested.zip": stored(GOOD)}, end={"comment": b"hello"}),
        "does not end like a zip file",
    ),
    "end record in a comment": (zip_file(FILES, end={"comment": GOOD[-22:]}), "before its start"),
    "gap before the directory": (zip_file(FILES, gap=b"gap"), "extra data"),
    "gap between members": (zip_file(FILES, both={MODULE: {"after": b"gap"}}), "follows a gap"),
    "overlapping members": (overlapping(), "overlaps another member"),
    "several disks": (zip_file(FILES, end={"disk": 1}), "several disks"),
    "count too small": (zip_file(FILES, end={"count": 3, "total": 3}), "count of members"),
    "count too large": (zip_file(FILES, end={"count": 5, "total": 5}), "damaged or truncated"),
    "two counts": (zip_file(FILES, end={"total": 5}), "several disks"),
    "directory elsewhere": (zip_file(FILES, end={"offset": 0}), "extra data"),
    "zip64 with other counts": (zip_file(FILES, zip64={"count": 5, "total": 5}), "end records contradict"),
    "zip64 elsewhere": (zip_file(FILES, zip64={"start": 0}), "zip64 end records contradict"),
    "zip64 with extensible data": (zip_file(FILES, zip64={"record_size": 60}), "zip64 end records contradict"),
    "duplicate member": (zip_file([*FILES.items(), (MODULE, b"other")]), "more than once"),
    "member in two cases": (with_member("DEMO.py"), "more than once"),
    "member in two normalisations": (
        zip_file(with_record({**wheel_files(), "\u00e9.py": b"1", "e\u0301.py": b"2"})),
        "more than once",
    ),
    "file below a file": (with_member("demo.py/inner.py"), "is below something that is not a folder"),
    "folder over a file": (
        zip_file([*FILES.items(), ("demo.py/", b"")], both={"demo.py/": stored(b"")}),
        "than once",
    ),
    "other name in the local header": (zip_file(FILES, local={MODULE: {"name": b"evil.py"}}), "contradicts"),
    "other size in the local header": (zip_file(FILES, local={MODULE: {"size": 1}}), "contradicts"),
    "other compressed size there": (zip_file(FILES, local={MODULE: {"compressed": 1}}), "contradicts"),
    "other checksum there": (zip_file(FILES, local={MODULE: {"crc": 1}}), "contradicts"),
    "other method there": (zip_file(FILES, local={MODULE: {"method": 0}}), "contradicts"),
    "other flags there": (zip_file(FILES, local={MODULE: {"flags": 0x0800}}), "contradicts"),
    "needs a newer program": (zip_file(FILES, central={MODULE: {"needed": 84}}), "needs newer programs than pip"),
    "no local header": (GOOD.replace(b"PK\3\4", b"PK\3\5", 1), "contradicts"),
    "wrong checksum": (zip_file(FILES, both={MODULE: {"crc": 1}}), "declared size or checksum"),
    "more content than declared": (zip_file(FILES, both={MODULE: {"size": SIZE - 1}}), "declared size or checksum"),
    "less content than declared": (zip_file(FILES, both={MODULE: {"size": SIZE + 1}}), "declared size or checksum"),
    "damaged compressed data": (
        zip_file(FILES, both={MODULE: {"payload": b"\xff" * 9, "compressed": 9}}),
        "damaged",
    ),
    "unfinished compressed data": (
        zip_file(FILES, both={MODULE: {"payload": b"\0", "compressed": 1}}),
        "truncated",
    ),
    "data after compressed data": (
        zip_file({**FILES, MODULE: b""}, both={MODULE: {"payload": b"\3\0evil", "compressed": 6}}),
        "data after",
    ),
    "stored with two sizes": (zip_file(FILES, both={MODULE: {"method": 0}}), "has two sizes"),
    "bzip2": (zip_file(FILES, both={MODULE: {"method": 12}}), "neither stored nor deflated"),
    "encrypted": (zip_file(FILES, both={MODULE: {"flags": 1}}), "is encrypted"),
    "data descriptor that is not there": (zip_file(FILES, both={MODULE: {"flags": 8}}), "has no signature"),
    "data descriptor without a signature": (
        zip_file(FILES, both={MODULE: {"flags": 8, "after": descriptor()[4:]}}),
        "has no signature",
    ),
    "data descriptor with another size": (
        zip_file(FILES, both={MODULE: {"flags": 8, "after": descriptor(size=SIZE + 1)}}),
        "contradicts the central directory",
    ),
    "data descriptor and other sizes": (
        zip_file(FILES, both={MODULE: {"flags": 8, "after": descriptor()}}, local={MODULE: {"crc": 1}}),
        "contradicts the central directory",
    ),
    "data descriptor that others do not expect": (
        zip_file(FILES, both={MODULE: {"after": descriptor()}}),
        "follows a gap",
    ),
    "data descriptor of a stored member": (
        zip_file(FILES, both={MODULE: {**stored(FILES[MODULE]), "flags": 8, "after": descriptor()}}),
        "is stored uncompressed, with its size after it",
    ),
    "patched data": (zip_file(FILES, both={MODULE: {"flags": 32}}), "flags that no installer supports"),
    "name that is not marked as UTF-8": (
        zip_file(FILES, both={MODULE: {"name": "d\u00e9mo.py".encode()}}),
        "not marked as UTF-8",
    ),
    "name that is no UTF-8": (zip_file(FILES, both={MODULE: {"name": b"\xff", "flags": 0x0800}}), "UTF-8"),
    "Unicode path": (zip_file(FILES, central={MODULE: {"extra": b"\x75\x70\1\0x"}}), "ambiguous extra fields"),
    "Unicode path in the local header": (zip_file(FILES, local={MODULE: {"extra": b"\x75\x70\1\0x"}}), "ambiguous"),
    "extra field twice": (zip_file(FILES, both={MODULE: {"extra": b"\1\2\0\0" * 2}}), "ambiguous extra fields"),
    "cut extra field": (zip_file(FILES, both={MODULE: {"extra": b"\1\2\5\0"}}), "damaged or"),
    "zip64 field that contradicts": (
        zip_file(FILES, local={MODULE: {"extra": zip64_field(1, 2)}}),
        "zip64 field that contradicts",
    ),
    "zip64 field of another length": (zip_file(FILES, both={MODULE: {"extra": zip64_field(1)}}), "does not fit"),
    "zip64 field missing": (zip_file(FILES, both={MODULE: {"size": 0xFFFFFFFF}}), "does not fit its header"),
    "file in a folder that Windows calls otherwise": (with_member("demo./x.py"), "dot or space at the end"),
    "folder that is a file on Windows": (
        zip_file([("demo.py./", b""), *FILES.items()], both={"demo.py./": stored(b"")}),
        "more than once",
    ),
    "stream of a file on Windows": (with_member("demo.py:x"), "colon"),
    "member that leads out": (with_member("../evil.py"), "leads out"),
    "member that climbs in the middle": (with_member("demo/../../evil.py"), "leads out"),
    "absolute path": (with_member("/etc/cron.d/evil"), "absolute path"),
    "drive letter": (with_member("C:evil.py"), "drive letter"),
    "backslash": (with_member("..\\evil.py"), "backslash"),
    "NUL in a name": (with_member("demo.py\0.txt"), "control character"),
    "line end in a name": (with_member("demo\n.py"), "control character"),
    "empty name": (with_member(""), "has no name"),
    "dot in a path": (with_member("./evil.py"), "empty or . part"),
    "two slashes": (with_member("demo//evil.py"), "empty or . part"),
    "long path": (with_member("d/" * 600 + "x"), "more than 1024 characters"),
    "symbolic link": (zip_file(FILES, central={MODULE: {"attributes": 0o120777 << 16}}), "link or a device"),
    "fifo": (zip_file(FILES, central={MODULE: {"attributes": 0o010644 << 16}}), "link or a device"),
    "folder without a slash": (
        zip_file(FILES, central={MODULE: {"attributes": 0o040755 << 16}}),
        "marked as a folder",
    ),
    "folder with content": (with_member("demo/", b"hidden"), "folder with content"),
    "also a tar archive": (tar_and_zip(), "both a zip file and a tar archive"),
    "gzip": (b"\x1f\x8b\x08\0\0\0\0\0\0\3" + GOOD, "before its start"),
}


@pytest.mark.parametrize(("body", "reason"), REFUSED.values(), ids=REFUSED.keys())
def test_a_bad_zip_file_is_refused(tmp_path: Path, body: bytes, reason: str) -> None:
    assert reason in refusal(tmp_path, WHEEL, body)


ACCEPTED: Mapping[str, bytes] = {
    "deflated": GOOD,
    "stored": zip_file(FILES, both={name: stored(content) for name, content in FILES.items()}),
    "folders of their own": zip_file(
        [("demo-1.0.dist-info/", b""), *FILES.items()], both={"demo-1.0.dist-info/": stored(b"")}
    ),
    "members in another order": zip_file(dict(reversed(FILES.items()))),
    "directory in another order": unordered(),
    "UTF-8 names": with_member("d\u00e9mo/\u65e5\u672c.txt"),
    "zip64 end records": zip_file(FILES, zip64={}),
    "zip64 end records in use": zip_file(
        FILES, zip64={}, end={"count": 0xFFFF, "total": 0xFFFF, "size": 0xFFFFFFFF, "offset": 0xFFFFFFFF}
    ),
    "zip64 sizes that Bazel repeats": zip_file(
        {MODULE: b"", **{name: FILES[name] for name in FILES if name != MODULE}} | with_record(wheel_files()),
        local={MODULE: {"extra": zip64_field(0, 2)}},
    ),
    "zip64 sizes": zip_file(
        FILES,
        local={MODULE: {"extra": zip64_field(SIZE, SIZE), "size": 0xFFFFFFFF, "compressed": 0xFFFFFFFF}},
        both={MODULE: stored(FILES[MODULE])},
    ),
    "other extra fields": zip_file(FILES, both={MODULE: {"extra": b"UT\5\0\1abcd"}}),
    "comment of a member": zip_file(FILES, central={MODULE: {"comment": b"hello"}}),
}


@pytest.mark.parametrize("body", ACCEPTED.values(), ids=ACCEPTED.keys())
def test_a_good_zip_file_is_accepted(tmp_path: Path, body: bytes) -> None:
    assert accepted(tmp_path, WHEEL, body).raw == metadata("demo", "1.0").encode()


def test_a_bad_member_of_a_zip_sdist_is_refused(tmp_path: Path) -> None:
    files = {"demo-1.0/PKG-INFO": metadata("demo", "1.0").encode(), "demo-1.0/setup.py": b"pass"}
    assert accepted(tmp_path, ZIP_SDIST, zip_file(files)).metadata_version == "2.3"
    bad = zip_file(files, both={"demo-1.0/setup.py": {"crc": 1}})
    assert "declared size or checksum" in refusal(tmp_path, ZIP_SDIST, bad)


@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        (ArchiveLimits(members=3), "more than 3 members"),
        (ArchiveLimits(names_bytes=50), "larger than 50 bytes"),
        (ArchiveLimits(uncompressed_bytes=1024), "unpacks to more than"),
        (ArchiveLimits(ratio_from_bytes=1024, ratio=2), "more than 2 times its size"),
        (ArchiveLimits(metadata_bytes=10), "METADATA' in the archive is larger than 10 bytes"),
        (ArchiveLimits(record_bytes=10), "RECORD' in the archive is larger than 10 bytes"),
    ],
    ids=str,
)
def test_an_archive_beyond_a_limit_is_refused(tmp_path: Path, limits: ArchiveLimits, reason: str) -> None:
    body = zip_file(with_record(wheel_files(module="x" * 5000)))
    assert accepted(tmp_path, WHEEL, body)
    assert reason in refusal(tmp_path, WHEEL, body, limits)


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(position=st.integers(0, len(GOOD) - 1), value=st.integers(1, 255))
def test_a_changed_byte_never_changes_the_metadata_of_a_wheel(tmp_path: Path, position: int, value: int) -> None:
    body = bytearray(GOOD)
    body[position] ^= value
    try:
        found = accepted(tmp_path, WHEEL, bytes(body))
    except InvalidUploadError:
        return
    # Times, attributes and such may change; content and names may not.
    assert found.raw == metadata("demo", "1.0").encode()
    with zipfile.ZipFile(tmp_path / WHEEL) as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == FILES
