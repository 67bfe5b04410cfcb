"""Where results are printed: how wide it is, and whether it shows colours."""

import json
import os
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TextIO

_UNLIMITED = 1_000_000
_NARROWEST = 40
_CODES = {"red": 31, "green": 32, "yellow": 33, "blue": 34, "magenta": 35, "cyan": 36, "bold": 1, "dim": 2}


@dataclass(frozen=True)
class Terminal:
    """Results go to `out`; what is only for the person who waits goes to `err`."""

    out: TextIO
    err: TextIO
    width: int
    colour: bool

    @classmethod
    def of(cls, out: TextIO, err: TextIO, environment: Mapping[str, str]) -> "Terminal":
        """Look at the streams. In a pipe nothing is wrapped, so that grep finds whole lines."""
        shows_colour = out.isatty() and not environment.get("NO_COLOR") and environment.get("TERM") != "dumb"
        return cls(out, err, _width(out, environment.get("COLUMNS", "")), shows_colour)

    def line(self, text: str = "") -> None:
        """Print one line of the result."""
        print(text.rstrip(), file=self.out, flush=True)

    def note(self, text: str) -> None:
        """Tell the person who waits."""
        print(harmless(text), file=self.err, flush=True)

    def json(self, value: Any) -> None:
        """Print the result for programs."""
        print(json.dumps(value, indent=2), file=self.out)

    def paint(self, text: str, *styles: str) -> str:
        """Return the text in these colours, where there are any."""
        if not self.colour:
            return text
        return "".join(f"\033[{_CODES[style]}m" for style in styles) + text + "\033[0m"

    def entry(
        self, label: str, text: str, *, indent: int = 2, column: int = 16, styles: Sequence[str] = ()
    ) -> None:
        """Print a label and what it stands for, which keeps to its column when it is wrapped."""
        head = " " * indent + harmless(label)
        lines = self._wrapped(text, column)
        if len(head) >= column or any(column + len(line) > self.width for line in lines):
            # Too long for where it belongs.
            self.line(head)
            head, column = "", indent + 2
            lines = self._wrapped(text, column)
        for line in lines:
            self.line(head.ljust(column) + self.paint(line, *styles))
            head = ""

    def _wrapped(self, text: str, column: int) -> list[str]:
        # A long URL or name is not broken: it is there to be copied.
        wrapped = textwrap.wrap(
            harmless(text), width=self.width - column, break_long_words=False, break_on_hyphens=False
        )
        return wrapped or [""]

    def table(self, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Print columns as kubectl does: of those that do not fit, the last ones are left out."""
        cells = [list(header), *([harmless(cell) for cell in row] for row in rows)]
        widths = [max(len(row[column]) for row in cells) for column in range(len(header))]
        while len(widths) > 1 and sum(widths) + 3 * (len(widths) - 1) > self.width:
            widths.pop()
        for row in cells:
            self.line("   ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=False)))


def harmless(text: str) -> str:
    """Return text that moves no cursor: names, messages and log lines come from others."""
    return text if text.isprintable() else "".join(map(_escaped, text))


def _escaped(char: str) -> str:
    return char if char.isprintable() else char.encode("unicode_escape").decode()


def _width(out: TextIO, columns: str) -> int:
    if columns.isdecimal() and int(columns):
        return max(int(columns), _NARROWEST)
    if not out.isatty():
        return _UNLIMITED
    return max(os.get_terminal_size(out.fileno()).columns, _NARROWEST)
