"""Bars as SVG: a figure of all servers, on a scale of powers of ten where they differ by more than a hundred."""

import math
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path

from bench.measure import Figure
from bench.measures import BY_NAME
from bench.report import number
from bench.results import Results, key_of

PLOTTED = (
    "pages/html/rate",
    "pages/big-html-gzip/rate",
    "files/50kb/rate",
    "files/100mb/speed",
    "uploads/small/eight",
    "installs/uv-install/seconds",
    "visible/delay/other",
    "starts/start/seconds",
    "memory/resident/used",
)
_NAMES, _BARS, _ROW, _HEAD = 200, 380, 24, 44
_OURS, _OTHERS = "#2f6f4f", "#9aa5b1"


def write(results: Results, folder: Path, prefix: str) -> Sequence[str]:
    """Write a plot for each of the chosen figures that has values; return the names of the files."""
    names = []
    for chosen in PLOTTED:
        group, measure, figure = key_of(chosen)
        known = results.values.get((group, measure, figure), {})
        medians = {server: results.median((group, measure, figure), server) for server in known}
        values = {server: value for server, value in medians.items() if value}
        if values:
            names.append(f"{prefix}-{group}-{measure}-{figure}.svg")
            (folder / names[-1]).write_text(bars(_figure(group, measure, figure), values))
    return names


def bars(figure: Figure, values: Mapping[str, float]) -> str:
    """Return the picture, the best server first."""
    best_first = sorted(values.items(), key=lambda item: item[1], reverse=figure.more_is_better)
    logarithmic = max(values.values()) > 100 * min(values.values())
    better = "more" if figure.more_is_better else "less"
    scale = ", scale of powers of ten" if logarithmic else ""
    lines = [
        f'<text x="8" y="18" font-weight="bold">{escape(figure.title)}</text>',
        f'<text x="8" y="34" fill="#666">{escape(figure.unit)}; {better} is better{scale}</text>',
    ]
    for place, (server, value) in enumerate(best_first):
        y, length = _HEAD + place * _ROW, _length(value, values, logarithmic=logarithmic)
        colour = _OURS if server.startswith("wheelyard") else _OTHERS
        lines += [
            f'<text x="{_NAMES - 8}" y="{y + 15}" text-anchor="end">{escape(server)}</text>',
            f'<rect x="{_NAMES}" y="{y + 3}" width="{length:.0f}" height="{_ROW - 8}" fill="{colour}"/>',
            f'<text x="{_NAMES + length + 6:.0f}" y="{y + 15}">{number(value)}</text>',
        ]
    width, height = _NAMES + _BARS + 90, _HEAD + len(values) * _ROW + 8
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" font-family="sans-serif"'
    body = "\n".join(lines)
    return f'{head} font-size="13">\n<rect width="100%" height="100%" fill="white"/>\n{body}\n</svg>\n'


def _length(value: float, values: Mapping[str, float], *, logarithmic: bool) -> float:
    most = max(values.values())
    if not logarithmic:
        return _BARS * value / most
    # The smallest keeps a short bar.
    least = min(values.values()) / 2
    return _BARS * math.log(value / least) / math.log(most / least)


def _figure(group: str, measure: str, figure: str) -> Figure:
    of = next(each for each in BY_NAME[group].measures if each.name == measure)
    return next(each for each in of.figures if each.name == figure)
