"""The rule by types of files."""

from wheelyard_server.names import SDIST_SUFFIXES
from wheelyard_server.policy.case import AnyFile, Case, Check
from wheelyard_server.policy.objection import Objection
from wheelyard_server.policy.sentences import plain
from wheelyard_server.policy.verdict import Rule
from wheelyard_server.settings.policy import Format


def formats(case: Case) -> Check:
    """Object to files whose type is not allowed."""
    rule = case.rules.formats
    allowed, allows_wheels = frozenset(rule.allow), Format.WHEEL in rule.allow

    def check(file: AnyFile) -> tuple[Objection, ...]:
        if allows_wheels and file.filename[-4:] == ".whl":
            return ()
        found = format_of(file)
        if found in allowed:
            return ()
        types = ", ".join(rule.allow) or "none"
        text = f"{plain(file.filename)} is of the type {found}, and this index allows: {types}"
        return (case.exceptable(Objection(Rule.FORMATS, text, rule.action), file),)

    return check


def format_of(file: AnyFile) -> Format:
    """Return the type of a file. An archive without a version is not an sdist (such as bdist_dumb)."""
    if file.filename.endswith(".whl"):
        return Format.WHEEL
    is_sdist = bool(file.version) and file.filename.endswith(SDIST_SUFFIXES)
    return Format.SDIST if is_sdist else Format.OTHER
