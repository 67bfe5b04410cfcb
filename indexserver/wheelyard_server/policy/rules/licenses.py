"""The rule by license expressions (PEP 639): one alternative of OR must be permitted, and all parts of AND."""

import re
from functools import cache

from wheelyard_server.policy.case import AnyFile, Case, Check
from wheelyard_server.policy.globs import pattern_of
from wheelyard_server.policy.license_expressions import holds
from wheelyard_server.policy.objection import Objection
from wheelyard_server.policy.sentences import plain
from wheelyard_server.policy.verdict import Rule
from wheelyard_server.settings.policy import UnknownLicense


def licenses(case: Case) -> Check:
    """Object to files whose license is not permitted, or unknown if that is an objection."""
    rule = case.rules.licenses
    allowed, denied = pattern_of(rule.allow or ("*",), _folded), pattern_of(rule.deny, _folded)
    permits_unknown = rule.unknown is UnknownLicense.ALLOW

    def is_permitted(license_id: str) -> bool:
        return _matches(allowed, license_id) and not _matches(denied, license_id)

    is_true = cache(lambda expression: holds(expression, is_permitted))

    def check(file: AnyFile) -> tuple[Objection, ...]:
        found = is_true(file.license)
        if found or (found is None and permits_unknown):
            return ()
        return (_objection(case, file, is_known=found is not None),)

    return check


def _objection(case: Case, file: AnyFile, *, is_known: bool) -> Objection:
    name = plain(file.filename)
    if is_known:
        text = f"{name} has the license {plain(file.license)}, which this index does not permit"
    elif file.license:
        text = f"{name} has no license expression, and this index needs one"
    else:
        text = f"The license of {name} is not known yet"
    return case.exceptable(Objection(Rule.LICENSES, text, case.rules.licenses.action), file)


def _matches(globs: re.Pattern[str], license_id: str) -> bool:
    """Return whether a glob matches a license, with its exception or without it."""
    folded = _folded(license_id)
    return any(globs.fullmatch(each) for each in (folded, folded.partition(" with ")[0]))


def _folded(license_id: str) -> str:
    """Return an identifier without regard to case, as SPDX compares them."""
    return license_id.lower()
