"""Every rule: marked where an index takes what is installable, refused where it takes what is well-formed."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

import pytest

from support.distributions import metadata, record, wheel_files, with_record
from support.inspecting import SDIST, WHEEL, finding
from support.tar_writer import member, tar_gz
from support.zip_writer import piped, stored, zip_file
from wheelyard_server.catalog.inspection.findings import Findings, Rule
from wheelyard_server.errors import InvalidUploadError
from wheelyard_server.model import MAX_FINDING_LENGTH
from wheelyard_server.settings import Accept

INFO = "demo-1.0.dist-info"
FILES = wheel_files(module="x = 1\n")
GOOD = with_record(FILES)
ROWS = record(FILES, f"{INFO}/RECORD").decode()
FIRST = ROWS.splitlines(keepends=True)[0]
DIGEST = FIRST.split(",")[1]
HEX = "sha256=" + hashlib.sha256(FILES["demo.py"]).hexdigest()


def recorded(rows: str) -> bytes:
    return zip_file({**FILES, f"{INFO}/RECORD": rows.encode()})


def described(text: str | bytes) -> bytes:
    body = text if isinstance(text, bytes) else text.encode()
    return zip_file(with_record({**FILES, f"{INFO}/METADATA": body}))


def declared(*lines: str) -> bytes:
    return zip_file(with_record({**FILES, f"{INFO}/WHEEL": "\n".join(lines).encode()}))


def sdist(folder: str, metadata_version: str = "2.3") -> bytes:
    text = metadata("demo", "1.0").replace("2.3", metadata_version, 1)
    return tar_gz(member(f"{folder}/PKG-INFO", text.encode()))


CASES: Mapping[Rule, tuple[str, bytes]] = {
    Rule.ZIP_COMMENT: (WHEEL, zip_file(GOOD, end={"comment": b"x"})),
    Rule.ZIP_DATA_DESCRIPTOR: (WHEEL, piped(GOOD)),
    Rule.ARCHIVE_FOLDER_REPEATED: (
        WHEEL,
        zip_file([("a/", b""), ("a/", b""), *GOOD.items()], both={"a/": stored(b"")}),
    ),
    Rule.WHEEL_VERSION: (WHEEL, declared("Wheel-Version: 0.1", "Tag: py3-none-any", "")),
    Rule.WHEEL_TAGS: (WHEEL, declared("Wheel-Version: 1.0", "Tag: py2-none-any", "")),
    Rule.RECORD_DIGEST_MISSING: (WHEEL, recorded(ROWS.replace(DIGEST, ""))),
    Rule.RECORD_DIGEST_HEX: (WHEEL, recorded(ROWS.replace(DIGEST, HEX))),
    Rule.RECORD_DIGEST: (
        WHEEL,
        zip_file({**with_record({**FILES, f"{INFO}/top_level.txt": b"a"}), f"{INFO}/top_level.txt": b"b"}),
    ),
    Rule.RECORD_SIZE: (WHEEL, recorded(ROWS.replace(",6\n", ",7\n"))),
    Rule.RECORD_REPEATED: (WHEEL, recorded(ROWS + FIRST)),
    Rule.RECORD_FOLDER: (WHEEL, recorded(f"{ROWS}demo/,,\n")),
    Rule.RECORD_ABSENT_FILE: (WHEEL, recorded(f"{ROWS}gone.py,,\n")),
    Rule.RECORD_MISSING_ROW: (WHEEL, recorded(ROWS.replace(FIRST, ""))),
    Rule.METADATA_VERSION: (WHEEL, described(metadata("demo", "1.0").replace("2.3", "2.9", 1))),
    Rule.METADATA_ENCODING: (WHEEL, described(metadata("demo", "1.0", "Author: \u00e9\n").encode("latin-1"))),
    Rule.METADATA_LINE: (WHEEL, described(metadata("demo", "1.0", "License: MIT\nCopyright\n"))),
    Rule.METADATA_FIELD: (WHEEL, described(metadata("demo", "1.0", "Provides-Extra: .none\n"))),
    Rule.METADATA_REQUIRES_PYTHON: (WHEEL, described(metadata("demo", "1.0", "Requires-Python: any\n"))),
    Rule.METADATA_SUMMARY: (WHEEL, described(metadata("demo", "1.0", f"Summary: {'s' * 1001}\n"))),
    Rule.SDIST_FILENAME: ("Demo-1.0.tar.gz", sdist("Demo-1.0", "2.4")),
    Rule.SDIST_FOLDER: (SDIST, sdist("demo")),
}


@pytest.mark.parametrize("rule", Rule)
def test_every_rule_is_marked_or_refused_as_the_index_accepts(tmp_path: Path, rule: Rule) -> None:
    filename, body = CASES[rule]
    assert finding(tmp_path, filename, body).rule == rule


def test_a_rule_is_found_once_with_the_number_of_others() -> None:
    findings = Findings(Accept.INSTALLABLE)
    for name in ("a", "b", "c"):
        findings.add(Rule.RECORD_REPEATED, f"{name} twice")
    findings.add(Rule.ZIP_COMMENT, "x" * 300)
    first, second = findings.found()
    assert first.message == "a twice (and 2 more)"
    assert second.message == "x" * MAX_FINDING_LENGTH


def test_the_number_of_others_is_seen_behind_a_long_message() -> None:
    findings = Findings(Accept.INSTALLABLE)
    findings.add(Rule.ZIP_COMMENT, "x" * 300)
    findings.add(Rule.ZIP_COMMENT, "x" * 300)
    (found,) = findings.found()
    assert len(found.message) == MAX_FINDING_LENGTH
    assert found.message.endswith("x (and 1 more)")


def test_where_only_what_is_well_formed_is_taken_the_first_is_the_last() -> None:
    with pytest.raises(InvalidUploadError, match=r"a comment \(zip-comment; this index takes only"):
        Findings(Accept.WELL_FORMED).add(Rule.ZIP_COMMENT, "a comment")
