import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from support.patience import HANG_SECONDS, until
from wheelyard_operator.condition_types import CREDENTIALS_READY, STORAGE_READY
from wheelyard_operator.problems import Problem
from wheelyard_operator.process.queue import _WORKERS, WorkQueue
from wheelyard_operator.provision.errors import unreachable
from wheelyard_operator.reconcile.endpoints import MAX_AT_ONCE, BusyError, Endpoints, Service
from wheelyard_operator.reconcile.outcome import Outcome
from wheelyard_operator.resource import Key

S3 = Service("eu", STORAGE_READY, "bucket acme")
IAM = Service("iam", CREDENTIALS_READY, "IAM")
ELSEWHERE = Service("us", STORAGE_READY, "bucket far")


class Clock:
    seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def endpoints(clock: Clock) -> Endpoints:
    return Endpoints(clock, patience=0.01)


def fail(endpoints: Endpoints, *services: Service, condition: str = STORAGE_READY) -> None:
    with pytest.raises(Problem, match="does not answer"), endpoints.conversation(*services):
        raise unreachable(condition, "it")


def asked(endpoints: Endpoints, *services: Service) -> bool:
    """Return whether a conversation begins."""
    try:
        with endpoints.conversation(*services):
            return True
    except Problem:
        return False


def test_a_silent_server_is_left_alone_for_a_while(endpoints: Endpoints, clock: Clock) -> None:
    fail(endpoints, S3)
    assert not asked(endpoints, S3)
    assert asked(endpoints, ELSEWHERE)
    clock.seconds += 6
    assert asked(endpoints, S3)
    assert asked(endpoints, S3)


def test_iam_may_be_silent_alone(endpoints: Endpoints) -> None:
    fail(endpoints, S3, IAM, condition=CREDENTIALS_READY)
    assert asked(endpoints, S3)
    assert not asked(endpoints, S3, IAM)
    assert not asked(endpoints, ELSEWHERE, IAM)


def test_one_worker_probes_the_server_and_the_others_do_not_wait(endpoints: Endpoints, clock: Clock) -> None:
    fail(endpoints, S3)
    clock.seconds += 6
    meanwhile: list[bool] = []
    with pytest.raises(Problem), endpoints.conversation(S3):
        raise _answered_meanwhile(meanwhile, endpoints)
    assert meanwhile == [False]
    assert not asked(endpoints, S3)
    clock.seconds += 6
    with endpoints.conversation(S3):
        assert not asked(endpoints, S3)
    assert asked(endpoints, S3)


def _answered_meanwhile(meanwhile: list[bool], endpoints: Endpoints) -> Problem:
    meanwhile.append(asked(endpoints, S3))
    return unreachable(STORAGE_READY, "it")


def test_a_failed_probe_does_not_silence_the_server_forever(endpoints: Endpoints, clock: Clock) -> None:
    fail(endpoints, S3)
    clock.seconds += 6
    with pytest.raises(RuntimeError), endpoints.conversation(S3):
        raise RuntimeError
    assert asked(endpoints, S3)


def test_a_refusal_counts_as_an_answer_of_the_server(endpoints: Endpoints) -> None:
    with pytest.raises(Problem), endpoints.conversation(S3):
        raise Problem(STORAGE_READY, "AccessDenied", "no")
    assert asked(endpoints, S3)


def test_a_server_that_hangs_gets_half_of_the_workers_and_no_more(endpoints: Endpoints) -> None:
    assert MAX_AT_ONCE * 2 == _WORKERS
    hanging, go = threading.Barrier(MAX_AT_ONCE + 1, timeout=HANG_SECONDS), threading.Event()

    def hang() -> None:
        with endpoints.conversation(S3):
            hanging.wait()
            go.wait(HANG_SECONDS)

    with ThreadPoolExecutor(MAX_AT_ONCE) as threads:
        waiting = [threads.submit(hang) for _ in range(MAX_AT_ONCE)]
        hanging.wait()
        with pytest.raises(BusyError), endpoints.conversation(S3):
            pytest.fail("no other conversation may begin")
        assert asked(endpoints, ELSEWHERE)
        go.set()
        for each in waiting:
            each.result()
    assert asked(endpoints, S3)


async def test_a_hundred_indexes_on_a_hanging_server_do_not_starve_others(endpoints: Endpoints) -> None:
    go, done = threading.Event(), list[Key]()

    def reconcile(key: Key) -> Outcome:
        try:
            with endpoints.conversation(S3 if key.namespace == "dead" else ELSEWHERE):
                if key.namespace == "dead":
                    go.wait(HANG_SECONDS)
        except BusyError:
            return Outcome(after=3)
        done.append(key)
        return Outcome()

    queue = WorkQueue(reconcile)
    working = asyncio.create_task(queue.run())
    for number in range(100):
        queue.add(Key("PackageIndex", "dead", f"index-{number}"))
    healthy = Key("PackageIndex", "healthy", "main")
    queue.add(healthy)
    await until(lambda: healthy in done)
    assert done == [healthy], "the others still hang"
    go.set()
    working.cancel()
    assert await queue.comes_to_rest(HANG_SECONDS)
