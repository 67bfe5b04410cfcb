"""Hypothesis as the tests use it: no example has a deadline, since no test may depend on how fast the machine is.

Ruff refuses `hypothesis.given` and `hypothesis.settings` elsewhere.
"""

from hypothesis import HealthCheck, given, settings  # noqa: TID251 - this is the one place

__all__ = ["given", "settings"]

settings.register_profile("untimed", settings.default, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")
settings.register_profile("proof", max_examples=1500, stateful_step_count=100)
"""The profile of `make proof`: minutes instead of seconds."""
