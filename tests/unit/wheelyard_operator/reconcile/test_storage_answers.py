from dataclasses import replace

import pytest

from unit.wheelyard_operator.fakes import an_index, s3_of
from wheelyard_operator.condition_types import STORAGE_READY
from wheelyard_operator.problems import Problem
from wheelyard_operator.reconcile.storage_answers import StorageAnswers, StorageQuestion
from wheelyard_operator.status.storage import ReadyStorage

INDEX = an_index()
QUESTION = StorageQuestion.about(INDEX, s3_of(INDEX), "digest")
READY = ReadyStorage("digest")
PROBLEM = Problem(STORAGE_READY, "BucketNotFound", "create it")


class Time:
    seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def answers(time: Time) -> StorageAnswers:
    return StorageAnswers(time)


def test_the_same_question_is_answered_from_memory(answers: StorageAnswers) -> None:
    assert answers.get(QUESTION) is None
    answers.remember(QUESTION, READY)
    assert answers.get(StorageQuestion.about(INDEX, s3_of(INDEX), "digest")) == READY


@pytest.mark.parametrize(
    "changed",
    [
        replace(QUESTION, uid="another"),
        replace(QUESTION, generation=2),
        replace(QUESTION, rotation_request="now"),
        replace(QUESTION, credentials_digest="other"),
    ],
)
def test_any_changed_input_is_another_question(answers: StorageAnswers, changed: StorageQuestion) -> None:
    answers.remember(QUESTION, READY)
    assert answers.get(changed) is None


@pytest.mark.parametrize(
    ("answer", "seconds"),
    [
        (READY, 45),
        (PROBLEM, 5),
        (replace(READY, has_previous_key=True), 5),
        (replace(READY, rotation_waits=True), 5),
    ],
)
def test_a_problem_and_a_rotating_key_are_asked_about_sooner(
    answers: StorageAnswers, time: Time, answer: ReadyStorage | Problem, seconds: int
) -> None:
    answers.remember(QUESTION, answer)
    time.seconds = seconds
    assert answers.get(QUESTION) is answer
    time.seconds += 0.1
    assert answers.get(QUESTION) is None


def test_an_answer_with_a_new_key_is_remembered_for_the_new_key(answers: StorageAnswers) -> None:
    """The next reconciliation observes the new key: it must not ask again because of it."""
    answers.remember(QUESTION, replace(READY, credentials_digest="new"))
    assert answers.get(QUESTION) is None
    assert answers.get(replace(QUESTION, credentials_digest="new")) is not None
