"""The guard of an upstream's requests, on clocks of the tests."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import NoReturn

import pytest

from wheelyard_server.errors import (
    UpstreamAnswerError,
    UpstreamCredentialsError,
    UpstreamError,
    UpstreamFileMissingError,
    UpstreamUnavailableError,
)
from wheelyard_server.upstream.breaker import MAX_WAIT_SECONDS, PROBE_SECONDS
from wheelyard_server.upstream.credentials import UnusableCredentialsError
from wheelyard_server.upstream.failures import AskedToWaitError, ForbiddenTargetError, HiccupError
from wheelyard_server.upstream.guards import Guard
from wheelyard_server.upstream.health import HealthRecord
from wheelyard_server.upstream.urls import Origin

PAGES, FILES = Origin("https", "packages.example.com", 443), Origin("https", "files.example.com", 443)
NOW = datetime(2026, 11, 30, tzinfo=UTC)
DOWN = HiccupError("does not answer", is_down=True)


class Scene:
    """A guard, its clock and its health, and the attempts that it made."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.health = HealthRecord("pypi", lambda: NOW)
        self.guard = Guard("pypi", self.health, lambda: self.now)
        self.attempts: list[bool] = []

    def doing(self, *outcomes: Exception | str) -> Callable[[bool], Awaitable[str]]:
        """Return an attempt that ends in these ways, one after the other; the last one stays."""
        left = list(outcomes)

        async def attempt(is_again: bool) -> str:  # noqa: FBT001 - the guard's
            self.attempts.append(is_again)
            outcome = left.pop(0) if len(left) > 1 else left[0]
            if isinstance(outcome, Exception):
                raise outcome
            return outcome

        return attempt

    async def ask(self, *outcomes: Exception | str, origin: Origin = PAGES) -> str:
        """Make a request that ends in these ways."""
        return await self.guard.call(origin, self.doing(*outcomes))


@pytest.fixture
def scene() -> Scene:
    return Scene()


async def test_a_hiccup_is_retried_once_over_a_new_connection(scene: Scene) -> None:
    assert await scene.ask(DOWN, "page") == "page"
    assert scene.attempts == [False, True]
    assert scene.health.health.is_reachable


async def test_a_host_that_is_down_costs_one_request_every_few_seconds(scene: Scene) -> None:
    for _ in range(20):
        with pytest.raises(UpstreamUnavailableError, match="does not answer") as raised:
            await scene.ask(DOWN)
        assert 1 <= raised.value.seconds <= PROBE_SECONDS
        scene.now += 1
    assert len(scene.attempts) == 2 * 4
    assert scene.health.health.reason == "does not answer"
    scene.now += PROBE_SECONDS
    assert await scene.ask("page") == "page"
    assert await scene.ask("page") == "page"
    assert scene.health.health.is_reachable


async def test_a_check_fails_while_a_host_is_down_and_sends_nothing(scene: Scene) -> None:
    scene.guard.check(PAGES)
    with pytest.raises(UpstreamUnavailableError):
        await scene.ask(DOWN)
    with pytest.raises(UpstreamUnavailableError):
        scene.guard.check(PAGES)
    scene.guard.check(FILES)
    scene.now += PROBE_SECONDS
    for _ in range(3):
        scene.guard.check(PAGES)
    assert len(scene.attempts) == 2


async def test_one_host_that_is_down_does_not_pause_another(scene: Scene) -> None:
    with pytest.raises(UpstreamUnavailableError):
        await scene.ask(DOWN, origin=FILES)
    assert await scene.ask("page") == "page"
    assert not scene.health.health.is_reachable


async def test_a_pause_that_one_host_asks_for_holds_for_all_and_by_time(scene: Scene) -> None:
    with pytest.raises(UpstreamUnavailableError) as raised:
        await scene.ask(AskedToWaitError("answers 429 and asks to wait", 60), origin=FILES)
    assert raised.value.seconds == 60
    assert len(scene.attempts) == 1
    for _ in range(59):
        scene.now += 1
        with pytest.raises(UpstreamUnavailableError, match="asks to wait"):
            await scene.ask("page")
    scene.now += 1
    assert await scene.ask("page") == "page"
    assert len(scene.attempts) == 2


async def test_errors_of_a_host_that_answers_pause_nothing(scene: Scene) -> None:
    errors: list[tuple[Exception, type[UpstreamError]]] = [
        (UpstreamAnswerError("pypi", "answers nonsense"), UpstreamAnswerError),
        (UpstreamCredentialsError("pypi", "answers 401"), UpstreamCredentialsError),
        (UpstreamFileMissingError("pypi", "has no such file"), UpstreamFileMissingError),
        (ForbiddenTargetError("is at a host"), UpstreamAnswerError),
        (UnusableCredentialsError("has no credentials"), UpstreamCredentialsError),
    ]
    for error, expected in errors * 3:
        with pytest.raises(expected, match=r"^The upstream pypi ") as raised:
            await scene.ask(error)
        assert type(raised.value) is expected
    assert scene.attempts == [False] * 15
    assert await scene.ask("page") == "page"


async def test_the_health_names_credentials_and_hosts_at_once_and_odd_answers_later(scene: Scene) -> None:
    async def fail(error: Exception) -> NoReturn:
        await scene.ask(error)
        raise AssertionError

    for error in (UpstreamCredentialsError("pypi", "answers 401"), ForbiddenTargetError("is at a host")):
        with pytest.raises(UpstreamError):
            await fail(error)
        assert not scene.health.health.is_reachable
        await scene.ask("page")
        assert scene.health.health.is_reachable
    for reason, is_reachable in (("one", True), ("two", True), ("three", False)):
        with pytest.raises(UpstreamError):
            await fail(UpstreamAnswerError("pypi", reason))
        assert scene.health.health.is_reachable is is_reachable
    with pytest.raises(UpstreamFileMissingError):
        await fail(UpstreamFileMissingError("pypi", "has no such file"))
    assert scene.health.health.is_reachable


async def test_transfers_that_end_early_count_as_failures(scene: Scene) -> None:
    for _ in range(3):
        error = scene.guard.interrupted(FILES, "ends its answer early")
        assert isinstance(error, UpstreamUnavailableError)
    with pytest.raises(UpstreamUnavailableError):
        scene.guard.check(FILES)
    scene.guard.check(PAGES)


async def test_a_crowd_of_hosts_is_forgotten(scene: Scene) -> None:
    for number in range(200):
        assert await scene.ask("page", origin=PAGES._replace(host=f"h{number}.example.com")) == "page"
    assert len(scene.guard._hosts) == 64


async def test_no_wait_is_longer_than_the_pause_that_an_upstream_gets(scene: Scene) -> None:
    """Projects and clients wait for as long as the error says: a year would outlast every stale page."""
    with pytest.raises(UpstreamUnavailableError) as raised:
        await scene.ask(AskedToWaitError("answers 429 and asks to wait", 10**9))
    assert raised.value.seconds == MAX_WAIT_SECONDS
    scene.now += raised.value.seconds
    assert await scene.ask("done") == "done"
