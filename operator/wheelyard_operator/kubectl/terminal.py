"""The terminal or pipe that results are printed to: its width and its colors."""

import json
import os
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TextIO

_UNLIMITED = 1_000_000
_MIN_WIDTH = 40
_CODES = {"red": 31, "green": 32, "yellow": 33, "blue": 34, "magenta": 35, "cyan": 36, "bold": 1, "dim": 2}


@dataclass(frozen=True)
class Terminal:
    """Results go to `out`, progress and warnings to `err`."""

    out: TextIO
    err: TextIO
    width: int
    has_color: bool

    @classmethod
    def of(cls, out: TextIO, err: TextIO, environment: Mapping[str, str]) -> "Terminal":
        """Return the terminal of two streams. In a pipe nothing is wrapped, so that grep finds whole lines."""
        has_color = out.isatty() and not environment.get("NO_COLOR") and environment.get("TERM") != "dumb"
        return cls(out, err, _width(out, environment.get("COLUMNS", "")), has_color)

    def line(self, text: str = "") -> None:
        """Print one line of the result."""
        print(text.rstrip(), file=self.out, flush=True)

    def note(self, text: str) -> None:
        """Print a line of progress or a warning."""
        print(printable(text), file=self.err, flush=True)

    def json(self, value: Any) -> None:
        """Print the result as JSON, for programs."""
        print(json.dumps(value, indent=2), file=self.out)

    def paint(self, text: str, *styles: str) -> str:
        """Return the text in these styles, or unchanged if the terminal has no colors."""
        if not self.has_color:
            return text
        return "".join(f"\033[{_CODES[style]}m" for style in styles) + text + "\033[0m"

    def entry(
        self, label: str, text: str, *, indent: int = 2, column: int = 16, styles: Sequence[str] = ()
    ) -> None:
        """Print a label and its text, which stays in its column when it is wrapped."""
        head = " " * indent + printable(label)
        lines = self._wrapped(text, column)
        if len(head) >= column or any(column + len(line) > self.width for line in lines):
            # Too long for its column: it gets lines of its own.
            self.line(head)
            head, column = "", indent + 2
            lines = self._wrapped(text, column)
        for line in lines:
            self.line(head.ljust(column) + self.paint(line, *styles))
            head = ""

    def _wrapped(self, text: str, column: int) -> list[str]:
        # A long URL or name is not broken, so that it can be copied.
        wrapped = textwrap.wrap(
            printable(text), width=self.width - column, break_long_words=False, break_on_hyphens=False
        )
        return wrapped or [""]

    def table(self, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Print columns as kubectl does; the last ones are left out if they do not fit."""
        cells = [list(header), *([printable(cell) for cell in row] for row in rows)]
        widths = [max(len(row[column]) for row in cells) for column in range(len(header))]
        while len(widths) > 1 and sum(widths) + 3 * (len(widths) - 1) > self.width:
            widths.pop()
        for row in cells:
            self.line("   ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=False)))


def printable(text: str) -> str:
    """Return the text with control characters escaped.

    Names, messages and log lines come from others, and must not move the cursor.
    """
    return text if text.isprintable() else "".join(map(_escape, text))


def _escape(char: str) -> str:
    return char if char.isprintable() else char.encode("unicode_escape").decode()


def _width(out: TextIO, columns: str) -> int:
    if columns.isdecimal() and int(columns):
        return max(int(columns), _MIN_WIDTH)
    if not out.isatty():
        return _UNLIMITED
    return max(os.get_terminal_size(out.fileno()).columns, _MIN_WIDTH)
