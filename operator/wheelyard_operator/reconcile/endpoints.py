"""A circuit breaker per server of S3 and IAM.

One that does not answer delays only its own indexes.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from wheelyard_operator.problems import Problem
from wheelyard_operator.provision.errors import UNREACHABLE, unreachable

MAX_AT_ONCE = 8
"""Conversations with one server: half of the workers, so that the other half stays free."""
_PATIENCE_SECONDS = 1.0
_SILENCE_SECONDS = 5.0
_PROBE_SECONDS = 120.0
"""How long the conversation that probes a silent server may take: more than all its timeouts."""


class BusyError(Exception):
    """Nothing was asked, because too many conversations with this server are waiting.

    Try again soon.
    """


@dataclass(frozen=True)
class Service:
    """A service at an endpoint."""

    endpoint: str
    condition: str
    """StorageReady or CredentialsReady: S3 may answer while IAM does not. "" for a service that only
    bounds the conversations at a time."""
    what: str
    """"bucket acme", for messages."""


class Endpoints:
    """Lets conversations begin, or raises why not; safe to share between threads.

    A server that did not answer is not asked for some seconds. Then one conversation probes it,
    while the others still get the same problem.
    """

    def __init__(self, clock: Callable[[], float], patience: float = _PATIENCE_SECONDS) -> None:
        self._clock = clock
        self._patience = patience
        self._lock = threading.Lock()
        self._slots: dict[str, threading.BoundedSemaphore] = {}
        self._silent: dict[tuple[str, str], float] = {}
        """Services that did not answer, and until when they are not asked."""

    @contextmanager
    def conversation(self, *services: Service) -> Iterator[None]:
        """Ask these services inside, the first one first.

        Raise Problem if one is silent, or BusyError.
        """
        self._check(services)
        slots = self._slots_of(services[0].endpoint)
        if not slots.acquire(timeout=self._patience):
            raise BusyError
        try:
            self._begin(services)
            with self._learning(services):
                yield
        finally:
            slots.release()

    def _check(self, services: tuple[Service, ...]) -> None:
        for each in services:
            if self._silent.get(_id(each), 0) > self._clock():
                raise unreachable(each.condition, each.what)

    def _begin(self, services: tuple[Service, ...]) -> None:
        with self._lock:
            self._check(services)
            for each in services:
                if _id(each) in self._silent:
                    self._silent[_id(each)] = self._clock() + _PROBE_SECONDS

    @contextmanager
    def _learning(self, services: tuple[Service, ...]) -> Iterator[None]:
        silent = ""
        try:
            yield
        except Problem as problem:
            silent = problem.condition if problem.reason == UNREACHABLE else ""
            raise
        finally:
            with self._lock:
                for each in services:
                    self._silent.pop(_id(each), None)
                    if silent and each.condition == silent:
                        self._silent[_id(each)] = self._clock() + _SILENCE_SECONDS

    def _slots_of(self, endpoint: str) -> threading.BoundedSemaphore:
        with self._lock:
            return self._slots.setdefault(endpoint, threading.BoundedSemaphore(MAX_AT_ONCE))


def _id(service: Service) -> tuple[str, str]:
    return service.endpoint, service.condition
