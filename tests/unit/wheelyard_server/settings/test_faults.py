"""Errors in settings say what is right, for people who do not know the schema."""

import pytest

from wheelyard_server import settings
from wheelyard_server.errors import InvalidSettingsError
from wheelyard_server.settings.policy import parse_policy

MOMENT = "2026-12-15T10:00:00Z"
UNTIL = "`$.policy.exceptions[0].until`"
EXCEPTION = "packages: [a], from: [cooldown], reason: x, until: 2026-12-15"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "{cooldown: {age: tomorrow}}",
            "Expected a duration such as 30s, 10m, 4h or 7d - at `$.policy.cooldown.age`",
        ),
        (
            "{cooldown: {action: Of}}",
            "Invalid enum value 'Of' - at `$.policy.cooldown.action`: write Block, Report, Off",
        ),
        (
            "{cooldown: {firstSight: {torch: Old}}}",
            "Invalid enum value 'Old' - at `$.policy.cooldown.firstSight[...]`: write Wait, Settled",
        ),
        (
            "{formats: {allow: [wheel, wheels]}}",
            "Invalid enum value 'wheels' - at `$.policy.formats.allow[1]`: write wheel, sdist, other",
        ),
        (
            "{malware: {need: true}}",
            "Object contains unknown field `need` - at `$.policy.malware`: it may have action, requireFeed",
        ),
        (
            "{allow: {packages: [a]}}",
            "Object contains unknown field `packages` - at `$.policy.allow`: it may have action, releases",
        ),
        (
            "{deny: [{packages: [a]}, {sha256: [9F]}]}",
            "Expected a SHA-256: 64 hexadecimal digits in lower case - at `$.policy.deny[1].sha256[0]`",
        ),
        (
            f"{{exceptions: [{{{EXCEPTION.replace('2026-12-15', 'soon')}}}]}}",
            f"`until` soon is neither a day such as 2026-12-15 nor a moment such as {MOMENT} - at {UNTIL}",
        ),
        ("[x\n", "it is no YAML: did not find expected ',' or ']' in line 2, column 1"),
    ],
)
def test_an_error_says_what_is_right(text: str, said: str) -> None:
    with pytest.raises(InvalidSettingsError) as raised:
        parse_policy(f"policy: {text}".encode())
    assert str(raised.value) == f"policy.yaml: {said}"


def test_the_top_of_a_file_has_known_keys_and_the_settings_of_a_server_hosts() -> None:
    with pytest.raises(InvalidSettingsError, match=r"unknown field `cooldown`: it may have names, policy\Z"):
        parse_policy(b"cooldown: {age: 3d}")
    webhook = (
        "webhook: {url: 'https://hooks.example.com', secretFolder: s, allowedHosts: ['https://hooks.example.com']}"
    )
    with pytest.raises(InvalidSettingsError, match=r"Expected a host such as files.example.com, or host:port - at"):
        settings.parse(f"storage: {{folder: {{path: d}}}}\naccessFile: a\nscratchFolder: s\n{webhook}".encode())
