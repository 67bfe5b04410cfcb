"""The cost of authentication in Wheelyard; `python -m bench.logins` prints it alone."""

import asyncio

from bench import logins
from bench.measure import Figure, Group, Measure, Subject


def _costs(_subject: Subject) -> dict[str, float]:
    return asyncio.run(logins.microseconds())


GROUP = Group(
    "logins",
    "Logins, with 1,000 users",
    "none",
    (
        Measure(
            "login",
            tuple(Figure(name, f"log in by {name}", "us", more_is_better=False) for name in logins.WAYS),
            _costs,
            most_rounds=1,
        ),
    ),
)
