"""Spans: the parts of a request that a trace shows. They cost almost nothing without tracing.

Code that is worth a span wraps its work in `step` or `call`. `web/telemetry/tracing.py` receives
the spans of traced requests. Only that module knows OpenTelemetry.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from typing import Protocol


class Span(Protocol):
    """One piece of work."""

    def set_attribute(self, key: str, value: str) -> None:
        """Set an attribute, which must not name a person or contain a secret."""

    def failed(self, kind: str) -> None:
        """Mark the work as failed; `kind` is one word, not the text of an error."""


class Tracer(Protocol):
    """Receives the spans of a request."""

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
    """Record the work inside as a span; spans within are its children, and an error marks it as failed."""
    tracer = _tracer.get()
    return _NO_SPAN if tracer is None else tracer.step(name)


def call(name: str) -> AbstractContextManager[Span]:
    """Record a call as a span without children; it may be a generator that yields values meanwhile."""
    tracer = _tracer.get()
    return _NO_SPAN if tracer is None else tracer.call(name)


@contextmanager
def traced_by(tracer: Tracer) -> Iterator[None]:
    """Send the spans of the work inside, and of the tasks that it starts, to the tracer."""
    token = _tracer.set(tracer)
    try:
        yield
    finally:
        _tracer.reset(token)
