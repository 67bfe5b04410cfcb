"""Foreign texts, sizes and times."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from wheelyard_server.web.site import words


@pytest.mark.parametrize(
    "character", ["\u202e", "\u2066", "\u200f", "\x00", "\x1b", "\x7f", "\ufeff", "\U000e0041"]
)
def test_a_character_that_cannot_be_seen_is_replaced(character: str) -> None:
    assert words.line(f"a{character}b") == "a\ufffdb"
    assert words.block(f"a{character}\nb") == "a\ufffd\nb"


def test_scripts_from_right_to_left_and_emoji_stay_as_they_are() -> None:
    for text in ("שלום", "👩\u200d💻", "café"):
        assert words.line(text) == text


def test_a_line_is_one_line_and_has_an_end() -> None:
    assert words.line(" a\n b\tc\r\nd ") == "a b c d"
    assert words.line("a" * 50, 10) == "aaaaaaaaa…"
    assert len(words.line("a" * 10**7)) == words.MAX_LINE_LENGTH


def test_sizes_have_units() -> None:
    shown = [words.size(count) for count in (0, 1023, 1024, 5 * 1024**2, 3 * 1024**5)]
    assert shown == ["0 bytes", "1023 bytes", "1.0 KiB", "5.0 MiB", "3072.0 TiB"]


def test_times_are_in_utc() -> None:
    moment = datetime(2026, 1, 2, 0, 30, tzinfo=timezone(timedelta(hours=2)))
    assert (words.day(moment), words.minute(moment)) == ("2026-01-01", "2026-01-01 22:30 UTC")
    assert words.day(datetime(2026, 1, 2, tzinfo=UTC)) == "2026-01-02"


def test_a_number_has_its_noun() -> None:
    assert (words.counted(1, "file"), words.counted(2000, "file")) == ("1 file", "2,000 files")
