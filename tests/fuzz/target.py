"""The targets of the fuzzer."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Target:
    """A function that takes any bytes and raises only if there is a bug, and inputs to start from."""

    feed: Callable[[bytes], None]
    seeds: Sequence[bytes]
