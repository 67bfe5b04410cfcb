"""Prose in files of any kind, and the patterns of docs/dev/style.md that must not come back.

`PYTHONPATH=tests python -m support.prose PATH...` prints what it finds in files and folders.
"""

import ast
import io
import re
import sys
import tokenize
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

MAX_COLUMNS = 100


@dataclass(frozen=True)
class Piece:
    """A paragraph, a comment, a docstring, a message or a test's name, on one line, and where it begins."""

    line: int
    text: str
    is_docstring: bool = False


@dataclass(frozen=True)
class Pattern:
    """Something that stops a native reader, and what to write instead."""

    name: str
    regex: re.Pattern[str]
    advice: str
    in_docstrings_only: bool = False


def _pattern(name: str, regex: str, advice: str, *, in_docstrings_only: bool = False) -> Pattern:
    return Pattern(name, re.compile(regex), advice, in_docstrings_only)


_START = r"(?:^|(?<=[.;:!|] )|(?<=\*\* ))"
"""Where a sentence, or a cell of a table, begins."""
_BRITISH = (
    "behaviou?r(?<!behavior)|colou?r(?<!color)|favou?r(?<!favor)|honou?r(?<!honor)|neighbou?r(?<!neighbor)"
    "|flavou?r(?<!flavor)|licence|defence|cancelled|cancelling|labelled|labelling|modelled|modelling|travelled"
    "|artefact|catalogue|centre|grey|judgement|whilst|learnt|spelt|analyse[ds]?"
    "|(?:recogni|normali|seriali|optimi|organi|initiali|authori|summari|minimi|maximi|reali|synchroni|speciali)s"
    "(?:e|es|ed|ing|ation)"
)
PATTERNS = (
    _pattern(
        "who without a noun",
        rf"\b[Ww]hoever\b|{_START}Who (?!may do what)(?!(?:[^?]|\?\S)*\?)"
        r"|\b(?:for|to|by|of|than|from|with|and|but|or|as) who"
        r" (?:is|has|may(?! do what)|can|does|was|will|shows|asks|looks|wants)\b",
        "name them: users, clients, callers, operators",
    ),
    _pattern("nobody", r"(?<!\()\b[Nn]obody\b", "negate the verb, or write: no user, no client, none of them"),
    _pattern(
        "tell",
        r"\b(?:[Tt]ells|[Tt]old)\b|\b[Tt]ell (?:of|whether|him|them|it)\b",
        "log, report, show, say, distinguish",
    ),
    _pattern(
        "what as a noun",
        rf"{_START}What (?!(?:[^?]|\?\S)*\?)(?:is|was|it|they|we|he|nobody|stands|comes|lies|counts|has|had)\b"
        r"|\b(?:of|by|with|from|than|like|for) what (?:is|was|it|they|he|stands|comes|lies|counts|has|had|there)\b",
        "name the thing: the content, the claims, the rest",
    ),
    _pattern(
        "where for if",
        rf"{_START}Where (?!(?:[^?]|\?\S)*\?)[^.:?|]*, |\b(?:[Aa]bsent|[Nn]ull|[Ee]mpty|[Nn]one) where\b"
        r"|, where (?:there|nobody|it (?:has|makes|is not|does))\b",
        "if",
    ),
    _pattern(
        "archaic adverb",
        r"\b(?:[Ff]or ever|[Aa]new|[Bb]esides?|[Nn]onetheless|[Ii]n vain)\b",
        "permanently, again, next to, in addition, still, without effect",
    ),
    _pattern(
        "so as a predicate",
        r"\b(?!(?:do|does|did|done|doing|say|says|said|saying|think|or|and|if|not|even|less|more|is|why)\b)"
        r"\w+ so(?=[.;:)]|$)"
        r"|\b(?:is|are|was|were|stays?|been) so(?=[.,;:)]|$| (?:on|in|at|for|by|with)\b)",
        "name the state",
    ),
    _pattern(
        "none as a predicate",
        r"(?<![Tt]here )\b(?:is|are|was|were|be) none\b(?! of\b)",
        "is not a ..., there is no ...",
    ),
    _pattern("by with an error", r"\b(?:[Ee]nds?|[Ee]nded|[Ff]ails?|[Ff]ailed) by an?\b", "ends with, fails with"),
    _pattern(
        "docstring that begins with Of",
        r"^Of ",
        "begin with a noun or a verb: the identifier above is not part of the sentence",
        in_docstrings_only=True,
    ),
    _pattern(
        "British spelling", rf"\b(?i:{_BRITISH})\b", "American spelling: behavior, license, canceled, recognize"
    ),
)


