"""The policy file as people write it: what it means, and what is refused with which words."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from wheelyard_server.errors import InvalidSettingsError
from wheelyard_server.settings.policy import (
    NO_RULES,
    Action,
    ExceptableRule,
    FirstSight,
    PolicyFile,
    Until,
    parse_policy,
    seconds_of,
)

WRITTEN = """
names: {private: ["acme-*"]}
policy:
  cooldown: {age: 3d, fixes: 4h, firstSight: {torch: Settled}}
  deny:
  - {packages: [python-jwt], versions: "<4", reason: use pyjwt}
  exceptions:
  - {packages: [urllib3], versions: "==2.6.1", from: [cooldown], until: 2026-12-15, reason: SEC-412}
"""
EXCEPTION = "policy: {{exceptions: [{{packages: [a], from: [cooldown], reason: r, until: {}}}]}}"


def test_a_file_has_the_form_of_the_resource() -> None:
    found = parse_policy(WRITTEN.encode())
    assert found.names.private == ("acme-*",)
    assert seconds_of(found.policy.cooldown.age) == 3 * 86_400
    assert found.policy.cooldown.first_sight == {"torch": FirstSight.SETTLED}
    assert found.policy.deny[0].action is Action.BLOCK
    assert found.policy.exceptions[0].rules == (ExceptableRule.COOLDOWN,)
    assert found.policy.exceptions[0].until == datetime(2026, 12, 16, tzinfo=UTC)


def test_off_needs_no_quotes_and_on_is_a_name() -> None:
    found = parse_policy(
        b"policy: {cooldown: {action: Off}, deny: [{packages: [on, y]}], malware: {requireFeed: true}}"
    )
    assert found.policy.cooldown.action is Action.OFF
    assert found.policy.deny[0].packages == ("on", "y")
    assert found.policy.malware.require_feed


def test_an_empty_policy_is_the_default_of_an_index_with_upstreams() -> None:
    rules = parse_policy(b"{}").policy
    assert (rules.cooldown.action, rules.cooldown.age, rules.malware.action) == (Action.BLOCK, "7d", Action.BLOCK)
    assert (NO_RULES.cooldown.action, NO_RULES.malware.action) == (Action.OFF, Action.OFF)
    assert PolicyFile().policy == rules


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("policy: {cooldown: {age: 1 week}}", "cooldown.age"),
        ('policy: {cooldown: {age: "7d\\n"}}', "cooldown.age"),
        (f'policy: {{deny: [{{sha256: ["{64 * "a"}\\n"]}}]}}', r"deny\[0\].sha256"),
        (EXCEPTION.format('"9999-12-31"'), r"exceptions\[0\].until"),
        (EXCEPTION.format('"0001-01-01T00:00:00+14:00"'), r"exceptions\[0\].until"),
        ("policy: {cooldwon: {}}", "cooldwon"),
        ("policy: {deny: [{packages: [a], versions: new}]}", "version specifiers such as"),
        ("policy: {deny: [{reason: why}]}", "needs `packages` or `sha256`"),
        ("policy: {exceptions: [{packages: [a], from: [cooldown], until: '2026-12-15'}]}", "reason"),
        ("policy: {exceptions: [{packages: [a], from: [cooldown], reason: x}]}", "until"),
        ("policy: {exceptions: [{packages: [a], from: [cooldown], reason: x, until: soon}]}", "soon"),
        (
            "policy: {exceptions: [{packages: [a], from: [cooldown], reason: x, until: '2026-12-15T00:00:00'}]}",
            "offset from UTC",
        ),
        ("policy: {exceptions: [{packages: [a], from: [private], reason: x, until: '2026-12-15'}]}", "from"),
        ("x" * 1024**2 + "y", "more than 1048576"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_its_key(text: str, named: str) -> None:
    with pytest.raises(InvalidSettingsError, match=named):
        parse_policy(text.encode())


def test_an_exception_counts_through_its_last_day_or_until_a_moment() -> None:
    assert Until.parse("2026-02-28") == datetime(2026, 3, 1, tzinfo=UTC)
    assert Until.parse("2026-12-15T12:00:00+02:00") == datetime(2026, 12, 15, 10, tzinfo=UTC)


@pytest.mark.parametrize("written", ["2026-12-15", '"2026-12-15T10:00:00.000001+01:00"'])
def test_the_end_of_an_exception_can_be_encoded(written: str) -> None:
    text = f"policy: {{exceptions: [{{packages: [demo], from: [deny], reason: SEC-1, until: {written}}}]}}"
    (exception,) = parse_policy(text.encode()).policy.exceptions
    assert type(exception.until) is datetime
    assert exception.until.utcoffset() == timedelta(0)
    assert msgspec.json.decode(msgspec.json.encode(exception.until), type=datetime) == exception.until
