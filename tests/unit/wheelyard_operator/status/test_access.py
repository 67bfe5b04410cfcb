import pytest

from wheelyard_operator.status.access import access_condition


@pytest.mark.parametrize(
    ("answers", "status", "reason"),
    [
        ({}, "Unknown", "NotKnown"),
        ({"a": True, "b": True}, "True", "InForce"),
        ({"a": True, "b": None}, "Unknown", "NotKnown"),
        ({"a": None, "b": False, "c": True}, "False", "AccessFileRefused"),
    ],
)
def test_permissions_are_in_force_if_every_server_says_so(
    answers: dict[str, bool | None], status: str, reason: str
) -> None:
    condition = access_condition(answers)
    assert (condition.status, condition.reason) == (status, reason)
    assert ("Index server b" in condition.message) is (status == "False")


def test_globs_without_effect_are_named() -> None:
    condition = access_condition({"a": True}, ["*a" * 9, "*b" * 9])
    assert (condition.status, condition.reason) == ("False", "GlobsIgnored")
    assert "spec.access has the glob *a*a*a*a*a*a*a*a*a and 1 more, which has no effect" in condition.message