def problems(piece: Piece) -> Iterator[tuple[Pattern, str]]:
    """Yield the patterns that a piece has, each with the words that match."""
    for pattern in PATTERNS:
        if pattern.in_docstrings_only and not piece.is_docstring:
            continue
        for found in pattern.regex.finditer(piece.text):
            yield pattern, piece.text[max(0, found.start() - 25) : found.end() + 25].strip()


def pieces(path: Path) -> Iterator[Piece]:
    """Yield the prose of a file."""
    text = path.read_text()
    match path.suffix:
        case ".md":
            yield from _of_markdown(text)
        case ".py":
            yield from _of_python(text)
        case ".txt":
            yield from _of_markdown(re.sub(r"\{\{.*?\}\}", "", text))
        case _:
            yield from _of_comments(text)
            yield from _of_descriptions(text)


def too_long(path: Path) -> Iterator[int]:
    """Yield the lines of prose that are too long, if they can be wrapped.

    The first line of a docstring cannot: it is a whole sentence (ruff: D205).
    """
    text = path.read_text()
    lines = text.splitlines()
    match path.suffix:
        case ".py":
            numbers = _long_in_python(text, lines)
        case ".md":
            numbers = _long_in_markdown(lines)
        case _:
            numbers = _long_in_comments(lines)
    for number in numbers:
        if " " in _plain(lines[number - 1].strip().lstrip("-*#0123456789. ")):
            yield number


def _long_in_markdown(lines: Sequence[str]) -> Iterator[int]:
    is_code = False
    for number, line in enumerate(lines, 1):
        is_code ^= line.lstrip().startswith("```")
        if len(line) > MAX_COLUMNS and not is_code and not line.lstrip().startswith(("|", "#", "```")):
            yield number


def _long_in_comments(lines: Sequence[str]) -> Iterator[int]:
    return (
        number for number, line in enumerate(lines, 1) if len(line) > MAX_COLUMNS and line.strip().startswith("#")
    )


def _long_in_python(text: str, lines: Sequence[str]) -> Iterator[int]:
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        is_comment = token.type == tokenize.COMMENT and token.line.lstrip().startswith("#")
        is_docstring = token.type == tokenize.STRING and token.line.lstrip().startswith(('"""', 'r"""'))
        if is_comment or is_docstring:
            first = token.start[0] + is_docstring
            yield from (each for each in range(first, token.end[0] + 1) if len(lines[each - 1]) > MAX_COLUMNS)


def _plain(text: str) -> str:
    """Return prose without code, link targets, HTML comments and quotations, which are other people's."""
    text = re.sub(r"<!--.*?-->|<[a-z/][^>]*>", " ", text)
    text = re.sub(r"`[^`]*`", "`x`", text)
    text = re.sub(r"\]\([^)]*\)", "]", text)
    return re.sub(r'"[^"]*"', '"x"', text)


def _of_markdown(text: str) -> Iterator[Piece]:
    is_code, begun, paragraph = False, 0, list[str]()
    for number, line in enumerate([*text.splitlines(), ""], 1):
        stripped = line.strip()
        is_fence = stripped.startswith("```")
        begins = (
            not stripped or is_fence or stripped.startswith(("|", "#", "- ", "* ")) or stripped[:2] in {"1.", "2."}
        )
        if begins or is_code:
            if paragraph:
                yield Piece(begun, _plain(" ".join(paragraph)))
            paragraph = []
        if stripped and not is_fence and not is_code:
            begun = begun if paragraph else number
            heading = "?" if stripped.startswith("#") else ""  # a heading may be a question without its mark
            paragraph.append(re.sub(r"^(?:[-*#]+|\d+\.) ", "", stripped) + heading)
        is_code ^= is_fence


