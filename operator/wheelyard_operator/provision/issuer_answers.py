"""Remembers what issuers of tokens have answered: each is asked rarely, however often reconciliations run."""

import logging
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

log = logging.getLogger(__name__)

_T = TypeVar("_T")
_FRESH_SECONDS = 120.0
_DOUBT_SECONDS = 30.0
_MAX_ANSWERS = 1000


class IssuerError(Exception):
    """An issuer's keys or endpoints are not available now; the text says why."""


@dataclass(frozen=True)
class _Answer(Generic[_T]):
    until: float
    content: _T | None
    error: str = ""


class Answers(Generic[_T]):
    """The last answer of each issuer: two minutes long, and a failure for half a minute."""

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        count_failure: Callable[[], object] = lambda: None,
    ) -> None:
        """Take a function that is called for an unexpected error.

        Answers of foreign servers must not stop a reconciliation.
        """
        self._clock = clock
        self._count_failure = count_failure
        self._known: dict[Hashable, _Answer[_T]] = {}

    def of(self, key: Hashable, ask: Callable[[], _T]) -> _T:
        """Return the answer that is known, or ask; raise `IssuerError`."""
        answer = self._known.get(key)
        if answer is None or answer.until < self._clock():
            if len(self._known) >= _MAX_ANSWERS:
                self._known.clear()
            answer = self._known[key] = self._asked(ask)
        if answer.content is None:
            raise IssuerError(answer.error)
        return answer.content

    def _asked(self, ask: Callable[[], _T]) -> _Answer[_T]:
        try:
            return _Answer(self._clock() + _FRESH_SECONDS, ask())
        except IssuerError as error:
            log.warning("The keys of an issuer are not available: %s", error)
            return _Answer(self._clock() + _DOUBT_SECONDS, None, str(error))
        except Exception as error:
            log.exception("Unexpected error: the keys of an issuer are not available")
            self._count_failure()
            return _Answer(self._clock() + _DOUBT_SECONDS, None, type(error).__name__)
