"""Which clients a rule of the index is tried with by `make test`, and which ones `make matrix` adds.

Each client goes through one test that is not shortened, so that none is left to the matrix alone.
"""

from collections.abc import Iterable, Mapping

import pytest

ALWAYS = frozenset({"pip", "uv", "twine"})
"""The clients that nearly everyone has."""


def with_clients(
    argument: str, clients: Mapping[str, object], names: Iterable[str] = (), *, indirect: bool = False
) -> pytest.MarkDecorator:
    """Return a parametrization with these clients, or all; those not in `ALWAYS` are for the matrix."""
    chosen = [
        pytest.param(clients[name], id=name, marks=() if name in ALWAYS else pytest.mark.matrix)
        for name in names or clients
    ]
    return pytest.mark.parametrize(argument, chosen, indirect=indirect)
