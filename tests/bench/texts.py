"""What the pages for people show: projects with READMEs, and many projects to search.

The texts are made. The project that is looked at has about as much to say as flask has: a README of
four kilobytes, six dependencies, links, classifiers and forty releases.
"""

import hashlib
from collections.abc import Iterator
from pathlib import Path

from bench.data import Tree, made_file, write_wheel
from bench.places import kept
from wheelyard_server.model import Project

DESCRIBED, SLOW_NAME, SEARCHED_NAME = "described-2", "slow-1", "searched-2"
"""Names of trees."""
SHOWN, RELEASES = "made-web", 40
DEPENDENCIES = tuple(f"made-part-{number}" for number in range(6))
COLD = tuple(f"made-read-{number:02}" for number in range(40))
"""Each has a README of its own, of 2 to 24 KB."""
SLOW = tuple(f"made-slow-{number}" for number in range(10))
"""Each has a README of 240 KB of tables, in which nothing is malicious."""
SEARCHED, MANY_SEARCHED = 10_000, 50_000
WORDS = ("amber", "ledger")
FOUND = "a-amber-ledger"
"""A project that has both words in its name and in its summary; its name is the first of all."""

_NOUNS = [
    "anchor",
    "basin",
    "cabinet",
    "delta",
    "engine",
    "forest",
    "gallery",
    "harbor",
    "island",
    "journal",
    "kernel",
    "ledger",
    "meadow",
    "network",
    "orchard",
    "parser",
    "quarry",
    "router",
    "signal",
    "tunnel",
]
_KINDS = [
    "amber",
    "brisk",
    "calm",
    "dense",
    "early",
    "fluent",
    "gentle",
    "hollow",
    "ivory",
    "jagged",
    "keen",
    "lucid",
    "mellow",
    "narrow",
    "open",
    "plain",
    "quiet",
    "rapid",
    "stable",
    "tidy",
]
_SENTENCE = "The {} {} takes what the {} {} has and hands it to the {} {}, one item after another."


def described() -> Tree:
    """Return projects with READMEs, the first of them with many releases."""
    return Tree(DESCRIBED, kept(DESCRIBED, _make_described))


def slow() -> Tree:
    """Return projects whose READMEs take long to render, and one other."""
    return Tree(SLOW_NAME, kept(SLOW_NAME, _make_slow))


def searched() -> Tree:
    """Return 10,000 projects of one wheel each, every one with a summary."""
    return Tree(SEARCHED_NAME, kept(SEARCHED_NAME, _make_searched))


MANY = Tree("searched-many-2", Path("/nonexistent"))
"""50,000 such projects: names and summaries only, since no client downloads their files."""


def many_projects() -> Iterator[Project]:
    """Yield the documents of 50,000 such projects."""
    digest = hashlib.sha256(b"").hexdigest()
    for name, summary in named(MANY_SEARCHED):
        filename = f"{name.replace('-', '_')}-1.0-py3-none-any.whl"
        file = made_file(filename, "1.0", digest, 1, digest).replace(summary=summary)
        yield Project(name=name, files=(file,))


def readme(seed: str, size: int) -> str:
    """Return a README in Markdown of about so many bytes: sections with text, lists, links and code."""
    parts, words = [f"# {seed}\n"], _words(seed)
    while sum(map(len, parts)) < size:
        parts.append(_section(words))
    return "\n".join(parts)


def tables(seed: str, size: int) -> str:
    """Return a README of about so many bytes of tables, with something to do in each cell."""
    parts, words = [f"# {seed}\n\n| a | b | c | d |\n| --- | --- | --- | --- |"], _words(seed)
    while sum(map(len, parts)) < size:
        cells = " | ".join(f"**{next(words)}** `{next(words)}` *{next(words)}*" for _ in range(4))
        parts.append(f"| {cells} |")
    return "\n".join(parts)


def _section(words: Iterator[str]) -> str:
    text = " ".join(_SENTENCE.format(*(next(words) for _ in range(6))) for _ in range(3))
    items = "\n".join(f"- **{next(words)}**: `{next(words)}` before `{next(words)}`" for _ in range(4))
    code = f'```python\nimport {next(words)}\n\n{next(words)} = {next(words)}(1, name="{next(words)}")\n```'
    link = f"See [the {next(words)}](https://docs.example.com/{next(words)}/)."
    return f"## {next(words).title()} and {next(words)}\n\n{text}\n\n{items}\n\n{code}\n\n{link}\n"


def _words(seed: str) -> Iterator[str]:
    """Yield words without end, always the same for a seed."""
    number = 0
    while True:
        for byte in hashlib.sha256(f"{seed} {number}".encode()).digest():
            yield _NOUNS[byte % 20] if byte % 2 else _KINDS[byte // 2 % 20]
        number += 1


def _make_described(folder: Path) -> None:
    for project in (*DEPENDENCIES, *COLD, SHOWN):
        (folder / project).mkdir()
    for release in range(1, RELEASES + 1):
        write_wheel(folder / SHOWN, SHOWN, f"{release}.0", extra=_metadata(readme(SHOWN, 4_000), DEPENDENCIES))
    for project in DEPENDENCIES:
        write_wheel(folder / project, project, "1.0", extra=_metadata(readme(project, 2_000)))
    for number, project in enumerate(COLD):
        write_wheel(folder / project, project, "1.0", extra=_metadata(readme(project, 2_000 + 550 * number)))


def _make_slow(folder: Path) -> None:
    for project in SLOW:
        (folder / project).mkdir()
        write_wheel(folder / project, project, "1.0", extra=_metadata(tables(project, 240_000)))
    (folder / DEPENDENCIES[0]).mkdir()
    write_wheel(folder / DEPENDENCIES[0], DEPENDENCIES[0], "1.0", extra=_metadata(readme(DEPENDENCIES[0], 2_000)))


def _metadata(text: str, dependencies: tuple[str, ...] = ()) -> str:
    """Return headers and the description of METADATA."""
    lines = [
        "Summary: A small framework that was made for the bench",
        "Keywords: made,web,framework",
        "License: MIT",
        "Requires-Python: >=3.9",
        *(f"Requires-Dist: {each}>=1" for each in dependencies),
        "Project-URL: Documentation, https://docs.example.com/",
        "Project-URL: Source, https://code.example.com/made/web",
        "Project-URL: Chat, https://chat.example.com/made",
        "Classifier: Development Status :: 5 - Production/Stable",
        "Classifier: Environment :: Web Environment",
        "Classifier: Intended Audience :: Developers",
        "Classifier: Operating System :: OS Independent",
        "Classifier: Programming Language :: Python",
        "Classifier: Typing :: Typed",
        "Description-Content-Type: text/markdown",
    ]
    return "\n".join(lines) + f"\n\n{text}"


def _make_searched(folder: Path) -> None:
    for name, summary in named(SEARCHED):
        (folder / name).mkdir()
        write_wheel(folder / name, name, "1.0", extra=f"Summary: {summary}\n")


def named(count: int) -> Iterator[tuple[str, str]]:
    """Yield names and summaries."""
    yield FOUND, f"The {' '.join(WORDS)} that is looked for"
    for number in range(1, count):
        words = _words(str(number))
        name = f"{next(words)}-{next(words)}-{number:05}"
        yield name, " ".join(next(words) for _ in range(8)).capitalize()
