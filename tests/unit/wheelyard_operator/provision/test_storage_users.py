import pytest

from unit.wheelyard_operator.fakes import an_index, s3_of
from wheelyard_operator.problems import Problem
from wheelyard_operator.provision.storage_users import Capabilities, check_capabilities


def test_a_storage_that_cannot_narrow_keys_to_a_prefix_is_refused() -> None:
    whole, part = s3_of(an_index()), s3_of(an_index(s3__prefix="team/"))
    check_capabilities(Capabilities(prefixes=True), part)
    check_capabilities(Capabilities(prefixes=False), whole)
    with pytest.raises(Problem, match="would reach the whole bucket") as caught:
        check_capabilities(Capabilities(prefixes=False), part)
    assert caught.value.reason == "PolicyUnsupported"
