"""The page that shows every example, and the links to it."""

import re
from pathlib import Path

_LINK = re.compile(r"\]\((?:\.\./)+examples/([a-z0-9/-]+)\.yaml\)")


def page(folder: Path) -> str:
    """Return the page: each file with its path as a heading."""
    lines = ["# Examples", "", "All of these are in `examples/`, and the tests apply them to a real cluster.", ""]
    for file in sorted(folder.rglob("*.yaml")):
        path = str(file.relative_to(folder))
        anchor = _anchor(path.removesuffix(".yaml"))
        lines += [f"## {path} {{ #{anchor} }}", "", "```yaml", file.read_text().rstrip(), "```", ""]
    return "\n".join(lines)


def linked(markdown: str, depth: int) -> str:
    """Let links to files in `examples/` lead to their place on the page, from a page this deep."""
    return _LINK.sub(lambda found: f"]({'../' * depth}reference/examples.md#{_anchor(found[1])})", markdown)


def _anchor(path: str) -> str:
    return path.replace("/", "-")
