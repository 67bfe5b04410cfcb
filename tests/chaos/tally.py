"""What came of a load, by period: pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

INSTALLS = ("page", "file", "metadata")
UPLOADS = ("upload",)
_HEADING = ("period", "seconds", "installs", "failed", "stale", "uploads", "failed", "")


@dataclass(frozen=True)
class Period:
    """A span of the run, and whether clients may notice what happened in it. Times are seconds since 1970."""

    name: str
    begin: float
    end: float
    may_fail: bool = False


@dataclass(frozen=True)
class Row:
    """What clients saw in one period."""

    period: Period
    installs: int
    failed_installs: int
    stale: int
    uploads: int
    failed_uploads: int

    @property
    def is_wrong(self) -> bool:
        """Return whether something failed that must not, or nothing was tried at all."""
        failed = self.failed_installs + self.failed_uploads
        return not self.installs or (failed > 0 and not self.period.may_fail)


def tally(history: Mapping[str, Mapping[str, int]], periods: Iterable[Period]) -> list[Row]:
    """Count by period; `history` is that of `support.load`, as it comes out of JSON."""
    return [_row(period, history) for period in periods]


def table(rows: Iterable[Row]) -> str:
    """Show the rows to a person."""
    lines: list[tuple[str, ...]] = [_HEADING]
    for row in rows:
        numbers = (row.installs, row.failed_installs, row.stale, row.uploads, row.failed_uploads)
        verdict = "WRONG" if row.is_wrong else "may fail" if row.period.may_fail else "ok"
        seconds = f"{row.period.end - row.period.begin:.0f}"
        lines.append((row.period.name, seconds, *map(str, numbers), verdict))
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(_line(line, widths) for line in lines)


def _line(cells: tuple[str, ...], widths: list[int]) -> str:
    name, *numbers, verdict = cells
    aligned = [number.rjust(width) for number, width in zip(numbers, widths[1:-1], strict=True)]
    return "  ".join([name.ljust(widths[0]), *aligned, verdict]).rstrip()


def _row(period: Period, history: Mapping[str, Mapping[str, int]]) -> Row:
    within = [counts for second, counts in history.items() if period.begin <= int(second) < period.end]

    def count(kinds: Iterable[str], suffix: str = "") -> int:
        return sum(counts.get(kind + suffix, 0) for counts in within for kind in kinds)

    return Row(
        period=period,
        installs=count(INSTALLS),
        failed_installs=count(INSTALLS, " failed"),
        stale=count(INSTALLS, " stale"),
        uploads=count(UPLOADS),
        failed_uploads=count(UPLOADS, " failed"),
    )
