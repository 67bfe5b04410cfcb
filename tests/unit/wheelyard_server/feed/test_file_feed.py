"""A feed in a file, for places without a way out."""

import os
from pathlib import Path

import pytest

from support import osv
from wheelyard_server.errors import FeedError, NoListingError
from wheelyard_server.feed import file_feed
from wheelyard_server.feed.file_feed import FileFeed


async def test_a_file_is_read_again_when_it_changes(tmp_path: Path) -> None:
    path = tmp_path / "all.zip"
    path.write_bytes(osv.export(osv.odd_records()))
    feed = FileFeed(path)
    export = await feed.export()
    assert export is not None
    assert export.shown is not None
    assert await feed.export(export.etag) is None
    replaced = tmp_path / "new.zip"
    replaced.write_bytes(osv.export([osv.malware("MAL-2026-77", "evil")]))
    os.replace(replaced, path)  # noqa: PTH105 - as the volume of a ConfigMap does
    again = await feed.export(export.etag)
    assert again is not None
    assert set(again.records) == {"MAL-2026-77"}


async def test_a_file_has_no_listing(tmp_path: Path) -> None:
    feed = FileFeed(tmp_path / "all.zip")
    with pytest.raises(NoListingError):
        await feed.listing()
    with pytest.raises(NoListingError):
        await feed.record("MAL-2026-1")
    await feed.close()


async def test_a_file_that_cannot_be_read_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    feed = FileFeed(tmp_path / "all.zip")
    with pytest.raises(FeedError, match=r"cannot be read: .*all.zip \(No such file or directory\)"):
        await feed.export()
    (tmp_path / "all.zip").write_bytes(b"no archive")
    with pytest.raises(FeedError, match="not a whole zip archive"):
        await feed.export()
    monkeypatch.setattr(file_feed, "MAX_EXPORT_BYTES", 9)
    with pytest.raises(FeedError, match="has more than"):
        await feed.export()
