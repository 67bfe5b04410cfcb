"""The feed of the settings and of the command line."""

from pathlib import Path

import msgspec
import pytest

from wheelyard_server.errors import InvalidSettingsError
from wheelyard_server.settings.advisories import AdvisorySettings, Osv, host_of, parse_feed


@pytest.mark.parametrize(
    ("argument", "feed", "host"),
    [
        ("osv", AdvisorySettings(osv=Osv()), "osv"),
        ("https://a.example.com/osv/", AdvisorySettings(url="https://a.example.com/osv/"), "a.example.com"),
        ("https://a.example.com:1/x.zip", AdvisorySettings(url="https://a.example.com:1/x.zip"), "a.example.com:1"),
        ("http://[::1]/", AdvisorySettings(url="http://[::1]/"), "[::1]:80"),
        ("all.zip", AdvisorySettings(file=Path("all.zip")), ""),
    ],
)  # fmt: skip
def test_a_feed_of_the_command_line_is_a_word_a_url_or_a_file(
    argument: str, feed: AdvisorySettings, host: str
) -> None:
    assert parse_feed(argument) == feed
    assert host_of(feed) == host


def test_none_is_no_feed() -> None:
    assert parse_feed("none") is None


@pytest.mark.parametrize("argument", ["ftp://a.example.com/", "https://me:secret@a.example.com/", "https://"])
def test_what_is_no_url_of_a_feed_is_refused(argument: str) -> None:
    with pytest.raises(InvalidSettingsError, match="must be a URL such as"):
        parse_feed(argument)


@pytest.mark.parametrize(
    "fields", [{}, {"osv": {}, "url": "https://a.example.com/"}, {"osv": {}, "file": "all.zip"}]
)
def test_a_feed_is_exactly_one_of_three(fields: dict[str, object]) -> None:
    with pytest.raises(msgspec.ValidationError, match="exactly one of"):
        msgspec.convert(fields, AdvisorySettings, dec_hook=lambda _, value: Path(str(value)))


@pytest.mark.parametrize("seconds", [0, 3601])
def test_the_poll_has_bounds(seconds: int) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"osv": {}, "pollSeconds": seconds}, AdvisorySettings)
