from collections.abc import Callable
from dataclasses import replace

import pytest

from unit.wheelyard_operator.fakes import NOW, TOKEN
from wheelyard_operator import tokens
from wheelyard_operator.desired.credentials import ChosenPassword, Credentials, Previous
from wheelyard_operator.reconcile.token_rotation import next_rotation, next_step, seconds_to_next
from wheelyard_operator.resource import Rotation
from wheelyard_operator.times import later

NEVER = Rotation(0, 3600, "")
DAILY = Rotation(86400, 3600, "")
CURRENT = Credentials(TOKEN, NOW, password=ChosenPassword("h", "", "s"))
TOMORROW = later(NOW, 86400)
NEW = tokens.new_token(lambda size: b"\2" * size)


def step(
    current: Credentials, rotation: Rotation, now: str, is_known: Callable[[str], bool] = lambda _: True
) -> Credentials:
    return next_step(current, rotation, now, is_known, lambda: NEW)


def test_a_user_without_a_token_gets_one_at_once() -> None:
    assert step(Credentials(), DAILY, NOW) == Credentials(NEW, NOW)
    lost = replace(CURRENT, token="", next_token=TOKEN, previous=(Previous("d", TOMORROW),))
    assert step(lost, NEVER, NOW) == Credentials(NEW, NOW, password=CURRENT.password), "other tokens end at once"


def test_nothing_happens_before_its_time() -> None:
    assert step(CURRENT, NEVER, "2099-01-01T00:00:00Z") == CURRENT
    assert step(CURRENT, DAILY, later(NOW, 86399)) == CURRENT


def test_a_new_token_is_made_known_before_it_is_given_out() -> None:
    announced = step(CURRENT, DAILY, TOMORROW)
    assert announced == replace(CURRENT, next_token=NEW, next_since=TOMORROW)
    unknown = step(announced, DAILY, later(TOMORROW, 1000), lambda _: False)
    assert unknown == announced, "the index has not got it"
    assert step(announced, DAILY, later(TOMORROW, 9)) == announced, "index servers may not have read it"
    asked = []
    given = step(announced, DAILY, later(TOMORROW, 10), lambda digest: not asked.append(digest))  # type: ignore[func-returns-value]
    assert asked == [tokens.digest(NEW)]
    assert given == replace(
        CURRENT,
        token=NEW,
        issued=later(TOMORROW, 10),
        previous=(Previous(tokens.digest(TOKEN), later(TOMORROW, 3610)),),
    )


def test_the_old_one_works_for_the_overlap_and_no_longer() -> None:
    rotated = replace(CURRENT, previous=(Previous("d", TOMORROW),))
    assert step(rotated, NEVER, later(TOMORROW, -1)) == rotated
    assert step(rotated, NEVER, TOMORROW).previous == ()


def test_a_request_is_answered_once() -> None:
    now = replace(NEVER, request="leaked on Monday")
    announced = step(CURRENT, now, NOW)
    assert announced.next_token == NEW
    given = step(announced, now, later(NOW, 10))
    assert given.token == NEW
    assert step(given, now, TOMORROW).token == NEW
    assert step(given, replace(NEVER, request="again"), TOMORROW).next_token == NEW


@pytest.mark.parametrize("rotation", [NEVER, DAILY])
def test_an_annotation_that_is_taken_away_or_put_back_asks_for_nothing(rotation: Rotation) -> None:
    """A GitOps tool removes what others set, or sets the value of Git again."""
    asked, again = (replace(rotation, request=value) for value in ("from Git", "by hand"))
    now = NOW
    credentials = CURRENT
    for each in (asked, again):
        credentials = step(step(credentials, each, now), each, later(now, 10))
        now = later(now, 20)
    for each in (rotation, asked, again, rotation, asked):
        assert step(credentials, each, now) == credentials
    credentials = step(step(credentials, rotation, later(NOW, 2 * 86400)), rotation, later(NOW, 2 * 86400 + 10))
    assert step(credentials, asked, later(NOW, 2 * 86400 + 20)) == credentials, (
        "a rotation by schedule forgets none"
    )


def test_the_first_token_answers_the_request_that_stands_there() -> None:
    now = replace(NEVER, request="old")
    assert step(step(Credentials(), now, NOW), now, TOMORROW).next_token == ""


def test_tokens_that_still_work_are_few() -> None:
    credentials = CURRENT
    for number in range(9):
        rotation = Rotation(0, 86400, str(number))
        credentials = step(step(credentials, rotation, NOW), rotation, later(NOW, 10))
    assert len(credentials.previous) == 5


@pytest.mark.parametrize(
    ("credentials", "rotation", "seconds"),
    [
        (CURRENT, NEVER, None),
        (CURRENT, DAILY, 86400),
        (replace(CURRENT, previous=(Previous("d", later(NOW, 60)),)), DAILY, 60),
        (replace(CURRENT, next_token=NEW, next_since=NOW), DAILY, 10),
        (replace(CURRENT, previous=(Previous("d", later(NOW, -60)),)), NEVER, 0),
        (Credentials(), DAILY, None),
    ],
)
def test_the_next_look_is_when_the_next_rotation_step_is_due(
    credentials: Credentials, rotation: Rotation, seconds: float | None
) -> None:
    assert seconds_to_next(credentials, rotation, NOW) == seconds


def test_the_next_rotation_is_after_one_interval() -> None:
    assert next_rotation(CURRENT, DAILY) == TOMORROW
    assert next_rotation(CURRENT, NEVER) == ""
