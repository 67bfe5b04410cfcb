"""Distributions that break one rule each, and that installers take."""

import hashlib
from collections.abc import Mapping

from support.distributions import metadata, record, wheel_files, with_record
from support.inspecting import SDIST, WHEEL
from support.tar_writer import member, tar_gz
from support.zip_writer import piped, stored, zip_file
from wheelyard_server.catalog.inspection.findings import Rule

_INFO = "demo-1.0.dist-info"
_FILES = wheel_files(module="x = 1\n")
_GOOD = with_record(_FILES)
_ROWS = record(_FILES, f"{_INFO}/RECORD").decode()
_FIRST = _ROWS.splitlines(keepends=True)[0]
_DIGEST = _FIRST.split(",")[1]
_HEX = "sha256=" + hashlib.sha256(_FILES["demo.py"]).hexdigest()


def _recorded(rows: str) -> bytes:
    return zip_file({**_FILES, f"{_INFO}/RECORD": rows.encode()})


def _described(text: str | bytes) -> bytes:
    body = text if isinstance(text, bytes) else text.encode()
    return zip_file(with_record({**_FILES, f"{_INFO}/METADATA": body}))


def _declared(*lines: str) -> bytes:
    return zip_file(with_record({**_FILES, f"{_INFO}/WHEEL": "\n".join(lines).encode()}))


def _sdist(folder: str, metadata_version: str = "2.3", extra: str = "") -> bytes:
    text = metadata("demo", "1.0", extra).replace("2.3", metadata_version, 1)
    return tar_gz(member(f"{folder}/PKG-INFO", text.encode("latin-1")))


CASES: Mapping[Rule, tuple[str, bytes]] = {
    Rule.ZIP_COMMENT: (WHEEL, zip_file(_GOOD, end={"comment": b"x"})),
    Rule.ZIP_DATA_DESCRIPTOR: (WHEEL, piped(_GOOD)),
    Rule.ARCHIVE_FOLDER_REPEATED: (
        WHEEL,
        zip_file([("a/", b""), ("a/", b""), *_GOOD.items()], both={"a/": stored(b"")}),
    ),
    Rule.WHEEL_VERSION: (WHEEL, _declared("Wheel-Version: 0.1", "Tag: py3-none-any", "")),
    Rule.WHEEL_TAGS: (WHEEL, _declared("Wheel-Version: 1.0", "Tag: py2-none-any", "")),
    Rule.RECORD_DIGEST_MISSING: (WHEEL, _recorded(_ROWS.replace(_DIGEST, ""))),
    Rule.RECORD_DIGEST_HEX: (WHEEL, _recorded(_ROWS.replace(_DIGEST, _HEX))),
    Rule.RECORD_DIGEST: (
        WHEEL,
        zip_file({**with_record({**_FILES, f"{_INFO}/top_level.txt": b"a"}), f"{_INFO}/top_level.txt": b"b"}),
    ),
    Rule.RECORD_SIZE: (WHEEL, _recorded(_ROWS.replace(",6\n", ",7\n"))),
    Rule.RECORD_REPEATED: (WHEEL, _recorded(_ROWS + _FIRST)),
    Rule.RECORD_FOLDER: (WHEEL, _recorded(f"{_ROWS}demo/,,\n")),
    Rule.RECORD_ABSENT_FILE: (WHEEL, _recorded(f"{_ROWS}gone.py,,\n")),
    Rule.RECORD_MISSING_ROW: (WHEEL, _recorded(_ROWS.replace(_FIRST, ""))),
    Rule.METADATA_VERSION: (WHEEL, _described(metadata("demo", "1.0").replace("2.3", "2.9", 1))),
    Rule.METADATA_ENCODING: (SDIST, _sdist("demo-1.0", extra="Author: \u00e9\n")),
    Rule.METADATA_LINE: (WHEEL, _described(metadata("demo", "1.0", "License: MIT\nCopyright\n"))),
    Rule.METADATA_FIELD: (WHEEL, _described(metadata("demo", "1.0", "Provides-Extra: .none\n"))),
    Rule.METADATA_REQUIRES_PYTHON: (WHEEL, _described(metadata("demo", "1.0", "Requires-Python: >=3.6.*\n"))),
    Rule.METADATA_SUMMARY: (WHEEL, _described(metadata("demo", "1.0", f"Summary: {'s' * 1001}\n"))),
    Rule.SDIST_FILENAME: ("Demo-1.0.tar.gz", _sdist("Demo-1.0", "2.4")),
    Rule.SDIST_FOLDER: (SDIST, _sdist("demo")),
}
"""For every rule, a filename and a distribution of demo 1.0 that breaks only that."""
