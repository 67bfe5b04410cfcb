"""Decides whether an index accepts a PackageException: the owner's consent, and the platform team's minimum."""

from typing import NamedTuple

from wheelyard_operator.policy_minimum import PolicyMinimum
from wheelyard_operator.resource.exception import PackageException
from wheelyard_operator.resource.index import PackageIndex
from wheelyard_operator.resource.policy import Consent
from wheelyard_operator.times import end_of, later

ENDED = "Ended"


class Refusal(NamedTuple):
    """Why an exception does not count."""

    reason: str
    message: str


class Judgment(NamedTuple):
    """The result for one exception."""

    ends: str
    """When it ends, RFC 3339: as it says, or earlier if the platform team limits exceptions."""
    refusal: Refusal | None = None
    """None if it counts."""


def judge(index: PackageIndex, exception: PackageException, minimum: PolicyMinimum, now: str) -> Judgment:
    """Return whether an exception of this index counts, and until when."""
    asked, longest = end_of(exception.until), minimum.max_exception_seconds
    ends = min(asked, later(exception.meta.created, longest)) if longest else asked
    return Judgment(ends, _ended(ends, now) or _refused(index, exception, minimum, ends))


def _ended(ends: str, now: str) -> Refusal | None:
    if now < ends:
        return None
    return Refusal(ENDED, f"It ended at {ends}, and has no effect since then: delete it.")


def _refused(index: PackageIndex, exception: PackageException, minimum: PolicyMinimum, ends: str) -> Refusal | None:
    namespace, consents = exception.meta.namespace, index.policy.consents if index.policy else ()
    own = [each for each in consents if namespace in each.namespaces]
    covering = [each for each in own if all(map(each.covers, exception.packages))]
    if not covering:
        return _not_consented(index, exception, is_known=bool(own))
    if banned := [each for each in exception.rules if each in minimum.never]:
        return Refusal(
            "RuleNotAllowed",
            f"No exception may lift {' or '.join(banned)} in this cluster: remove it from spec.from, or have it"
            " removed from policy.minimum.exceptions.never of the operator's Helm chart.",
        )
    lifting = [each for each in covering if each.rules.issuperset(exception.rules)]
    if not lifting:
        return _rule_not_allowed(index, exception, covering)
    latest = later(exception.meta.created, max(each.max_seconds for each in lifting))
    return _too_long(index, latest) if ends > latest else None


def _not_consented(index: PackageIndex, exception: PackageException, *, is_known: bool) -> Refusal:
    whom = f"namespace {exception.meta.namespace}"
    what = f"all of {', '.join(exception.packages)}" if is_known else "any package"
    return Refusal(
        "NotConsented",
        f"PackageIndex {index.id} does not let {whom} except {what}: its owner can allow that in"
        " spec.policy.exceptionsFrom.",
    )


def _rule_not_allowed(index: PackageIndex, exception: PackageException, covering: list[Consent]) -> Refusal:
    allowed = sorted({rule for each in covering for rule in each.rules})
    return Refusal(
        "RuleNotAllowed",
        f"PackageIndex {index.id} lets namespace {exception.meta.namespace} except these packages from"
        f" {', '.join(allowed)} alone: change spec.from, or have rules added to its spec.policy.exceptionsFrom.",
    )


def _too_long(index: PackageIndex, latest: str) -> Refusal:
    return Refusal(
        "TooLong",
        f"PackageIndex {index.id} lets this exception hold until {latest} at most: set spec.until to that time or"
        " earlier, or create a new exception, whose time begins again.",
    )