def _of_comments(text: str) -> Iterator[Piece]:
    """Yield blocks of comments, as YAML, shell and Python have them."""
    begun, block = 0, list[str]()
    for number, line in enumerate([*text.splitlines(), ""], 1):
        found = re.search(r"(^|\s)#(?!!)\s?(.*)$", line)
        is_whole_line = found is not None and not line[: found.start()].strip()
        if block and not is_whole_line:
            yield Piece(begun, _plain(" ".join(block)))
            block = []
        if found is not None and is_whole_line:
            begun = begun if block else number
            block.append(found[2])
        elif found is not None and "'" not in line[: found.start()] and '"' not in line[: found.start()]:
            yield Piece(number, _plain(found[2]))


def _of_descriptions(text: str) -> Iterator[Piece]:
    """Yield descriptions and messages of YAML, with their continued lines."""
    lines = text.splitlines()
    for number, line in enumerate(lines):
        if found := re.match(r"^(\s*)(?:- )?(?:description|message|summary|title): ?[>|]?-?(.*)$", line):
            continued = [found[2]]
            for further in lines[number + 1 :]:
                if further.strip() and len(further) - len(further.lstrip()) <= len(found[1]):
                    break
                continued.append(further.strip())
            yield Piece(number + 1, _plain(" ".join(continued).strip(" '\"")))


def _of_python(text: str) -> Iterator[Piece]:
    yield from _comments_of_python(text)
    tree = ast.parse(text)
    docstrings = {id(each) for each in _docstrings(tree)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value.strip():
            for paragraph in re.split(r"\n\s*\n", node.value):
                yield Piece(node.lineno, _plain(" ".join(paragraph.split())), is_docstring=id(node) in docstrings)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
            yield Piece(node.lineno, node.name.removeprefix("test_").replace("_", " "))


def _docstrings(tree: ast.AST) -> Iterator[ast.Constant]:
    """Yield docstrings, also those of attributes: the first paragraph of each begins the sentence."""
    for node in ast.walk(tree):
        for part in getattr(node, "body", []) if not isinstance(node, ast.Lambda | ast.IfExp) else []:
            if isinstance(part, ast.Expr) and isinstance(part.value, ast.Constant):
                yield part.value


def _comments_of_python(text: str) -> Iterator[Piece]:
    begun, last, block = 0, -1, list[str]()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type != tokenize.COMMENT:
            continue
        if block and token.start[0] != last + 1:
            yield Piece(begun, _plain(" ".join(block)))
            block = []
        begun, last = begun if block else token.start[0], token.start[0]
        block.append(token.string.lstrip("# "))
    if block:
        yield Piece(begun, _plain(" ".join(block)))


KINDS = frozenset({".md", ".py", ".sh", ".yaml", ".yml"})
GENERATED = "results"
"""Folders of reports."""


def files(path: Path) -> list[Path]:
    """Return a file, or the files in a folder that people wrote prose in."""
    if path.is_file():
        return [path]
    return sorted(each for each in path.rglob("*") if each.suffix in KINDS and GENERATED not in each.parts)


def reports(path: Path) -> Iterator[str]:
    """Yield a line for each pattern in a file: where it is, its words, and what to write instead."""
    for piece in pieces(path):
        for pattern, words in problems(piece):
            yield f"{path}:{piece.line}: {pattern.name}: ...{words}... Write: {pattern.advice}"


if __name__ == "__main__":
    for argument in sys.argv[1:]:
        for file in files(Path(argument)):
            for report in reports(file):
                sys.stdout.write(f"{report}\n")
            for number in too_long(file) if file.suffix in {".md", ".py"} else ():
                sys.stdout.write(f"{file}:{number}: more than {MAX_COLUMNS} columns\n")
