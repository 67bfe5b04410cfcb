"""Which servers answer. One that does not is a matter of its own indexes: the others are looked after meanwhile."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from wheelyard_operator.problems import Problem
from wheelyard_operator.provision.errors import UNREACHABLE, unreachable

MOST_AT_ONCE = 8
"""Conversations with one server: half of the workers, so that the other half is there for everything else."""
_PATIENCE_SECONDS = 1.0
_SILENCE_SECONDS = 5.0
_PROBE_SECONDS = 120.0
"""More than the timeouts of a whole conversation: how long the one that finds out may take."""


class BusyError(Exception):
    """So many wait for this server already that nothing was asked: come back soon."""


@dataclass(frozen=True)
class Service:
    """Something that is asked for, at an endpoint."""

    endpoint: str
    condition: str
    """StorageReady, CredentialsReady: S3 may answer where IAM does not."""
    what: str
    """"bucket acme", for messages."""


class Endpoints:
    """Lets conversations begin, or says why not; safe to share between threads.

    Where a server did not answer, nobody asks it for some seconds; then one conversation finds out whether it does
    again, while the others are still told that it does not.
    """

    def __init__(self, clock: Callable[[], float], patience: float = _PATIENCE_SECONDS) -> None:
        self._clock = clock
        self._patience = patience
        self._lock = threading.Lock()
        self._slots: dict[str, threading.BoundedSemaphore] = {}
        self._silent: dict[tuple[str, str], float] = {}
        """Services that did not answer, and until when nobody asks again."""

    @contextmanager
    def conversation(self, *services: Service) -> Iterator[None]:
        """Ask these services inside, the first one first; raise Problem where one is silent, or BusyError."""
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
                    if each.condition == silent:
                        self._silent[_id(each)] = self._clock() + _SILENCE_SECONDS

    def _slots_of(self, endpoint: str) -> threading.BoundedSemaphore:
        with self._lock:
            return self._slots.setdefault(endpoint, threading.BoundedSemaphore(MOST_AT_ONCE))


def _id(service: Service) -> tuple[str, str]:
    return service.endpoint, service.condition
