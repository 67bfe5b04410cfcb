"""The rule by types of files."""

from collections.abc import Iterator

from wheelyard_server.names import SDIST_SUFFIXES
from wheelyard_server.policy.case import AnyFile, Case, CaseRule, Check
from wheelyard_server.policy.objection import Objection
from wheelyard_server.policy.sentences import plain
from wheelyard_server.policy.verdict import Rule
from wheelyard_server.settings.policy import Format


def formats(case: Case) -> Check:
    """Object to files whose type is not allowed."""
    rule = case.rules.formats
    allowed, allows_wheels = frozenset(rule.allow), Format.WHEEL in rule.allow

    def check(file: AnyFile) -> CaseRule | None:
        if allows_wheels and file.filename[-4:] == ".whl":
            return None
        return None if format_of(file) in allowed else _not_allowed

    return check


def _not_allowed(case: Case, file: AnyFile) -> Iterator[Objection]:
    types = ", ".join(case.rules.formats.allow) or "none"
    text = f"{plain(file.filename)} is of the type {format_of(file)}, and this index allows: {types}"
    yield case.exceptable(Objection(Rule.FORMATS, text, case.rules.formats.action), file)


def format_of(file: AnyFile) -> Format:
    """Return the type of a file. An archive without a version is not an sdist (such as bdist_dumb)."""
    if file.filename.endswith(".whl"):
        return Format.WHEEL
    is_sdist = bool(file.version) and file.filename.endswith(SDIST_SUFFIXES)
    return Format.SDIST if is_sdist else Format.OTHER
