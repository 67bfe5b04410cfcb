"""A sample of the real wheels: the small ones that break a rule, and every tenth of the other small ones.

`make real-wheels` has all of them.
"""

import pytest

from cluster.paths import cache
from support.real_wheels import RealWheel, fetch, listed, problem

SMALL = 100_000
BROKEN = [wheel for wheel in listed() if wheel.rules and wheel.size < 3_000_000]
SOUND = [wheel for wheel in listed() if not wheel.rules and wheel.size < SMALL]


@pytest.mark.parametrize("wheel", [*BROKEN, *SOUND[::10]], ids=lambda wheel: wheel.filename)
def test_a_real_wheel_is_taken_with_the_findings_of_the_list(wheel: RealWheel) -> None:
    folder = cache() / "real-wheels"
    folder.mkdir(parents=True, exist_ok=True)
    assert not problem(wheel, fetch(wheel, folder))


def test_the_sample_has_wheels_of_both_kinds() -> None:
    assert {rule for wheel in BROKEN for rule in wheel.rules} >= {
        "wheel-tags",
        "record-digest-hex",
        "metadata-field",
    }
    assert len(SOUND[::10]) > 10
