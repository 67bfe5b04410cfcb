"""One of two operators in the cluster leads, and the other one follows; tests/apiserver has other endings."""

from collections.abc import Iterator

import pytest

from support.here import Here
from support.kubectl import eventually
from support.operator_pods import OperatorPods


@pytest.fixture
def pods(here: Here) -> OperatorPods:
    return OperatorPods(here.kubectl)


@pytest.fixture
def pair(pods: OperatorPods) -> Iterator[OperatorPods]:
    """Run two operators, and one again afterwards."""
    pods.scale(2)
    yield pods
    pods.scale(1)


def assert_works(here: Here, name: str) -> None:
    """Check that a change is looked after, and soon."""
    here.apply("IndexUser", name, {"indexRef": {"name": "nowhere"}})
    here.wait_for("indexuser", name, "Ready", "IndexNotFound")


def assert_follows(pods: OperatorPods, leader: str, transitions: int) -> str:
    """Check that another one leads within the time that is promised, and it alone; return its name."""
    following = eventually(lambda: (found := pods.leader()) != leader and found, "another operator leads")
    assert pods.lease()["leaseTransitions"] == transitions + 1
    return str(following)


@pytest.mark.alone
def test_when_the_leader_ends_another_leads_at_once(pair: OperatorPods, here: Here) -> None:
    leader, transitions = pair.leader(), pair.lease()["leaseTransitions"]
    (standby,) = set(pair.names()) - {leader}
    assert (pair.leads(leader), pair.leads(standby)) == (True, False)
    assert_works(here, "first")
    here.kubectl("-n", "wheelyard-system", "delete", "pod", leader, "--wait=false")
    # Most often the one that stood by; but the one that takes the place of the deleted pod may be
    # quicker.
    following = assert_follows(pair, leader, transitions)
    assert_works(here, "second")
    assert pair.restarts(following) == 0
