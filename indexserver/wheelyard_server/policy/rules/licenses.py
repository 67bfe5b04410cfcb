"""The rule by license expressions (PEP 639): one alternative of OR must be permitted, and all parts of AND."""

import re
from collections.abc import Iterator
from functools import cache

from wheelyard_server.policy.case import AnyFile, Case, CaseRule, Check
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

    def check(file: AnyFile) -> CaseRule | None:
        found = is_true(file.license)
        if found is None:
            return None if permits_unknown else _unknown
        return None if found else _not_permitted

    return check


def _not_permitted(case: Case, file: AnyFile) -> Iterator[Objection]:
    license_ = plain(file.license)
    yield _objection(
        case, file, f"{plain(file.filename)} has the license {license_}, which this index does not permit"
    )


def _unknown(case: Case, file: AnyFile) -> Iterator[Objection]:
    name = plain(file.filename)
    if file.license:
        yield _objection(case, file, f"{name} has no license expression, and this index needs one")
    else:
        yield _objection(case, file, f"The license of {name} is not known yet")


def _objection(case: Case, file: AnyFile, text: str) -> Objection:
    return case.exceptable(Objection(Rule.LICENSES, text, case.rules.licenses.action), file)


def _matches(globs: re.Pattern[str], license_id: str) -> bool:
    """Return whether a glob matches a license, with its exception or without it."""
    folded = _folded(license_id)
    return any(globs.fullmatch(each) for each in (folded, folded.partition(" with ")[0]))


def _folded(license_id: str) -> str:
    """Return an identifier without regard to case, as SPDX compares them."""
    return license_id.lower()
