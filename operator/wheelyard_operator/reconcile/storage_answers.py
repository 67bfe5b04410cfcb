"""Remembers the answers of S3 and IAM, so that they are asked a few times a minute."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from wheelyard_operator.problems import Problem
from wheelyard_operator.resource import PackageIndex, S3Storage
from wheelyard_operator.status.storage import ReadyStorage

_READY_SECONDS = 45.0
_UNSETTLED_SECONDS = 5.0
"""For a problem, and while a key rotates."""


@dataclass(frozen=True)
class StorageQuestion:
    """Everything that an answer depends on: if any of it changes, S3 and IAM are asked again."""

    uid: str
    generation: int
    rotation_request: str
    """An annotation, which changes no generation."""
    credentials_digest: str

    @classmethod
    def about(cls, index: PackageIndex, storage: S3Storage, credentials_digest: str) -> "StorageQuestion":
        """Return the question about the storage of an index that has these credentials."""
        return cls(index.meta.uid, index.meta.generation, storage.rotation.request, credentials_digest)


@dataclass(frozen=True)
class _Remembered:
    until: float
    answer: ReadyStorage | Problem


class StorageAnswers:
    """The answers to all indexes' questions, each for some seconds.

    Safe to share between threads.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._remembered: dict[StorageQuestion, _Remembered] = {}

    def get(self, question: StorageQuestion) -> ReadyStorage | Problem | None:
        """Return the answer, None if S3 and IAM must be asked."""
        found = self._remembered.get(question)
        return None if found is None or found.until < self._clock() else found.answer

    def remember(self, question: StorageQuestion, answer: ReadyStorage | Problem) -> None:
        """Remember an answer for the question that the next reconciliation asks.

        If a new key was made for the answer, that question has the digest of the new key.
        """
        now = self._clock()
        valid = {key: each for key, each in list(self._remembered.items()) if each.until >= now}
        settled = isinstance(answer, ReadyStorage) and not answer.is_rotating
        if isinstance(answer, ReadyStorage):
            question = replace(question, credentials_digest=answer.credentials_digest)
        until = now + (_READY_SECONDS if settled else _UNSETTLED_SECONDS)
        self._remembered = {**valid, question: _Remembered(until, answer)}
