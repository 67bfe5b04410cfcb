"""The condition UpstreamsReady: whether servers reach the upstreams, and what to do about each."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import NamedTuple

from wheelyard_operator.condition_types import UPSTREAMS_READY
from wheelyard_operator.problems import Problem
from wheelyard_operator.resource import Grant, PackageIndex, Upstream
from wheelyard_operator.resource.globs import includes
from wheelyard_operator.status.conditions import Condition, truncate
from wheelyard_operator.times import rfc3339
from wheelyard_operator.upstream_states import UpstreamsAnswer, UpstreamState

_MAX_REASON_LENGTH = 200
_STILL_SERVED = "Known pages and kept files are still served."
_PUBLIC = (
    " Anonymous clients of the external listener may read projects of upstreams: if they should not, write packages"
    " in the grants of anonymous in spec.access.externalGrants."
)


class _Finding(NamedTuple):
    """One sentence of the message, and the reason of the condition if an action is needed."""

    text: str
    reason: str = ""


def upstreams_condition(
    index: PackageIndex, problems: Mapping[str, Problem], answers: Mapping[str, UpstreamsAnswer | None]
) -> Condition:
    """Return UpstreamsReady of an index with upstreams.

    `problems` says why upstreams cannot be used, by their names. `answers` has the answer of each
    ready pod, by name; None did not answer.
    """
    given = [answer for _, answer in sorted(answers.items()) if answer]
    found = [finding for each in index.upstreams for finding in _of(each, problems, given)]
    found += _bound(index, given)
    message = " ".join(each.text for each in found) + (_PUBLIC if _is_public(index) else "")
    reasons = [each.reason for each in found if each.reason]
    if reasons:
        return Condition(UPSTREAMS_READY, "False", reasons[0], message)
    if not given:
        return Condition(UPSTREAMS_READY, "Unknown", "NotKnown", f"No index server has reported yet. {message}")
    return Condition(UPSTREAMS_READY, "True", "Reachable", message)


def _of(
    upstream: Upstream, problems: Mapping[str, Problem], answers: Iterable[UpstreamsAnswer]
) -> Iterator[_Finding]:
    name, problem = upstream.name, problems.get(upstream.name)
    if upstream.offline:
        yield _Finding(f"{name}: offline, as spec.upstreams says.")
    elif problem:
        yield _Finding(f"{name}: {problem.message}", problem.reason)
    else:
        states = [state for answer in answers for state in answer.upstreams if state.name == name]
        yield _reach(name, states)
        if conflicts := max((each.conflicts for each in states), default=0):
            yield _Finding(
                f"{name}: {conflicts} files have another digest than before: the index keeps what it had and"
                " refuses the others. Ask the owner of the upstream, or claim the project.",
                "DigestConflicts",
            )


def _reach(name: str, states: list[UpstreamState]) -> _Finding:
    silent = [each for each in states if not each.is_reachable]
    if silent:
        since = rfc3339(datetime.fromtimestamp(min(each.since for each in silent), UTC))
        reason = truncate(silent[0].reason, _MAX_REASON_LENGTH).rstrip(".")
        count = f"{len(silent)} of {len(states)} index servers"
        return _Finding(f"{name}: not reachable by {count} since {since}: {reason}. {_STILL_SERVED}", "Unreachable")
    return _Finding(f"{name}: reachable." if states else f"{name}: not known yet.")


def _bound(index: PackageIndex, answers: Iterable[UpstreamsAnswer]) -> list[_Finding]:
    """Return a finding if files are not kept: only then is the bound in the way."""
    if index.serving.mirrored_bytes is None or not any(each.unkept for each in answers):
        return []
    text = "Files of upstreams are served without being kept: raise spec.limits.mirroredSize to keep them."
    return [_Finding(text, "MirroredSizeReached")]


def _is_public(index: PackageIndex) -> bool:
    """Return whether anonymous clients of the external listener may read names that upstreams may have."""
    return any(_reads_upstreams(each, index.private_names) for each in index.external_grants)


def _reads_upstreams(grant: Grant, private: tuple[str, ...]) -> bool:
    is_open = "anonymous" in grant.subjects and "read" in grant.verbs
    return is_open and not all(any(includes(outer, glob) for outer in private) for glob in grant.packages)
