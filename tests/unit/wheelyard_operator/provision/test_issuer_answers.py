import pytest

from wheelyard_operator.provision.issuer_answers import Answers, IssuerError


class Source:
    """Counts questions; every answer is its number."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.asked = 0
        self.answers = Answers[int](lambda: self.seconds)

    def __call__(self) -> int:
        self.asked += 1
        return self.asked

    def fail(self) -> int:
        self.asked += 1
        raise IssuerError("it is down")


def test_an_answer_lasts_two_minutes() -> None:
    source = Source()
    assert [source.answers.of("a", source), source.answers.of("a", source)] == [1, 1]
    source.seconds = 121
    assert source.answers.of("a", source) == 2


def test_a_failure_lasts_half_a_minute_and_keeps_its_reason() -> None:
    source = Source()
    for _ in range(3):
        with pytest.raises(IssuerError, match="it is down"):
            source.answers.of("a", source.fail)
    assert source.asked == 1
    source.seconds = 31
    assert source.answers.of("a", source) == 2


def test_what_is_remembered_has_a_bound() -> None:
    source = Source()
    for number in range(1001):
        source.answers.of(number, source)
    assert source.answers.of(1000, source) == 1001
    assert source.answers.of(0, source) == 1002, "it is asked again"
