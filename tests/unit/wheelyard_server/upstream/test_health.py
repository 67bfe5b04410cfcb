"""The health of an upstream, in words for people."""

import logging
from datetime import UTC, datetime, timedelta

import pytest

from wheelyard_server.upstream.health import FORGOTTEN_AFTER, ODD_ANSWERS, HealthRecord
from wheelyard_server.upstream.urls import Origin

PAGES, FILES = Origin("https", "packages.example.com", 443), Origin("https", "files.example.com", 443)
START = datetime(2026, 11, 30, 12, tzinfo=UTC)


class Clock:
    now = START

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def record(clock: Clock) -> HealthRecord:
    return HealthRecord("pypi", clock)


def test_an_upstream_is_reachable_until_it_fails(record: HealthRecord, clock: Clock) -> None:
    assert record.health == ("pypi", True, START, "")
    clock.now += timedelta(minutes=1)
    record.fails(PAGES, "does not answer")
    clock.now += timedelta(minutes=1)
    record.fails(PAGES, "answers 503")
    assert record.health == ("pypi", False, START + timedelta(minutes=1), "answers 503")
    record.works(PAGES)
    assert record.health == ("pypi", True, START + timedelta(minutes=2), "")


def test_each_host_must_work_again(record: HealthRecord) -> None:
    record.fails(PAGES, "does not answer")
    record.fails(FILES, "does not answer, either")
    record.works(PAGES)
    assert record.health.reason == "does not answer, either"
    record.works(FILES)
    assert record.health.is_reachable


def test_a_host_that_no_client_asks_again_is_forgotten_once_another_works(
    record: HealthRecord, clock: Clock
) -> None:
    record.fails(FILES, "does not answer")
    clock.now += FORGOTTEN_AFTER - timedelta(seconds=1)
    record.works(PAGES)
    assert not record.health.is_reachable
    clock.now += timedelta(seconds=1)
    assert not record.health.is_reachable
    record.works(PAGES)
    assert record.health.is_reachable


def test_one_odd_answer_is_not_a_problem_of_the_upstream(record: HealthRecord) -> None:
    for _ in range(ODD_ANSWERS - 1):
        record.is_odd(PAGES, "answers with HTML")
    assert record.health.is_reachable
    record.works(PAGES)
    record.is_odd(PAGES, "answers with HTML")
    assert record.health.is_reachable
    for _ in range(ODD_ANSWERS - 1):
        record.is_odd(PAGES, "answers with HTML")
    assert record.health.reason == "answers with HTML"


def test_changes_are_logged_once(record: HealthRecord, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        for _ in range(3):
            record.fails(PAGES, "does not answer")
        for _ in range(3):
            record.works(PAGES)
    assert caplog.messages == ["The upstream pypi does not answer", "The upstream pypi answers again"]
