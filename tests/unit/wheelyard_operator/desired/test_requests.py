import pytest

from wheelyard_operator.desired.requests import answered_in, is_asked, with_answer


def test_each_value_is_honored_once() -> None:
    answered: tuple[str, ...] = ()
    for value in ("one", "two"):
        assert is_asked(value, answered)
        answered = with_answer(value, answered)
        assert not is_asked(value, answered)
    assert not is_asked("one", answered)
    assert with_answer("one", answered) == answered


def test_without_the_annotation_no_rotation_is_requested() -> None:
    assert not is_asked("", ())
    assert with_answer("", ("a",)) == ("a",)


def test_few_are_remembered_however_long_they_are() -> None:
    answered: tuple[str, ...] = ()
    for number in range(100):
        answered = with_answer(f"{number}" * 10_000, answered)
    assert len(answered) == 8
    assert sum(map(len, answered)) < 200


@pytest.mark.parametrize("state", [{}, {"answered": 3}, {"answered": [1, None]}, {"request": 3}])
def test_a_damaged_state_answers_no_request(state: dict[str, object]) -> None:
    assert answered_in(state) == ()


def test_a_request_handled_by_a_previous_operator_is_not_handled_again() -> None:
    assert not is_asked("leaked on Monday", answered_in({"request": "leaked on Monday"}))
