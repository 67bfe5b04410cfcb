import logging

import pytest

from wheelyard_server.access import tokens
from wheelyard_server.web.logs import LineFormatter


def line(message: str) -> str:
    record = logging.LogRecord("a", logging.INFO, "", 0, "%s", (message,), None)
    return LineFormatter().format(record).partition("INFO a: ")[2]


@pytest.mark.parametrize(
    ("message", "written"),
    [
        ("plain \u00e4", "plain \u00e4"),
        ("a\r\nINFO b: fake", r"a\r\nINFO b: fake"),
        ("\x1b[2J", r"\x1b[2J"),
        ("a\x00\x7f\x85", r"a\x00\x7f\x85"),
        ("a\u2028b\u202eb", r"a\u2028b\u202eb"),
        ("a\udcffb", r"a\udcffb"),
    ],
)
def test_a_message_stays_on_its_line(message: str, written: str) -> None:
    assert line(message) == written


def test_tokens_are_hidden_wherever_they_are() -> None:
    token = tokens.make()
    assert line(f"x{token}/{token}") == "xwy_[hidden]/wy_[hidden]"


def test_a_traceback_has_no_token_and_no_line_that_looks_like_one_of_the_log() -> None:
    token = tokens.make()
    error = ValueError(f"{token}\n2026-01-01 INFO b: fake\x1b")
    record = logging.LogRecord("a", logging.ERROR, "", 0, "x", (), (ValueError, error, None))
    _, *lines = LineFormatter().format(record).splitlines()
    assert all(each.startswith("    ") for each in lines)
    assert token not in "".join(lines)
    assert "\x1b" not in "".join(lines)
