"""One of two operators leads, until it ends, hangs or is killed."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from apiserver.operators import Operator, add_user, ended, lease_of, until_seen
from cluster import ApiServer
from support.kubectl import eventually
from support.patience import HANG_SECONDS
from support.rest import Rest


class Pair:
    """Two operators, of which the first one leads."""

    def __init__(self, rest: Rest, namespace: str, leader: Operator, standby: Operator) -> None:
        self.rest = rest
        self.namespace = namespace
        self.leader = leader
        self.standby = standby

    def transitions(self) -> int:
        return int(lease_of(self.rest, self.namespace)["leaseTransitions"])

    def agree(self) -> bool:
        """Return whether exactly the operator leads that holds the Lease."""
        leading = [each.name for each in (self.leader, self.standby) if each.leads()]
        return leading == [lease_of(self.rest, self.namespace).get("holderIdentity")]

    def until_leads(self, operator: Operator) -> None:
        eventually(operator.leads, f"{operator.name} leads")
        assert lease_of(self.rest, self.namespace)["holderIdentity"] == operator.name

    def assert_works(self, name: str) -> None:
        add_user(self.rest, self.namespace, name)
        until_seen(self.rest, self.namespace, name)


@pytest.fixture
def pair(api: ApiServer, rest: Rest, namespace: str, tmp_path: Path) -> Iterator[Pair]:
    leader = Operator("one", api.kubeconfig, namespace, tmp_path / "one.log")
    with ended(leader):
        leader.until_up()
        standby = Operator("two", api.kubeconfig, namespace, tmp_path / "two.log")
        with ended(standby):
            standby.until_up()
            found = Pair(rest, namespace, leader, standby)
            found.until_leads(leader)
            assert not standby.leads()
            yield found


def test_a_leader_that_ends_hands_over_to_a_standby_that_knows_what_is_due(pair: Pair) -> None:
    pair.assert_works("first")
    pair.leader.process.terminate()
    assert pair.leader.process.wait(HANG_SECONDS) == 0
    assert lease_of(pair.rest, pair.namespace)["holderIdentity"] in {"", "two"}, "it was released"
    pair.until_leads(pair.standby)
    pair.assert_works("second")
    assert pair.transitions() == 1


def test_a_hanging_leader_is_replaced_and_exits_when_it_wakes(pair: Pair) -> None:
    pair.leader.process.send_signal(signal.SIGSTOP)
    pair.until_leads(pair.standby)
    pair.assert_works("meanwhile")
    pair.leader.process.send_signal(signal.SIGCONT)
    assert pair.leader.process.wait(HANG_SECONDS) == 1
    assert pair.standby.leads()
    pair.leader.start_again()
    pair.leader.until_up()
    assert not pair.leader.leads()
    assert pair.transitions() == 1


def test_a_killed_operator_resumes_when_it_is_started_again(pair: Pair) -> None:
    pair.leader.process.kill()
    pair.leader.process.wait(HANG_SECONDS)
    pair.leader.start_again()
    pair.assert_works("afterwards")
    eventually(pair.agree, "the one that holds the Lease leads, and no other")


def test_a_deleted_lease_is_created_again(pair: Pair) -> None:
    path = f"/apis/coordination.k8s.io/v1/namespaces/{pair.namespace}/leases/wheelyard-operator"
    pair.rest.call("DELETE", path)
    eventually(lambda: lease_of(pair.rest, pair.namespace), "there is a Lease again")
    pair.assert_works("afterwards")
    eventually(pair.agree, "the one that holds the Lease leads, and no other")
