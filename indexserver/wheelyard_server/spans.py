"""Spans: what a trace tells of the work for a request. It costs next to nothing where nobody traces.

Code worth a span wraps its work in `step` or `call`. `web/telemetry/tracing.py` listens, for requests
that are traced, and it alone knows OpenTelemetry.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from typing import Protocol


class Span(Protocol):
    """One thing that was done."""

    def set_attribute(self, key: str, value: str) -> None:
        """Return it an attribute; nothing that names a person or is a secret."""

    def failed(self, kind: str) -> None:
        """Say that it went wrong, and how; a word, not what the error says."""


class Tracer(Protocol):
    """Takes the spans of a request."""

    def step(self, name: str) -> AbstractContextManager[Span]:
        """See `step` of this module."""

    def call(self, name: str) -> AbstractContextManager[Span]:
        """See `call` of this module."""


class _NoSpan:
    def __enter__(self) -> Span:
        return self

    def __exit__(self, *_error: object) -> None:
        pass

    def set_attribute(self, key: str, value: str) -> None:
        pass

    def failed(self, kind: str) -> None:
        pass


_NO_SPAN = _NoSpan()
_tracer: ContextVar[Tracer | None] = ContextVar("tracer", default=None)


def step(name: str) -> AbstractContextManager[Span]:
    """Tell of what is done within: steps and calls in it are its children, and an error is its failure."""
    tracer = _tracer.get()
    return _NO_SPAN if tracer is None else tracer.step(name)


def call(name: str) -> AbstractContextManager[Span]:
    """Tell of a call that has no children, also of one that hands out values while it goes on."""
    tracer = _tracer.get()
    return _NO_SPAN if tracer is None else tracer.call(name)


@contextmanager
def traced_by(tracer: Tracer) -> Iterator[None]:
    """Tell the tracer of what is done within, and of what that starts."""
    token = _tracer.set(tracer)
    try:
        yield
    finally:
        _tracer.reset(token)
