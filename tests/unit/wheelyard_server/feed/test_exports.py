"""Exports: what is not whole is refused as a whole, and a record that cannot be read costs only itself."""

import io
import json
import zipfile
from pathlib import Path

import pytest

from support import osv
from wheelyard_server.errors import FeedError
from wheelyard_server.feed import Export, exports
from wheelyard_server.feed.exports import read_export
from wheelyard_server.sliced import at_once


def read(folder: Path, body: bytes) -> Export:
    path = folder / "all.zip"
    path.write_bytes(body)
    return at_once(read_export(path))


def test_an_export_has_all_records_withdrawn_ones_too(tmp_path: Path) -> None:
    records = list(osv.odd_records())
    export = read(tmp_path, osv.export(records))
    assert set(export.records) == {each["id"] for each in records}
    assert export.unreadable == frozenset()


def test_a_record_that_cannot_be_read_costs_only_itself(tmp_path: Path) -> None:
    others = {"MAL-2026-98.json": b"{", "MAL-2026-99.json": b"[" * 9999, "README.md": b"not a record"}
    export = read(tmp_path, osv.export(osv.odd_records(), others=others))
    assert len(export.records) == 11
    assert export.unreadable == {"MAL-2026-98", "MAL-2026-99"}


def test_of_two_records_with_one_id_the_later_one_counts(tmp_path: Path) -> None:
    old = osv.malware("MAL-2026-1", "old")
    new = osv.malware("MAL-2026-1", "new", modified=osv.START.replace(day=2))
    body = osv.export([new], others={"again/MAL-2026-1.json": json.dumps(old).encode()})
    assert list(read(tmp_path, body).records["MAL-2026-1"].advisories) == ["new"]


@pytest.mark.parametrize("kept", [0, 1, 22, 100, -200, -23, -1])
def test_an_export_that_is_cut_is_refused(tmp_path: Path, kept: int) -> None:
    with pytest.raises(FeedError, match="not a whole zip archive"):
        read(tmp_path, osv.export(osv.odd_records())[:kept])


def test_an_export_with_a_changed_byte_is_refused(tmp_path: Path) -> None:
    body = bytearray(osv.export(osv.odd_records()))
    body[len(body) // 4] ^= 0xFF
    with pytest.raises(FeedError, match="not a whole zip archive"):
        read(tmp_path, bytes(body))


@pytest.mark.parametrize(
    "body", [b"<html>sign in</html>" * 50, osv.export([]), osv.export([], others={"a.json": b"{"})]
)
def test_what_has_no_records_is_no_export(tmp_path: Path, body: bytes) -> None:
    with pytest.raises(FeedError, match="export"):
        read(tmp_path, body)


def test_a_bomb_costs_only_itself(tmp_path: Path) -> None:
    bomb = b" " * (200 * 1024**2)
    export = read(tmp_path, osv.export(osv.odd_records(), others={"MAL-2026-99.json": bomb}))
    assert export.unreadable == {"MAL-2026-99"}


def test_many_bombs_are_no_export(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exports, "MAX_PLAIN_BYTES", 40_000)
    with pytest.raises(FeedError, match="of records"):
        read(tmp_path, osv.export([], others={f"{number}.json": b" " * 10_000 for number in range(5)}))


def test_more_records_than_any_feed_has_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exports, "MAX_RECORDS", 10)
    with pytest.raises(FeedError, match="more than 10 records"):
        read(tmp_path, osv.export(osv.odd_records()))


def test_a_directory_that_would_fill_the_memory_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exports, "_MAX_DIRECTORY_BYTES", 500)
    with pytest.raises(FeedError, match="directory"):
        read(tmp_path, osv.export(osv.odd_records()))


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_record_in_an_unusual_compression_is_not_decompressed(tmp_path: Path, method: int) -> None:
    target = io.BytesIO(osv.export(osv.odd_records()))
    with zipfile.ZipFile(target, "a", method) as archive:
        archive.writestr("MAL-2026-99.json", json.dumps(osv.malware("MAL-2026-99", "evil")))
    assert read(tmp_path, target.getvalue()).unreadable == {"MAL-2026-99"}
