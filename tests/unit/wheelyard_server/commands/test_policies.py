from pathlib import Path

import pytest

from support.noted_calls import NOTED, parsed
from wheelyard_server.commands import policies as module


@pytest.mark.parametrize(("flags", "days"), [((), 30), (("--days", "7"), 7)])
def test_the_plan_is_asked_for_with_the_days_and_the_releases_of_all_lock_files(
    tmp_path: Path, flags: tuple[str, ...], days: int
) -> None:
    policy, first, second = (tmp_path / name for name in ("policy.yaml", "first.txt", "second.txt"))
    policy.write_text("policy: {}\n")
    first.write_text("b==2\n")
    second.write_text("a==1\nb==2\n")
    locks = ("--lock", str(first), "--lock", str(second))
    asked = module.plan(NOTED, parsed(module, "policy", "plan", "--config", str(policy), *locks, *flags))
    releases = [{"project": "a", "version": "1"}, {"project": "b", "version": "2"}]
    assert asked == ["POST", "/policy/plan", {"policy": "policy: {}\n", "releases": releases, "days": days}]


@pytest.mark.parametrize(("blocked", "code"), [(0, 0), (1, 1), (2, 1)])
def test_the_exit_code_is_1_if_something_that_is_used_would_be_blocked(blocked: int, code: int) -> None:
    assert parsed(module, "policy", "plan", "--config", "policy.yaml").exit_code({"blocked": blocked}) == code
