"""Objects of the log are read back whole or not at all, and merged within their bound."""

import zlib

import msgspec
import pytest
from hypothesis import strategies as st

from support.properties import given
from wheelyard_server.catalog.fetches.counting import Counted
from wheelyard_server.catalog.fetches.encoding import (
    DayHeader,
    LogObject,
    MergedDay,
    SegmentHeader,
    encoded_segment,
    merged_header,
)
from wheelyard_server.catalog.fetches.rows import FetchedFile, FileRows, Row
from wheelyard_server.errors import DamagedObjectError
from wheelyard_server.sliced import at_once

HOUR = 1_764_500_400
FILES = [FetchedFile(project, f"{project}-1.tar.gz", digest * 64, "1") for project in "ab" for digest in "01"]


def row(user: str = "u", address: str = "192.0.2.7", hour: int = 0, whole: int = 1, parts: int = 0) -> Row:
    began = HOUR + hour * 3600
    return Row(user, "token", "", address, "pip", began, whole, parts, began, began + 5)


def segment(rows: dict[FetchedFile, list[Row]], **header: object) -> LogObject[SegmentHeader]:
    made = SegmentHeader(written=HOUR, **header)  # type: ignore[arg-type]
    return LogObject("segment", at_once(encoded_segment(made, Counted(rows))), SegmentHeader)


def merged(*parts: LogObject[SegmentHeader], max_rows: int = 1000, dropped: int = 0) -> LogObject[DayHeader]:
    body = at_once(MergedDay(DayHeader(dropped=dropped), parts).encoded(max_rows))
    return LogObject("day", body, DayHeader)


def fetches(of: LogObject[DayHeader]) -> int:
    return sum(row.whole for line in of.lines() for row in line.rows) + of.header.dropped


def test_a_segment_is_read_back_with_its_files_in_order() -> None:
    rows = {FILES[3]: [row()], FILES[0]: [row("a"), row("b")]}
    found = segment(rows, ended=True, dropped=3)
    assert (found.header.ended, found.header.dropped) == (True, 3)
    assert list(found.lines()) == [FileRows(*FILES[0], rows[FILES[0]]), FileRows(*FILES[3], rows[FILES[3]])]


def test_a_file_of_many_fetchers_has_short_lines_and_is_one_file_again_when_it_is_merged() -> None:
    made = segment({FILES[0]: [row(str(number)) for number in range(2500)]})
    assert [len(line.rows) for line in made.lines()] == [1000, 1000, 500]
    assert [len(line.rows) for line in merged(made, made, max_rows=3000).lines()] == [1000, 1000, 500]
    assert fetches(merged(made, made, max_rows=3000)) == 5000


@given(st.data())
def test_any_part_or_change_of_an_object_is_an_error_or_nothing(data: st.DataObject) -> None:
    body = at_once(encoded_segment(SegmentHeader(written=HOUR), Counted({FILES[0]: [row()], FILES[1]: [row()]})))
    cut = data.draw(st.integers(0, len(body) - 1))
    with pytest.raises(DamagedObjectError):
        list(LogObject("key", body[:cut], SegmentHeader).lines())


def test_an_object_of_a_newer_format_or_of_something_else_is_an_error() -> None:
    for text in (b'{"format":2,"written":1}\n', b"[]\n", b'{"written":1}\nnothing\n', b"\n", b""):
        body = zlib.compress(text, wbits=zlib.MAX_WBITS | 16)
        with pytest.raises(DamagedObjectError, match=r"key: .*(upgrade|fetch log)"):
            list(LogObject("key", body, SegmentHeader).lines())


def test_the_same_fetcher_and_hour_is_one_row_after_a_merge() -> None:
    one = segment({FILES[0]: [row(), row(hour=1)], FILES[1]: [row()]})
    two = segment({FILES[0]: [row(whole=2, parts=4), row("b")]})
    assert list(merged(one, two).lines()) == [
        FileRows(*FILES[0], [row(whole=3, parts=4), row(hour=1), row("b")]),
        FileRows(*FILES[1], [row()]),
    ]


def test_a_day_beyond_its_bound_gets_coarser_step_by_step_and_loses_no_count() -> None:
    day = segment(
        {file: [row(f"u{number % 3}", f"10.0.{number}.{number}") for number in range(6)] for file in FILES}
    )
    again = segment({file: [row(f"u{number % 3}", f"10.0.{number}.99") for number in range(6)] for file in FILES})
    for max_rows, count, dropped in ((48, 48, 0), (47, 24, 0), (23, 4, 0), (3, 3, 12)):
        found = merged(day, again, max_rows=max_rows)
        assert sum(len(line.rows) for line in found.lines()) == count
        assert (found.header.dropped, fetches(found)) == (dropped, 48)


def test_headers_of_merged_days_have_every_replica_and_every_dropped_fetch() -> None:
    first = merged_header(None, {("a", 0): SegmentHeader(written=1, dropped=2), ("b", 0): SegmentHeader(written=1)})
    header = merged_header(first, {("a", 1): SegmentHeader(written=9, ended=True, dropped=3)})
    assert header.dropped == 5
    assert {name: msgspec.structs.astuple(each) for name, each in header.replicas.items()} == {
        "a": (2, 9, True),
        "b": (1, 1, False),
    }
    assert first.is_within(header)
    assert not header.is_within(first)
    assert header.has("a", 1)
    assert not header.has("a", 2)
    assert not header.has("c", 0)
