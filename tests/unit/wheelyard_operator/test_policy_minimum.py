import pytest

from wheelyard_operator.policy_minimum import MinimumError, PolicyMinimum


def test_without_variables_malware_is_reported_and_nothing_else_is_demanded() -> None:
    assert PolicyMinimum.from_environment({}) == PolicyMinimum()
    assert PolicyMinimum() == PolicyMinimum(0, "Report", 0, frozenset())


def test_every_value_is_read() -> None:
    environment = {
        "WHEELYARD_POLICY_COOLDOWN": "3d",
        "WHEELYARD_POLICY_MALWARE": "Block",
        "WHEELYARD_POLICY_MAX_EXCEPTION": "90d",
        "WHEELYARD_POLICY_NEVER": "malware, deny",
    }
    found = PolicyMinimum.from_environment(environment)
    assert found == PolicyMinimum(3 * 86_400, "Block", 90 * 86_400, frozenset({"malware", "deny"}))


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("WHEELYARD_POLICY_COOLDOWN", "3", "cooldown.age: '3' is not a duration"),
        ("WHEELYARD_POLICY_MALWARE", "false", "malware: 'false' must be Off, Report or Block"),
        ("WHEELYARD_POLICY_MAX_EXCEPTION", "never", "exceptions.maximum: 'never' is not a duration"),
        ("WHEELYARD_POLICY_NEVER", "quarantine", "exceptions.never: 'quarantine' must be one of cooldown"),
    ],
)
def test_an_invalid_value_is_named_as_the_chart_has_it(variable: str, value: str, message: str) -> None:
    with pytest.raises(MinimumError, match=message):
        PolicyMinimum.from_environment({variable: value})
