"""The report of a run, in Markdown."""

from collections.abc import Iterable, Iterator, Sequence

from bench.measure import Figure, Group, Measure
from bench.measures import ALL
from bench.results import Key, Results
from bench.targets import TARGETS, Target

BASE = "nginx"
NONE = "-"


def markdown(results: Results, plots: Sequence[str]) -> str:
    """Return the whole report."""
    parts = ["# The bench", *_about(results), "## Reached and missed", *_reach(results)]
    parts += ["## Ratios to nginx with one worker", _RATIOS_NOTE, *_ratios(results)]
    parts += [f"![{name}]({name})" for name in plots]
    for group in ALL:
        if any(key[0] == group.name for key in (*results.values, *results.absent)):
            parts += [f"## {group.title}", *_figures(results, group)]
    parts += ["## Servers", *_servers(results), "## What is missing, and why", *_missing(results)]
    return "\n\n".join(parts) + "\n"


_RATIOS_NOTE = (
    "nginx's own column has its figures; all others are ratios to them: of a rate, more is better, of a time, "
    "less. If nginx has no figure, all columns show their own. Medians of all rounds."
)


def reach(results: Results) -> str:
    """Return the list of reached and missed targets, as the end of a run prints it."""
    return "\n".join(_reach_line(target, results) for target in TARGETS)


def _about(results: Results) -> Iterator[str]:
    about = results.about
    rows = {"date": about["date"], "run": about["run"], **about["machine"], "idle check": about["idle check"]}
    if left_out := about.get("left out"):
        rows["left out"] = "; ".join(left_out)
    yield table(("", ""), [(name, str(value)) for name, value in rows.items()], "---")


def _reach(results: Results) -> Iterator[str]:
    rows = []
    for target in TARGETS:
        worst = target.worst(results)
        sign = "at least" if target.at_least else "at most"
        found = NONE if worst is None else f"{number(worst)} {target.unit}"
        rows.append((target.title, f"{sign} {target.bound:g} {target.unit}", found, target.verdict(results).value))
    yield table(("", "wanted", "found", ""), rows)


def _reach_line(target: Target, results: Results) -> str:
    worst = target.worst(results)
    found = NONE if worst is None else f"{number(worst)} {target.unit}"
    sign = ">=" if target.at_least else "<="
    return f"{target.verdict(results).value:<13}{found:>14}  ({sign} {target.bound:g})  {target.title}"


def _ratios(results: Results) -> Iterator[str]:
    servers = _measured(results)
    rows = []
    for group, key, figure in _all_figures():
        found = results.values.get(key)
        if found and group.name not in ("costs", "logins", "policies"):
            base = results.median(key, BASE)
            cells = [_ratio(results, key, server, base) for server in servers]
            rows.append((f"{figure.title}, {figure.unit}", *cells))
    yield table(("", *servers), rows)


def _ratio(results: Results, key: Key, server: str, base: float | None) -> str:
    value = results.median(key, server)
    if value is None:
        return NONE
    return number(value) if server == BASE or not base else number(value / base)


def _figures(results: Results, group: Group) -> Iterator[str]:
    """Yield a table of medians with the range of the rounds, in per cent of the median."""
    keys = [(key, figure) for of, key, figure in _all_figures() if of is group]
    servers = [each for each in _measured(results) if any(each in results.values.get(key, {}) for key, _ in keys)]
    rows = []
    for key, figure in keys:
        if key in results.values:
            cells = [_with_spread(results, key, server) for server in servers]
            rows.append((f"{figure.title}, {figure.unit}", *cells))
    yield table(("", *servers), rows)


def _with_spread(results: Results, key: Key, server: str) -> str:
    value, spread = results.median(key, server), results.spread(key, server)
    if value is None:
        return NONE
    return number(value) + (f" ({spread * 100:.0f} %)" if spread is not None else "")


def _servers(results: Results) -> Iterator[str]:
    rows = [
        (name, each["version"] or "not installed", each["settings"])
        for name, each in results.about["servers"].items()
    ]
    yield table(("", "version", "settings"), rows, "---")


def _missing(results: Results) -> Iterator[str]:
    """Yield a list by server and reason: most reasons hold for several measures."""
    reasons: dict[tuple[str, str], list[str]] = {}
    for group in ALL:
        for measure in group.measures:
            for title, server, reason in _absent(results, group, measure):
                reasons.setdefault((server, reason), []).append(title)
    lines = (
        f"- {server}: {'; '.join(titles)}: {_on_one_line(reason)}"
        for (server, reason), titles in sorted(reasons.items())
    )
    yield "\n".join(lines) or "Nothing."


def _absent(results: Results, group: Group, measure: Measure) -> Iterator[tuple[str, str, str]]:
    """Yield title, server and reason; where a whole measure is missing, only the title of its first figure."""
    for server in results.about["servers"]:
        found = {
            figure.title: reason
            for figure in measure.figures
            if (reason := results.absent.get((group.name, measure.name, figure.name), {}).get(server))
        }
        whole = len(found) == len(measure.figures) and len(set(found.values())) == 1
        for title, reason in list(found.items())[: 1 if whole else None]:
            yield title, server, reason


def _measured(results: Results) -> list[str]:
    known = {server for found in results.values.values() for server in found}
    return [name for name in results.about["servers"] if name in known]


def _all_figures() -> Iterator[tuple[Group, Key, Figure]]:
    for group in ALL:
        for measure in group.measures:
            for figure in measure.figures:
                yield group, (group.name, measure.name, figure.name), figure


def number(value: float) -> str:
    """Return a number with three digits or all before the point."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}" if value < 1 else f"{value:.2f}"


def _on_one_line(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")[:600]


def table(head: Sequence[str], rows: Iterable[Sequence[str]], column: str = "---:") -> str:
    """Return a Markdown table; all columns but the first are numbers, unless `column` says otherwise."""
    lines = ["| " + " | ".join(head) + " |", "| --- |" + f" {column} |" * (len(head) - 1)]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)])
