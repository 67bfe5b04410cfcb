from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from support.distributions import record, wheel_files, with_record
from support.inspecting import WHEEL, accepted, refusal
from support.zip_writer import zip_file

RECORD = "demo-1.0.dist-info/RECORD"
FILES = wheel_files(module="x = 1\n")
ROWS = record(FILES, RECORD).decode()
MODULE_ROW = ROWS.splitlines(keepends=True)[0]
DIGEST = MODULE_ROW.split(",")[1]


def wheel(rows: str | bytes) -> bytes:
    return zip_file({**FILES, RECORD: rows if isinstance(rows, bytes) else rows.encode()})


REFUSED: Mapping[str, tuple[str | bytes, str]] = {
    "empty": ("", "is in the wheel, but not in its RECORD"),
    "file not listed": (ROWS.replace(MODULE_ROW, ""), "'demo.py' is in the wheel, but not in its RECORD"),
    "listed file missing": (ROWS + f"gone.py,{DIGEST},6\n", "lists 'gone.py', which is not in the wheel"),
    "listed file elsewhere": (ROWS + f"../../evil.py,{DIGEST},6\n", "which is not in the wheel"),
    "listed twice": (ROWS + MODULE_ROW, "lists 'demo.py', more than once"),
    "another digest": (ROWS.replace(DIGEST, "sha256=" + "A" * 43), "another digest or size"),
    "digest that is no base64": (ROWS.replace(DIGEST, "sha256=!"), "another digest or size"),
    "empty digest": (ROWS.replace(DIGEST, "sha256="), "another digest or size"),
    "another size": (ROWS.replace(",6\n", ",7\n"), "another digest or size"),
    "no size": (ROWS.replace(",6\n", ",\n"), "another digest or size"),
    "no digest": (ROWS.replace(DIGEST, ""), "must have a sha256"),
    "md5": (ROWS.replace(DIGEST, "md5=rL0Y20zC-Fzt72VPzMSk2A"), "must have a sha256"),
    "unknown algorithm": (ROWS.replace(DIGEST, "sha257=AAAA"), "must have a sha256"),
    "algorithm of no fixed length": (ROWS.replace(DIGEST, "shake_128=AAAA"), "must have a sha256"),
    "two columns": (ROWS.replace(",6\n", "\n"), "has 2 columns for 'demo.py'"),
    "unclosed quote": (ROWS + '"demo', "not a CSV file"),
    "endless field": (ROWS + "x" * 200_000, "not a CSV file"),
    "no UTF-8": (ROWS.encode() + b"\xff,,\n", "not a CSV file"),
}


@pytest.mark.parametrize(("rows", "reason"), REFUSED.values(), ids=REFUSED.keys())
def test_a_record_that_disagrees_with_the_wheel_is_refused(tmp_path: Path, rows: str | bytes, reason: str) -> None:
    assert reason in refusal(tmp_path, WHEEL, wheel(rows))


@pytest.mark.parametrize(
    "change",
    [
        str,
        lambda rows: rows.replace("\n", "\r\n"),
        lambda rows: rows + "\n",
        lambda rows: rows.replace("demo.py", '"demo.py"'),
        lambda rows: rows.replace(f"{RECORD},,\n", ""),
        lambda rows: "".join(reversed(rows.splitlines(keepends=True))),
    ],
)
def test_records_as_tools_write_them_are_accepted(tmp_path: Path, change: Callable[[str], str]) -> None:
    assert accepted(tmp_path, WHEEL, wheel(change(ROWS)))


def test_signatures_of_record_need_not_be_in_it(tmp_path: Path) -> None:
    files = {**with_record(FILES), f"{RECORD}.jws": b"{}", f"{RECORD}.p7s": b""}
    assert accepted(tmp_path, WHEEL, zip_file(files))
    damaged = zip_file(files, both={f"{RECORD}.jws": {"crc": 1}})
    assert "another size or checksum" in refusal(tmp_path, WHEEL, damaged)
