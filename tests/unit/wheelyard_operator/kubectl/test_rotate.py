from typing import Any

import pytest

from unit.wheelyard_operator.fakes import own_credentials
from unit.wheelyard_operator.kubectl.plugin import Plugin, conditions, reconciled_index, reconciled_user
from wheelyard_operator.resource import Manifest


def annotation(plugin: Plugin, kind: str, name: str, key: str) -> str | None:
    body = plugin.kube.get(kind, "packages", name)
    assert body
    value: str | None = body["metadata"].get("annotations", {}).get(key)
    return value


@pytest.mark.parametrize(("target", "kind"), [("index/main", "PackageIndex"), ("user/ci", "IndexUser")])
def test_each_request_for_a_rotation_has_a_new_value(plugin: Plugin, target: str, kind: str) -> None:
    values = set()
    for _ in range(3):
        assert plugin("rotate", target).code == 0
        values.add(annotation(plugin, kind, target.partition("/")[2], "wheelyard.dev/rotate"))
    assert len(values) == 3
    assert None not in values


@pytest.mark.parametrize(
    ("target", "body", "text"),
    [
        ("index/main", reconciled_index(**own_credentials()), "write a new one into Secret keys"),
        ("index/main", reconciled_index(storage={"volume": {"size": "1Gi"}}), "nothing to rotate"),
        (
            "index/main",
            reconciled_index(s3__provision={}, s3__credentials={"serviceAccount": {}}),
            "nothing to rotate",
        ),
        ("user/ci", reconciled_user(credentials={"token": False}), "has no token"),
        (
            "user/ci",
            reconciled_user(annotations={"wheelyard.dev/paused": "true"}),
            "is paused: run kubectl wheelyard resume user/ci first",
        ),
    ],
)
def test_a_rotation_that_cannot_happen_is_refused(plugin: Plugin, target: str, body: Manifest, text: str) -> None:
    plugin.kube.put(body)
    shown = plugin("rotate", target)
    assert shown.code == 1
    assert text in shown.err
    assert plugin.kube.writes == []


def waiting(plugin: Plugin, monkeypatch: pytest.MonkeyPatch, *steps: Manifest) -> None:
    """Make the cluster advance by one step each time that the plugin waits."""
    left, clock = list(steps), iter(range(10_000))

    def sleep(_: float) -> None:
        if left:
            plugin.kube.put(left.pop(0))

    monkeypatch.setattr("wheelyard_operator.kubectl.rotate.time.sleep", sleep)
    monkeypatch.setattr("wheelyard_operator.kubectl.rotate.time.monotonic", lambda: float(next(clock)))


def test_waiting_ends_when_the_token_is_accepted(plugin: Plugin, monkeypatch: pytest.MonkeyPatch) -> None:
    after: dict[str, Any] = {"tokenIssued": "2026-11-23T13:00:00Z", "previousTokenUntil": "2026-11-23T14:00:00Z"}
    waiting(
        plugin,
        monkeypatch,
        reconciled_user(),
        reconciled_user(status={**after, "conditions": conditions(Ready="False")}),
        reconciled_user(status=after),
    )
    shown = plugin("rotate", "user/ci", "--wait")
    assert shown.code == 0
    assert (
        "Secret packages/ci-pypi has the new token; the previous one works until 2026-11-23T14:00:00Z." in shown.out
    )


def test_waiting_for_an_access_key_ends_when_the_previous_key_is_deleted(
    plugin: Plugin, monkeypatch: pytest.MonkeyPatch
) -> None:
    after: dict[str, Any] = {"accessKeyIssued": "2026-11-23T13:00:00Z"}
    rotating = {"type": "CredentialsReady", "status": "True", "reason": "KeyRotating", "message": "."}
    waiting(
        plugin,
        monkeypatch,
        reconciled_index(status={**after, "conditions": conditions(Ready="False", CredentialsReady="True")}),
        reconciled_index(status={**after, "conditions": [*conditions(Ready="True"), rotating]}),
        reconciled_index(status={**after, "conditions": conditions(Ready="True", CredentialsReady="True")}),
    )
    shown = plugin("rotate", "index/main", "--wait")
    assert shown.code == 0
    assert shown.err.splitlines()[1:] == [
        "  waiting for the new access key",
        "  there is a new access key; The message of Ready.",
        "  every index server uses the new access key; the previous one is being deleted",
    ]
    assert "the access key issued at 2026-11-23T13:00:00Z is in use, and the previous one is deleted." in shown.out


def test_waiting_ends_when_the_user_is_stalled(plugin: Plugin, monkeypatch: pytest.MonkeyPatch) -> None:
    waiting(plugin, monkeypatch, reconciled_user(status={"conditions": conditions(Ready="False", Stalled="True")}))
    shown = plugin("rotate", "user/ci", "--wait")
    assert shown.code == 1
    assert "The message of Ready." in shown.err


def test_waiting_ends_after_the_timeout(plugin: Plugin, monkeypatch: pytest.MonkeyPatch) -> None:
    waiting(plugin, monkeypatch)
    shown = plugin("rotate", "user/ci", "--wait", "--timeout", "90s")
    assert shown.code == 1
    assert "not done after 90 s" in shown.err


@pytest.mark.parametrize("timeout", ["soon", "10", "10w", "h"])
def test_an_invalid_timeout_is_refused(plugin: Plugin, timeout: str) -> None:
    assert (
        "a whole number with s, m, h or d, such as 30s or 7d"
        in plugin("rotate", "user/ci", "--timeout", timeout).err
    )
    assert plugin.kube.writes == []


def test_pausing_and_resuming_set_and_remove_the_annotation(plugin: Plugin) -> None:
    assert "is paused" in plugin("pause", "user/ci").out
    assert annotation(plugin, "IndexUser", "ci", "wheelyard.dev/paused") == "true"
    assert "paused" in plugin("status", "main").out
    assert "is resumed" in plugin("resume", "user/ci").out
    assert annotation(plugin, "IndexUser", "ci", "wheelyard.dev/paused") is None
    assert "was not paused" in plugin("resume", "user/ci").out


def test_an_index_with_a_renamed_field_is_reported_and_not_annotated(plugin: Plugin) -> None:
    plugin.kube.put(reconciled_index(spec={"freshness": {"freshSeconds": 30}}))
    shown = plugin("rotate", "index/main")
    assert shown.code == 1
    assert "spec.freshness.freshSeconds is now spec.freshness.fresh" in shown.err
    assert plugin.kube.writes == []
