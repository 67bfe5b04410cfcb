import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from support.distributions import record, wheel_files, with_record
from support.inspecting import WHEEL, accepted, finding, refusal
from support.zip_writer import zip_file
from wheelyard_server.catalog.inspection.findings import Rule

RECORD = "demo-1.0.dist-info/RECORD"
FILES = wheel_files(module="x = 1\n")
ROWS = record(FILES, RECORD).decode()
MODULE_ROW = ROWS.splitlines(keepends=True)[0]
DIGEST = MODULE_ROW.split(",")[1]


def wheel(rows: str | bytes) -> bytes:
    return zip_file({**FILES, RECORD: rows if isinstance(rows, bytes) else rows.encode()})


HEX_DIGEST = "sha256=" + hashlib.sha256(FILES["demo.py"]).hexdigest()
TOP_LEVEL = "demo-1.0.dist-info/top_level.txt"

REFUSED: Mapping[str, tuple[str | bytes, str]] = {
    "listed file elsewhere": (ROWS + f"../../evil.py,{DIGEST},6\n", "leads out"),
    "listed file at the top": (ROWS + f"/evil.py,{DIGEST},6\n", "absolute path"),
    "another digest": (ROWS.replace(DIGEST, "sha256=" + "A" * 43), "differs from RECORD"),
    "another digest in hex": (ROWS.replace(DIGEST, "sha256=" + "0" * 64), "differs from RECORD"),
    "another digest in a second row": (
        ROWS + MODULE_ROW.replace(DIGEST, "sha256=" + "A" * 43),
        "differs from RECORD",
    ),
    "digests by two algorithms": (ROWS + MODULE_ROW.replace(DIGEST, "sha512=AA"), "digests by two algorithms"),
    "digest that is no base64": (ROWS.replace(DIGEST, "sha256=!"), "differs from RECORD"),
    "empty digest": (ROWS.replace(DIGEST, "sha256="), "differs from RECORD"),
    "two columns": (ROWS.replace(",6\n", "\n"), "has 2 columns for 'demo.py'"),
    "unclosed quote": (ROWS + '"demo', "not a CSV file"),
    "endless field": (ROWS + "x" * 200_000, "not a CSV file"),
    "no UTF-8": (ROWS.encode() + b"\xff,,\n", "not a CSV file"),
}


@pytest.mark.parametrize(("rows", "reason"), REFUSED.values(), ids=REFUSED.keys())
def test_a_record_that_deceives_is_refused(tmp_path: Path, rows: str | bytes, reason: str) -> None:
    assert reason in refusal(tmp_path, WHEEL, wheel(rows))


FOUND: Mapping[str, tuple[str, Rule, str]] = {
    "empty": ("", Rule.RECORD_MISSING_ROW, "is in the wheel, but not in its RECORD (and 2 more)"),
    "file not listed": (
        ROWS.replace(MODULE_ROW, ""),
        Rule.RECORD_MISSING_ROW,
        "'demo.py' is in the wheel, but not in its RECORD",
    ),
    "listed file missing": (
        ROWS + f"gone.py,{DIGEST},6\n",
        Rule.RECORD_ABSENT_FILE,
        "lists 'gone.py', which is not in the wheel",
    ),
    "folder": (ROWS + "demo/,,\n", Rule.RECORD_FOLDER, "lists the folder 'demo'"),
    "folder without a slash": (
        ROWS + "demo-1.0.dist-info,,\n",
        Rule.RECORD_FOLDER,
        "lists the folder 'demo-1.0.dist-info'",
    ),
    "listed twice": (ROWS + MODULE_ROW, Rule.RECORD_REPEATED, "lists 'demo.py' more than once"),
    "listed thrice": (ROWS + MODULE_ROW * 2, Rule.RECORD_REPEATED, "lists 'demo.py' more than once (and 1 more)"),
    "digest in hex": (ROWS.replace(DIGEST, HEX_DIGEST), Rule.RECORD_DIGEST_HEX, "'demo.py' in hex"),
    "another size": (ROWS.replace(",6\n", ",7\n"), Rule.RECORD_SIZE, "'demo.py' has 6 bytes, but RECORD says '7'"),
    "size that is no number": (ROWS.replace(",6\n", ",six\n"), Rule.RECORD_SIZE, "RECORD says 'six'"),
    "no digest": (
        ROWS.replace(DIGEST, ""),
        Rule.RECORD_DIGEST_MISSING,
        "no sha256 (or 384, 512) digest of 'demo.py'",
    ),
    "md5": (ROWS.replace(DIGEST, "md5=rL0Y20zC-Fzt72VPzMSk2A"), Rule.RECORD_DIGEST_MISSING, "no sha256"),
    "unknown algorithm": (ROWS.replace(DIGEST, "sha257=AAAA"), Rule.RECORD_DIGEST_MISSING, "no sha256"),
    "algorithm of no fixed length": (
        ROWS.replace(DIGEST, "shake_128=AAAA"),
        Rule.RECORD_DIGEST_MISSING,
        "no sha256",
    ),
}


@pytest.mark.parametrize(("rows", "rule", "message"), FOUND.values(), ids=FOUND.keys())
def test_record_errors_that_installers_ignore_are_findings(
    tmp_path: Path, rows: str, rule: Rule, message: str
) -> None:
    found = finding(tmp_path, WHEEL, wheel(rows))
    assert found.rule == rule
    assert message in found.message


def test_a_wrong_digest_of_an_unread_file_is_a_finding(tmp_path: Path) -> None:
    files = with_record({**FILES, TOP_LEVEL: b"demo\n"})
    assert accepted(tmp_path, WHEEL, zip_file(files))
    found = finding(tmp_path, WHEEL, zip_file({**files, TOP_LEVEL: b"deno\n"}))
    assert found.rule == Rule.RECORD_DIGEST
    for read in ("demo-1.0.dist-info/WHEEL", "demo-1.0.dist-info/entry_points.txt"):
        files = with_record({**FILES, read: FILES.get(read, b"")})
        assert "differs from RECORD" in refusal(tmp_path, WHEEL, zip_file({**files, read: files[read] + b"X: y\n"}))


def test_a_bad_checksum_of_a_file_that_is_not_listed_is_found(tmp_path: Path) -> None:
    damaged = zip_file({**FILES, RECORD: ROWS.replace(MODULE_ROW, "").encode()}, both={"demo.py": {"crc": 1}})
    assert "declared size or checksum" in refusal(tmp_path, WHEEL, damaged)


@pytest.mark.parametrize(
    "change",
    [
        str,
        lambda rows: rows.replace("\n", "\r\n"),
        lambda rows: rows + "\n",
        lambda rows: rows.replace("demo.py", '"demo.py"'),
        lambda rows: rows.replace(f"{RECORD},,\n", ""),
        lambda rows: rows.replace(",6\n", ",\n"),  # a size may be left out
        lambda rows: "".join(reversed(rows.splitlines(keepends=True))),
    ],
)
def test_records_as_tools_write_them_are_accepted(tmp_path: Path, change: Callable[[str], str]) -> None:
    assert accepted(tmp_path, WHEEL, wheel(change(ROWS)))


def test_signatures_of_record_need_not_be_in_it(tmp_path: Path) -> None:
    files = {**with_record(FILES), f"{RECORD}.jws": b"{}", f"{RECORD}.p7s": b""}
    assert accepted(tmp_path, WHEEL, zip_file(files))
    damaged = zip_file(files, both={f"{RECORD}.jws": {"crc": 1}})
    assert "declared size or checksum" in refusal(tmp_path, WHEEL, damaged)
