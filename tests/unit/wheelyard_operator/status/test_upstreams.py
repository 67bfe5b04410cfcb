from typing import Any

import pytest

from unit.wheelyard_operator.fakes import an_index
from wheelyard_operator.condition_types import UPSTREAMS_READY
from wheelyard_operator.problems import Problem
from wheelyard_operator.resource import Manifest
from wheelyard_operator.status.conditions import Condition
from wheelyard_operator.status.upstreams import upstreams_condition
from wheelyard_operator.upstream_states import UpstreamsAnswer, UpstreamState

PYPI = {"name": "pypi", "pypi": {}}
TORCH = {"name": "torch", "url": "https://torch.example/whl/"}
UP, DOWN = (
    UpstreamState("pypi", True, 0, "", 0, 0),
    UpstreamState("pypi", False, 86_400, "timed out.", 0, 0),
)


def answer(*states: UpstreamState, unkept: int = 0) -> UpstreamsAnswer:
    return UpstreamsAnswer(states, unkept)


def condition(
    *answers: UpstreamsAnswer | None,
    upstreams: tuple[Manifest, ...] = (PYPI,),
    problems: dict[str, Problem] | None = None,
    **spec: Any,
) -> Condition:
    index = an_index(spec={"upstreams": list(upstreams), **spec})
    return upstreams_condition(index, problems or {}, {f"pod-{n}": each for n, each in enumerate(answers)})


@pytest.mark.parametrize(
    ("answers", "status", "reason", "text"),
    [
        ([], "Unknown", "NotKnown", "pypi: not known yet."),
        ([None], "Unknown", "NotKnown", "No index server has reported yet."),
        ([answer(UP), None], "True", "Reachable", "pypi: reachable."),
        (
            [answer(UP), answer(DOWN)],
            "False",
            "Unreachable",
            "pypi: not reachable by 1 of 2 index servers since 1970-01-02T00:00:00Z: timed out. Known pages and",
        ),
        ([answer(UP._replace(conflicts=1))], "False", "DigestConflicts", "pypi: 1 file has another digest"),
        (
            [answer(UP._replace(conflicts=3)), answer(UP._replace(conflicts=2))],
            "False",
            "DigestConflicts",
            "pypi: 5 files have another digest",
        ),
        (
            [answer(UP._replace(owners_changed=1)), answer(UP)],
            "True",
            "OwnersChanged",
            "pypi: reachable. pypi: 1 name of another upstream now belongs to it, as spec.upstreams says",
        ),
        (
            [answer(UP._replace(owners_changed=1)), answer(UP._replace(owners_changed=1))],
            "True",
            "OwnersChanged",
            "pypi: 2 names of other upstreams now belong to it",
        ),
        ([answer(DOWN._replace(owners_changed=1))], "False", "Unreachable", "pypi: 1 name of another upstream"),
        ([answer(UP, unkept=9)], "True", "Reachable", "pypi: reachable."),
    ],
)
def test_each_upstream_is_reported(
    answers: list[UpstreamsAnswer | None], status: str, reason: str, text: str
) -> None:
    found = condition(*answers)
    assert (found.type, found.status, found.reason) == (UPSTREAMS_READY, status, reason)
    assert text in found.message


def test_an_outage_is_reported_with_what_to_do() -> None:
    assert (
        "other names are 503. Mend the upstream, the way to it, or its settings" in condition(answer(DOWN)).message
    )


def test_the_message_is_the_same_as_long_as_nothing_changes() -> None:
    """Each change of it is a write, however many servers restart."""
    later = DOWN._replace(since=90_000)
    assert condition(answer(DOWN), answer(later)) == condition(answer(later), answer(DOWN))


def test_files_that_are_not_kept_are_reported_only_with_a_bound() -> None:
    found = condition(answer(UP, unkept=9), limits={"mirroredSize": "1Gi"})
    assert (found.status, found.reason) == ("False", "MirroredSizeReached")
    assert "raise spec.limits.mirroredSize" in found.message
    assert condition(answer(UP), limits={"mirroredSize": "1Gi"}).status == "True"


def test_one_upstream_that_may_not_be_used_hides_no_other() -> None:
    refusal = Problem(UPSTREAMS_READY, "HostNotAllowed", "indexes may not use torch.example: ask.")
    found = condition(answer(UP), upstreams=(TORCH, PYPI), problems={"torch": refusal})
    assert (found.status, found.reason) == ("False", "HostNotAllowed")
    assert found.message == "torch: indexes may not use torch.example: ask. pypi: reachable."


def test_a_changed_digest_is_reported_whatever_else_is_wrong() -> None:
    refusal = Problem(UPSTREAMS_READY, "TokenRefused", "no token.")
    found = condition(answer(UP._replace(conflicts=1)), problems={"pypi": refusal})
    assert found.message.startswith("pypi: no token. pypi: 1 file has another digest")


def test_an_upstream_that_is_offline_is_no_problem() -> None:
    refusal = Problem(UPSTREAMS_READY, "SecretNotFound", "no Secret")
    found = condition(answer(), upstreams=({**PYPI, "offline": True},), problems={"pypi": refusal})
    assert (found.status, found.message) == ("True", "pypi: offline, as spec.upstreams says.")


@pytest.mark.parametrize(
    ("grant", "public"),
    [
        ({"subjects": ["anonymous"], "verbs": ["read"]}, True),
        ({"subjects": ["anonymous"], "verbs": ["read"], "packages": ["acme-*", "torch"]}, True),
        ({"subjects": ["anonymous"], "verbs": ["read"], "packages": ["acme-app-*"]}, False),
        ({"subjects": ["authenticated"], "verbs": ["read"]}, False),
        ({"subjects": ["anonymous"], "verbs": ["publish"]}, False),
    ],
)
def test_names_of_upstreams_that_everybody_outside_may_read_are_reported(grant: Manifest, *, public: bool) -> None:
    found = condition(answer(UP), access={"externalGrants": [grant]}, names={"private": ["acme-*"]})
    assert ("Anonymous clients of the external listener may read" in found.message) is public
    assert found.status == "True"


def test_a_long_message_of_a_server_is_cut() -> None:
    assert len(condition(answer(DOWN._replace(reason="x" * 10_000))).message) < 500


def test_globs_of_one_tenant_cost_others_little() -> None:
    """Compared one by one, these would take all workers many seconds, at each reconciliation."""
    grants = [
        {
            "subjects": ["anonymous"],
            "verbs": ["read"],
            "packages": [f"{'a' * 121}{n:05}" for n in range(50 * g, 50 * g + 50)],
        }
        for g in range(5)
    ]
    private = [f"*{'a' * 63}b{n:03}" for n in range(199)] + ["a*"]
    found = condition(answer(UP), access={"externalGrants": grants}, names={"private": private})
    # They are all private, but that is not found out.
    assert "may read projects of upstreams" in found.message
