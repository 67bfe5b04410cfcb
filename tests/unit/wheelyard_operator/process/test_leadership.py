import asyncio

import pytest

from support.patience import HANG_SECONDS
from unit.wheelyard_operator.fakes import FakeKube
from wheelyard_operator.kube import ApiError
from wheelyard_operator.process import leadership
from wheelyard_operator.process.leadership import DEADLINE_SECONDS, LEASE_SECONDS, Leadership, LeadershipLostError
from wheelyard_operator.resource import Manifest

PLACE = ("Lease", "system", "wheelyard-operator")


class Cluster(FakeKube):
    """A cluster with a clock, and operators that know it."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds = 100.0
        self.away = False
        self.failures = 0

    def operator(self, name: str) -> Leadership:
        return Leadership(self, PLACE[1:], name, lambda: self.seconds, self._count)

    def _count(self) -> None:
        self.failures += 1

    def get(self, kind: str, namespace: str, name: str) -> Manifest | None:
        if self.away:
            raise ApiError(0, "away")
        return super().get(kind, namespace, name)

    def spec(self) -> Manifest:
        lease = self.get(*PLACE)
        assert lease is not None
        return dict(lease["spec"])


@pytest.fixture
def cluster() -> Cluster:
    return Cluster()


def test_the_first_one_leads_and_the_second_does_not(cluster: Cluster) -> None:
    one, two = cluster.operator("one"), cluster.operator("two")
    assert not one.leads
    assert one.attempt()
    assert not two.attempt()
    assert (one.leads, two.leads) == (True, False)
    assert cluster.spec()["holderIdentity"] == "one"
    assert cluster.spec()["leaseDurationSeconds"] == LEASE_SECONDS


def test_a_leader_that_renews_keeps_the_lease(cluster: Cluster) -> None:
    one, two = cluster.operator("one"), cluster.operator("two")
    acquired = None
    for _ in range(20):
        assert one.attempt()
        assert not two.attempt()
        acquired = acquired or cluster.spec()["acquireTime"]
        cluster.seconds += DEADLINE_SECONDS - 1
    assert (cluster.spec()["leaseTransitions"], cluster.spec()["acquireTime"]) == (0, acquired)


def test_a_killed_leader_stops_leading_before_another_takes_over(cluster: Cluster) -> None:
    one, two = cluster.operator("one"), cluster.operator("two")
    one.attempt()
    assert not two.attempt()
    cluster.seconds += DEADLINE_SECONDS
    assert not one.leads, "by its own clock, without asking anybody"
    assert not two.attempt(), "what the one sent at its last moment may still be on its way"
    cluster.seconds += LEASE_SECONDS - DEADLINE_SECONDS + 0.1
    assert two.attempt()
    assert cluster.spec()["leaseTransitions"] == 1
    assert not one.attempt()
    assert (one.leads, two.leads) == (False, True)


def test_a_lease_whose_age_is_not_known_is_waited_for(cluster: Cluster) -> None:
    """The times in it are by another's clock."""
    cluster.operator("one").attempt()
    cluster.seconds += 1000
    two = cluster.operator("two")
    assert not two.attempt()
    cluster.seconds += LEASE_SECONDS + 1
    assert two.attempt()


def test_a_container_that_starts_again_in_its_pod_goes_on(cluster: Cluster) -> None:
    cluster.operator("one").attempt()
    again = cluster.operator("one")
    assert again.attempt()
    assert cluster.spec()["leaseTransitions"] == 0


async def test_a_released_lease_is_free_at_once(cluster: Cluster) -> None:
    one, two = cluster.operator("one"), cluster.operator("two")
    one.attempt()
    one.resign()
    assert not one.leads
    await one.release()
    assert two.attempt()
    await one.release()
    assert cluster.spec()["leaseTransitions"] == 1
    assert cluster.spec()["holderIdentity"] == "two", "the present holder keeps it"


def test_one_of_two_simultaneous_attempts_gets_the_lease(cluster: Cluster) -> None:
    one, two = cluster.operator("one"), cluster.operator("two")
    one.attempt()
    cluster.seconds += 1
    two.attempt()
    cluster.seconds += LEASE_SECONDS + 1
    turns = iter((one.attempt, bool))

    def meanwhile() -> None:
        next(turns)()

    cluster.before_apply = meanwhile
    with pytest.raises(ApiError):
        two.attempt()
    assert cluster.spec()["holderIdentity"] == "one"
    assert not two.leads


async def test_keeping_the_lease_ends_when_another_operator_holds_it(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leadership, "RETRY_SECONDS", 0.001)
    one, two = cluster.operator("one"), cluster.operator("two")
    await one.acquire()
    keeping = asyncio.create_task(one.keep())
    await asyncio.sleep(0.05)
    assert not keeping.done()
    (lease,) = cluster.list("Lease")
    two._write(lease, "two")
    with pytest.raises(LeadershipLostError):
        await asyncio.wait_for(keeping, HANG_SECONDS)


async def test_keeping_ends_when_the_api_server_is_away_for_long(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leadership, "RETRY_SECONDS", 0.001)
    one = cluster.operator("one")
    await one.acquire()
    keeping = asyncio.create_task(one.keep())
    cluster.away = True
    await asyncio.sleep(0.05)
    assert not keeping.done(), "a short while is nothing"
    cluster.seconds += DEADLINE_SECONDS
    assert not one.leads
    with pytest.raises(LeadershipLostError):
        await asyncio.wait_for(keeping, HANG_SECONDS)


async def test_a_standby_waits_for_an_unreachable_api_server(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leadership, "RETRY_SECONDS", 0.001)
    cluster.away = True
    one = cluster.operator("one")
    waiting = asyncio.create_task(one.acquire())
    await asyncio.sleep(0.05)
    assert not waiting.done()
    cluster.away = False
    await asyncio.wait_for(waiting, HANG_SECONDS)
    assert one.leads


@pytest.mark.parametrize("spec", [{"holderIdentity": "one", "leaseDurationSeconds": "long"}, "odd", []])
async def test_an_unreadable_lease_is_counted_and_retried(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch, spec: object
) -> None:
    monkeypatch.setattr(leadership, "RETRY_SECONDS", 0.01)
    kind, namespace, name = PLACE
    cluster.put({"kind": kind, "metadata": {"namespace": namespace, "name": name}, "spec": spec})
    acquiring = asyncio.create_task(cluster.operator("two").acquire())
    async with asyncio.timeout(HANG_SECONDS):
        while cluster.failures < 3:
            await asyncio.sleep(0.01)
        del cluster.objects[PLACE]
        await acquiring
